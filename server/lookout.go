// Noticing a client that leaves while its request is served.

package server

import (
	"context"
	"sync"
	"time"
)

// patience is how long a request takes at most before somebody looks whether its
// client is still there: longer than most take altogether, and not so long that a
// client that has left would be waited for.
const patience = 100 * time.Millisecond

// lookout reads from a connection while a request of it is served, which is how one
// learns that the client has closed it. Net/http does so beside each handler, and
// needs two goroutines to wait for one another: an eighth of the handler's time for
// requests that are mostly answered within some milliseconds. Here only those that
// have taken a while are looked after, which a timer finds that fires a few times a
// second however many there are.
type lookout struct {
	socket socket
	read   *deadline
	left   context.CancelFunc // ends the context of the requests; nil if nobody asks

	mu       sync.Mutex
	requests uint64      // begun so far
	serving  bool        // the last of them
	timer    *time.Timer // nil before the first
	timed    bool        // the timer will fire
	noted    uint64      // requests when it last did
	looking  bool        // reads
	ended    sync.Cond   // looking has become false
	seen     byte        // of the next request
	unread   bool        // seen is
}

func (l *lookout) init(s socket, read *deadline) {
	l.socket, l.read = s, read
	l.ended.L = &l.mu
}

// begin is called when a request has been read.
func (l *lookout) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	l.serving = true
	switch {
	case l.timed:
	case l.timer == nil:
		l.timer = time.AfterFunc(patience/2, l.look)
	default:
		l.timer.Reset(patience / 2)
	}
	l.timed = true
}

// end is called before the next is read, and returns its first byte if that has been
// seen already.
func (l *lookout) end() (seen byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serving = false
	if l.looking {
		l.read.interrupt() // from here on the read has the deadline of the next request
	}
	for l.looking {
		l.ended.Wait()
	}
	ok, l.unread = l.unread, false
	return l.seen, ok
}

// close ends the requests' context, as a client does that leaves.
func (l *lookout) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.left != nil {
		l.left()
	}
}

// look is what the timer does.
func (l *lookout) look() {
	if !l.due() {
		return
	}
	var p [1]byte
	n, err := l.socket.Read(p[:])
	for expired(err) && l.read.extend() {
		n, err = l.socket.Read(p[:])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen, l.unread = p[0], n == 1
	l.looking = false
	l.ended.Broadcast()
	if err != nil && !expired(err) && l.left != nil {
		l.left()
	}
}

// due says whether a request is served that was when the timer last fired. For
// another one the timer is set again. Of requests that came together nobody reads
// between one and the next: who looks already goes on, and where a byte of what
// follows has been seen there is nothing to look for.
func (l *lookout) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timed = l.serving && l.requests != l.noted
	l.noted = l.requests
	if l.timed {
		l.timer.Reset(patience / 2)
	}
	if l.timed || !l.serving || l.looking || l.unread {
		return false
	}
	l.looking = true
	return true
}
