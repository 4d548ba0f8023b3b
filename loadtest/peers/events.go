// The events that all subjects get.

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"parquay/loadtest/peers/rows"
	"parquay/loadtest/scenario"
)

// plan is what the events depend on: those of the load tester, of one tenant.
var plan = scenario.Plan{Seed: 1, Table: "events", Tenants: []string{"default"}}

// events is NDJSON in one piece of memory, and in files.
type events struct {
	text  []byte
	ends  []int  // where each line ends, after its newline
	from  []byte // which sender each is of
	batch int    // lines of a body
	files string // a folder; "" where only bodies are needed
}

// senders is how many the events come from, in no order. Each has some 500 messages
// under way; so the four events of a message are some 4,000 rows apart, with others'
// between them that never come in the same order again. With one sender every 512th row
// would be of the same message, which compresses as no real events do.
const senders = 8

// typical is the bytes that an event takes, to allocate once.
const typical = 460

// generate makes n events, in order, of one minute in the middle of the hour before
// now: so all of them are of one hour, and none is too late for anybody.
func generate(n, batch int, now time.Time) *events {
	begin := now.Truncate(time.Hour).Add(-30 * time.Minute).UnixMilli()
	m := scenario.NewMaker(&plan)
	e := &events{text: make([]byte, 0, n*typical), ends: make([]int, 0, n), from: make([]byte, 0, n), batch: batch}
	r := rand.New(rand.NewPCG(1, 2))
	var next [senders]int64
	for i := range int64(n) {
		sender := r.IntN(senders)
		e.text, _ = m.Append(e.text, sender, next[sender], 0, begin+time.Minute.Milliseconds()*i/int64(n)) // all are valid
		next[sender]++
		e.text = append(e.text, '\n')
		e.ends = append(e.ends, len(e.text))
		e.from = append(e.from, byte(sender))
	}
	return e
}

// write puts the events into files of NDJSON, as many as there are cores: not
// everybody reads one file with several threads.
func (e *events) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make a folder for the events: %w", err)
	}
	parts := runtime.NumCPU()
	for i := range parts {
		name := filepath.Join(dir, fmt.Sprintf("part-%02d.ndjson", i))
		if err := os.WriteFile(name, e.lines(len(e.ends)*i/parts, len(e.ends)*(i+1)/parts), 0o644); err != nil {
			return fmt.Errorf("write the events: %w", err)
		}
	}
	e.files = dir
	return nil
}

// first is the first n of the events, without files.
func (e *events) first(n int) *events {
	return &events{text: e.text, ends: e.ends[:n], from: e.from[:n], batch: e.batch}
}

// single is the same events, one in each body.
func (e *events) single() *events {
	return &events{text: e.text, ends: e.ends, from: e.from, batch: 1}
}

// sent is how many events there are of each sender.
func (e *events) sent() rows.Sent {
	n := make(rows.Sent, senders)
	for _, sender := range e.from {
		n[sender]++
	}
	return n
}

func (e *events) count() int { return len(e.ends) }

// bytes is the length of all lines.
func (e *events) bytes() int64 { return int64(e.ends[len(e.ends)-1]) }

// bodies is how many there are, of which body returns one.
func (e *events) bodies() int { return (len(e.ends) + e.batch - 1) / e.batch }

// body is without a newline at its end, after which some expect another event.
func (e *events) body(i int) []byte {
	text := e.lines(i*e.batch, min((i+1)*e.batch, len(e.ends)))
	return text[:len(text)-1]
}

func (e *events) lines(from, to int) []byte {
	begin := 0
	if from > 0 {
		begin = e.ends[from-1]
	}
	return e.text[begin:e.ends[to-1]]
}
