package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// pipeline sends many small requests over one connection, without waiting for one
// answer before the next request, and counts the answers by status.
type pipeline struct {
	address  string
	statuses map[int]int
}

// ahead is how many requests are on their way at a time: what fits the buffers of a
// connection, so that neither side ever waits for the other to read.
const ahead = 256

// run sends the requests 0 to n-1. request appends one as it goes over the wire. A
// connection that the gateway closes after an answer is made anew.
func (p *pipeline) run(n int, request func(to []byte, i int) []byte) error {
	p.statuses = map[int]int{}
	var buffer []byte
	for done := 0; done < n; {
		c, err := net.DialTimeout("tcp", p.address, startWithin)
		if err != nil {
			return err
		}
		in := bufio.NewReaderSize(c, 64<<10)
		open := true
		for open && done < n && err == nil {
			buffer = buffer[:0]
			last := min(done+ahead, n)
			for i := done; i < last; i++ {
				buffer = request(buffer, i)
			}
			if err := c.SetDeadline(time.Now().Add(flushWithin)); err != nil {
				return errors.Join(err, c.Close())
			}
			_, _ = c.Write(buffer) // a connection that is closed meanwhile still has answers to read
			for open && done < last && err == nil {
				if open, err = p.answer(in); err == nil {
					done++
				}
			}
		}
		c.Close()
		if err != nil {
			return fmt.Errorf("read the answer to request %d: %w", done, err)
		}
	}
	return nil
}

// answer reads one, and says whether the connection stays open.
func (p *pipeline) answer(in *bufio.Reader) (open bool, err error) {
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return false, err
	}
	p.statuses[response.StatusCode]++
	return !response.Close, nil
}

// flood sends n requests over some connections and returns the answers by status.
func (s *site) flood(n int, request func(to []byte, i int) []byte) map[int]int {
	s.Helper()
	const connections = 4
	sum := map[int]int{}
	var mu sync.Mutex
	var clients sync.WaitGroup
	for c := range connections {
		clients.Go(func() {
			p := pipeline{address: s.address()}
			share := n / connections
			err := p.run(share, func(to []byte, i int) []byte { return request(to, c*share+i) })
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.Error(err)
			}
			for status, count := range p.statuses {
				sum[status] += count
			}
		})
	}
	clients.Wait()
	return sum
}

// series lists the time series that /metrics has, but for the counts of the answers
// that tell a client to come back, which come when they come.
func (s *site) series() map[string]bool {
	s.Helper()
	list := map[string]bool{}
	for line := range strings.Lines(s.metrics()) {
		name, _, _ := strings.Cut(line, " ")
		if name != "#" && !strings.Contains(name, `status="429"`) && !strings.Contains(name, `status="503"`) {
			list[name] = true
		}
	}
	return list
}

// metrics is what /metrics answers.
func (s *site) metrics() string {
	s.Helper()
	status, text, err := s.gateway.Get(s.Context(), s.gateway.Admin+"/metrics")
	if err != nil || status != http.StatusOK {
		s.Fatalf("/metrics: %d, %v", status, err)
	}
	return text
}

// sameSeries does something a few times and then often, and expects no time series
// that there was not before.
func (s *site) sameSeries(t *testing.T, few, often int, do func(n int)) {
	t.Helper()
	do(few)
	s.metrics() // has series of its own
	before := s.series()
	begin := time.Now()
	do(often)
	t.Logf("%d took %v", often, time.Since(begin).Round(time.Millisecond))
	more := 0
	for name := range s.series() {
		if !before[name] {
			if more++; more <= 5 {
				t.Errorf("a series that was not there before: %s", name)
			}
		}
	}
	if more > 0 {
		t.Errorf("%d series more than the %d of before", more, len(before))
	}
}
