// When bodies leave.

package drive

import (
	"sync"
	"sync/atomic"
	"time"

	"parquay/loadtest/scenario"
)

// budget is how many events are still to be sent.
type budget struct {
	left atomic.Int64
}

// take returns n, or what is left; 0 ends the run.
func (b *budget) take(n int) int {
	for {
		left := b.left.Load()
		n := min(int64(n), left)
		if n <= 0 {
			return 0
		}
		if b.left.CompareAndSwap(left, left-n) {
			return int(n)
		}
	}
}

// schedule says when the bodies of a traffic are to leave, whoever sends them. A body
// that no worker is free for keeps its moment, and what it waits counts as latency:
// so a gateway that stalls can't hide that.
type schedule struct {
	begin  time.Time
	rate   float64 // events a second; 0 is whenever a worker is free
	curve  scenario.Curve
	length float64 // seconds of the whole run, for the curve

	mu struct {
		sync.Mutex
		next float64 // seconds after begin
	}
}

// take returns the moment of the next body, of n events.
func (s *schedule) take(n int) time.Time {
	if s.rate == 0 {
		return time.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.mu.next
	s.mu.next += float64(n) / (s.rate * s.curve.At(at/s.length))
	return s.begin.Add(time.Duration(at * float64(time.Second)))
}
