package ledger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Sent notes that a body is about to be sent. The first attempt lists its events.
type Sent struct {
	Name    Name      `json:"name"`
	Attempt int       `json:"attempt"` // from 1
	At      time.Time `json:"at"`
	Made    time.Time `json:"made"` // what NewBody was given
	Broken  bool      `json:"broken,omitempty"`
	Entries []Entry   `json:"entries,omitempty"`
}

// Answer notes what was answered to an attempt.
type Answer struct {
	Name    Name      `json:"name"`
	Attempt int       `json:"attempt"`
	At      time.Time `json:"at"`
	Status  int       `json:"status"`
	Problem string    `json:"problem,omitempty"` // the type of an answer that is application/problem+json
}

// record is a line of the file.
type record struct {
	Sent   *Sent   `json:"sent,omitempty"`
	Answer *Answer `json:"answer,omitempty"`
}

// Ledger is a file of its own, to which records are only added. It is safe for
// concurrent use.
type Ledger struct {
	file *os.File

	mu struct {
		sync.Mutex
		out     *bufio.Writer
		written int // records
	}
	syncing struct {
		sync.Mutex
		synced int // records that are durable
	}
}

// Create makes a new ledger.
func Create(name string) (*Ledger, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create the ledger: %w", err)
	}
	l := &Ledger{file: file}
	l.mu.out = bufio.NewWriterSize(file, 1<<20)
	return l, nil
}

// Send notes a Sent and returns when it is durable.
func (l *Ledger) Send(s Sent) error {
	n, err := l.append(record{Sent: &s})
	if err != nil {
		return err
	}
	// Whoever comes first syncs for all who have written by then.
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if l.syncing.synced >= n {
		return nil
	}
	l.mu.Lock()
	n, err = l.mu.written, l.mu.out.Flush()
	l.mu.Unlock()
	if err = errors.Join(err, l.file.Sync()); err != nil {
		return fmt.Errorf("sync the ledger: %w", err)
	}
	l.syncing.synced = n
	return nil
}

// Answer notes an Answer. It is durable with the next Sent.
func (l *Ledger) Answer(a Answer) error {
	_, err := l.append(record{Answer: &a})
	return err
}

func (l *Ledger) append(r record) (written int, err error) {
	line, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("write the ledger: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.written++
	if _, err := l.mu.out.Write(append(line, '\n')); err != nil {
		return 0, fmt.Errorf("write the ledger: %w", err)
	}
	return l.mu.written, nil
}

// Close ends the ledger.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.mu.out.Flush(), l.file.Close())
}

// Account is what a ledger says about one event.
type Account struct {
	Entry
	Name   Name
	Made   time.Time
	First  time.Time // when it was first sent
	Acked  time.Time // when it was acknowledged; zero if it was not
	Copies int       // how many rows of it there may be: once for every time that may have been taken
}

// Explain makes the event again: the row that was expected, and the text sent.
func (a *Account) Explain() (row Row, text string) {
	body := NewBody(a.Name, a.Made)
	return body.Find(a.Key)
}

// Read sums a ledger up by key.
func Read(name string) (map[string]*Account, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer file.Close()
	accounts := map[string]*Account{}
	bodies := map[Name][]*Account{}
	in := json.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	for {
		var r record
		if err := in.Decode(&r); errors.Is(err, io.EOF) {
			return accounts, nil
		} else if err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
		if s := r.Sent; s != nil {
			for _, e := range s.Entries {
				if accounts[e.Key] != nil {
					return nil, fmt.Errorf("read the ledger: the key %s is used twice", e.Key)
				}
				a := &Account{Entry: e, Name: s.Name, Made: s.Made, First: s.At}
				accounts[e.Key] = a
				bodies[s.Name] = append(bodies[s.Name], a)
			}
			for _, a := range bodies[s.Name] {
				a.Copies++ // until an answer says otherwise
			}
		}
		if ans := r.Answer; ans != nil {
			for _, a := range bodies[ans.Name] {
				switch {
				case ans.final():
					a.Acked = ans.At
				case ans.refused():
					a.Copies--
				}
			}
			if ans.final() {
				delete(bodies, ans.Name)
			}
		}
	}
}

// final says whether the answer promises that every event of the body is kept, the
// bad ones in the table rejected.
func (a Answer) final() bool {
	return a.Status == 202 || a.Status == 207 || a.Status == 422
}

// refused says whether the answer promises that nothing of the body was taken.
// After any other failure that is unknown.
func (a Answer) refused() bool {
	switch a.Status {
	case 400, 413, 415, 429:
		return true
	case 503:
		return a.Problem == "/problems/busy" || a.Problem == "/problems/journal-full" || a.Problem == "/problems/stopping"
	}
	return false
}
