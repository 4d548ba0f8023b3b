// A window: consecutive frames that are flushed, named and deleted together.

package buffer

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"parquay/buffer/journal"
)

// window is the flush of one window. The committer fills it; from its end on it only
// counts down to done.
type window struct {
	id          journal.WindowID
	incarnation string // as its files' names have it
	fileRows    int
	replayed    bool

	// The committer's, until the end.
	tenants  map[*tenant]*share // who takes part
	rows     int64              // that the journal holds
	bytes    int64              // of frames
	arrivals arrivals           // when the rows came

	// From the end on.
	shares []*share // of all tenants
	ended  time.Time

	held   atomic.Int64          // bytes of what waits to be encoded: of batches in memory, and places of others
	shed   atomic.Int64          // bytes of those places
	stored atomic.Int64          // rows of files in the bucket, as read back
	refs   atomic.Int64          // 1 until its end, 1 a tenant that has not seen the end, 1 a file
	err    atomic.Pointer[error] // the first failure of its flush
	over   atomic.Bool           // it has failed, and what is left of it is skipped
	done   func(*window)         // called once, when nothing refers to it any more

	patience time.Duration // that a window has with its other files when one has failed

	mu struct {
		sync.Mutex
		files   map[FileID]*file // that were begun
		spoiled int              // files that have failed
		timer   *time.Timer      // from the first of those on
	}
}

// share is one tenant's part of a window.
type share struct {
	account *account
	rows    int64
}

func newWindow(id journal.WindowID, fileRows int, done func(*window)) *window {
	w := &window{
		id: id, incarnation: id.Incarnation.String(), fileRows: fileRows,
		tenants: map[*tenant]*share{}, patience: retryFirst, done: done,
	}
	w.refs.Store(1)
	return w
}

// mostSpoiled is how many files may fail until it is no matter of these few any more.
const mostSpoiled = 16

// spoil notes that a file has failed: the window has to be flushed again. Its other
// files, of other tenants perhaps, are made and put all the same, for the failure may be
// one that comes back each time (I8). They have until the window's patience ends, since
// puts may last for ever, for one tenant's policy.
func (w *window) spoil(err error) {
	w.err.CompareAndSwap(nil, &err)
	w.mu.Lock()
	w.mu.spoiled++
	spoiled := w.mu.spoiled
	if spoiled == 1 {
		w.mu.timer = time.AfterFunc(w.patience, w.giveUp)
	}
	w.mu.Unlock()
	if spoiled > mostSpoiled {
		w.giveUp()
	}
}

// fail gives the flush up, and done finds the error.
func (w *window) fail(err error) {
	w.err.CompareAndSwap(nil, &err)
	w.giveUp()
}

// giveUp has what is left of a flush that has failed skipped, and puts that wait or are
// under way given up.
func (w *window) giveUp() {
	if w.over.Swap(true) {
		return
	}
	var all []func()
	w.mu.Lock()
	for _, f := range w.mu.files {
		if f.giveUp != nil {
			all = append(all, f.giveUp)
		}
	}
	w.mu.Unlock()
	for _, giveUp := range all {
		giveUp()
	}
}

// putting has a file that waits for its put, or is put, given up when the window is.
func (w *window) putting(f *file, giveUp func()) {
	w.mu.Lock()
	f.giveUp = giveUp
	w.mu.Unlock()
	if w.over.Load() {
		giveUp()
	}
}

func (w *window) failed() error {
	if err := w.err.Load(); err != nil {
		return *err
	}
	return nil
}

// claim takes the name of a file. A second file of one name would count as put
// when the first is in the bucket, and its rows would be gone: so it is a failure,
// and the window is read from the journal again (I3).
func (w *window) claim(f *file) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, taken := w.mu.files[f.id]; taken {
		return fmt.Errorf("two files of one name: %+v", f.id)
	}
	if w.mu.files == nil {
		w.mu.files = map[FileID]*file{}
	}
	w.mu.files[f.id] = f
	return nil
}

// forget keeps no more of a file that has ended than its name and its frames: the window
// may wait for another tenant's for days, and so may thousands of windows (I6).
func (w *window) forget(f *file) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f.File, f.tenant, f.giveUp = nil, nil, nil
}

func (w *window) retain() { w.refs.Add(1) }

func (w *window) release() {
	if w.refs.Add(-1) > 0 {
		return
	}
	if w.mu.timer != nil {
		w.mu.timer.Stop()
	}
	w.done(w)
}

// settle checks a flush that is over (I4): nil means that every row which the
// journal holds is in the bucket, and the window may be deleted.
func (w *window) settle() error {
	if err := w.failed(); err != nil {
		return err
	}
	if stored := w.stored.Load(); stored != w.rows {
		return fmt.Errorf("files hold %d rows and the journal %d", stored, w.rows)
	}
	return nil
}

// push hands a durable batch to its tenant. Only the committer may call it.
func (w *window) push(t *tenant, e entry) {
	s := w.tenants[t]
	if s == nil {
		t.pins.Add(1) // until it has seen the end
		w.retain()
		s = &share{account: t.account}
		w.tenants[t] = s
	}
	s.rows += int64(e.batch.Rows)
	w.rows += int64(e.batch.Rows)
	held := cost(e.batch)
	w.held.Add(held)
	t.undrained += held
	t.ring.push(e) // from here on the batch is the drainer's, who may free it
	if t.undrained >= min(t.b.drainBytes, t.share.Load()/8) || w.replayed {
		t.undrained = 0
		t.schedule()
	}
}

// endPass tells the tenants that took part so far that their partitions are whole: what
// follows is of others. Only the committer may call it.
func (w *window) endPass() {
	for t, s := range w.tenants {
		w.shares = append(w.shares, s)
		t.ring.push(entry{window: w})
		t.undrained = 0
		t.schedule()
	}
	clear(w.tenants)
}

// end tells every tenant of the window that nothing follows. Only the committer
// may call it, once.
func (w *window) end() {
	w.endPass()
	w.tenants = nil
	w.ended = time.Now()
	w.release()
}
