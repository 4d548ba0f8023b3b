package writer

// This file has failing puts wait, and ends their wait early when there is a reason.

import (
	"context"
	"sync"
	"time"
)

// hurriedCap bounds the waits of a process that is about to end: what it does not put
// in its last seconds waits for the next one.
const hurriedCap = 2 * time.Second

// waits are the waits of all Puts. A wait ends early when a Put that had failed in the
// same way is done, since what has failed for all of them works again: after an outage
// nobody waits for the half minute that the backoff had come to.
type waits struct {
	mu struct {
		sync.Mutex
		hurried bool
		ends    map[Kind]chan struct{} // of the waits under way
	}
}

// common says that a failure is hardly ever of one object alone, or of too many
// requests: those must keep their distance.
func (k Kind) common() bool {
	switch k {
	case KindTimeout, KindConnection, KindServer, KindDenied, KindMissing, KindDisk:
		return true
	}
	return false
}

// wait waits for d, or until there is a reason to try again what failed in this way.
func (w *waits) wait(ctx context.Context, kind Kind, d time.Duration) {
	w.mu.Lock()
	if w.mu.hurried {
		d = min(d, hurriedCap)
	}
	end := w.mu.ends[kind]
	if end == nil {
		if w.mu.ends == nil {
			w.mu.ends = map[Kind]chan struct{}{}
		}
		end = make(chan struct{})
		w.mu.ends[kind] = end
	}
	w.mu.Unlock()
	waitUntil(ctx, d, end)
}

// works ends the waits of those that have failed as one did that is done now.
func (w *waits) works(kind Kind) {
	if !kind.common() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLocked(kind)
}

// hurry ends all waits, and has later ones be short.
func (w *waits) hurry() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.hurried = true
	for kind := range w.mu.ends {
		w.endLocked(kind)
	}
}

func (w *waits) endLocked(kind Kind) {
	if end := w.mu.ends[kind]; end != nil {
		close(end)
		delete(w.mu.ends, kind)
	}
}
