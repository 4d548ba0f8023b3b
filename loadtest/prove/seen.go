// Which events have been found: a bit for each.

package prove

import (
	"math/bits"
	"sync/atomic"

	"parquay/loadtest/drive"
)

// seen is a bit for each sequence number of a worker. It may be used by several
// goroutines at a time.
type seen []atomic.Uint64

func newSeen(n int64) seen { return make(seen, (n+63)/64) }

// mark says whether it is the first time.
func (s seen) mark(n int64) (first bool) {
	bit := uint64(1) << (n & 63)
	return s[n>>6].Or(bit)&bit == 0
}

func (s seen) has(n int64) bool { return s[n>>6].Load()&(1<<(n&63)) != 0 }

// count is how many of a range are marked.
func (s seen) count(r drive.Range) (n int64) {
	for i := r.From; i < r.To; {
		if i&63 == 0 && i+64 <= r.To {
			n += int64(bits.OnesCount64(s[i>>6].Load()))
			i += 64
			continue
		}
		if s.has(i) {
			n++
		}
		i++
	}
	return n
}
