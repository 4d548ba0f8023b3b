// Which windows are not wholly in the bucket yet, and who waits for them.

package buffer

import (
	"slices"
	"time"

	"parquay/buffer/journal"
)

// Pending returns how many windows are not finished, and when the oldest of them
// took its first frame (the zero time if there is none).
func (b *Buffer) Pending() (windows int, oldest time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.mu.pending {
		if oldest.IsZero() || w.opened.Before(oldest) {
			oldest = w.opened
		}
	}
	return len(b.mu.pending), oldest
}

// unfinished is a window that is not wholly in the bucket.
type unfinished struct {
	opened   time.Time
	finished chan struct{} // closed when it is
}

// begin counts a window as pending. For one that is counted it corrects the time.
func (b *Buffer) begin(id journal.WindowID, opened time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.mu.pending[id]; w != nil {
		w.opened = opened
		return
	}
	b.mu.pending[id] = &unfinished{opened, make(chan struct{})}
	b.pendingCount.Store(int64(len(b.mu.pending)))
}

// finished takes a window off the pending ones.
func (b *Buffer) finished(id journal.WindowID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.mu.pending[id]; w != nil {
		close(w.finished)
	}
	delete(b.mu.pending, id)
	b.pendingCount.Store(int64(len(b.mu.pending)))
	b.mu.waiters = slices.DeleteFunc(b.mu.waiters, func(w waiter) bool {
		if b.anyPendingLocked(w.of) {
			return false
		}
		close(w.none)
		return true
	})
}

// pendingUntil returns what is closed when a pending window is finished, and nil
// for one that is not pending.
func (b *Buffer) pendingUntil(id journal.WindowID) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.mu.pending[id]; w != nil {
		return w.finished
	}
	return nil
}

// waiter waits until no window that of names is pending.
type waiter struct {
	of   func(journal.WindowID) bool
	none chan struct{}
}

// nonePending returns a channel that is closed once no window that of names is pending.
func (b *Buffer) nonePending(of func(journal.WindowID) bool) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := waiter{of, make(chan struct{})}
	if b.anyPendingLocked(of) {
		b.mu.waiters = append(b.mu.waiters, w)
	} else {
		close(w.none)
	}
	return w.none
}

func (b *Buffer) anyPendingLocked(of func(journal.WindowID) bool) bool {
	for id := range b.mu.pending {
		if of(id) {
			return true
		}
	}
	return false
}

func every(journal.WindowID) bool { return true }

// own says that a window is this process's.
func (b *Buffer) own(id journal.WindowID) bool { return id.Incarnation == b.cfg.Incarnation }
