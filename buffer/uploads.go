// Uploads: finished files on their way to the bucket, of no tenant too many at a time.

package buffer

import (
	"slices"
	"sync"
)

// uploads is the queue of the uploaders. Files go in the order in which they were
// finished, but of one tenant no more than each at a time, those that wait to be tried
// again included: whatever keeps one tenant's files from the bucket, a policy, a
// throttled prefix, a part of the store that is silent, does not keep others' (I8).
type uploads struct {
	queue *queue[upload] // in the first lane what was held back
	each  int

	mu struct {
		sync.Mutex
		of     map[string]*uploading // by tenant; only of those with files under way
		held   int                   // of all tenants
		closed bool
	}
}

// upload is a file that waits.
type upload struct {
	file *file
	due  bool // it has the place of one that is done
}

// uploading is what is under way of one tenant.
type uploading struct {
	running int
	held    []*file // that wait for one of those to end, in order
}

func newUploads(each int) *uploads {
	u := &uploads{queue: newQueue[upload](), each: each}
	u.mu.of = map[string]*uploading{}
	return u
}

func (u *uploads) push(f *file) {
	f.window.putting(f, func() { u.drop(f) })
	u.queue.push(second, upload{file: f})
}

// pop waits for a file that may be put; false once the queue is closed. The caller
// calls done with it.
func (u *uploads) pop() (*file, bool) {
	for {
		next, ok := u.queue.pop()
		if !ok || next.due || u.begin(next.file) {
			return next.file, ok
		}
		if next.file.window.over.Load() {
			u.drop(next.file) // who gave it up may have come before it was held back
		}
	}
}

// begin says whether a file may be put now. If not, it is held back.
func (u *uploads) begin(f *file) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.mu.of[f.id.Tenant]
	if t == nil {
		t = &uploading{}
		u.mu.of[f.id.Tenant] = t
	}
	if t.running >= u.each {
		t.held = append(t.held, f)
		u.mu.held++
		return false
	}
	t.running++
	return true
}

// done ends what pop began, whatever became of it.
func (u *uploads) done(f *file) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.mu.of[f.id.Tenant]
	if len(t.held) > 0 {
		u.queue.push(first, upload{t.held[0], true})
		t.held[0] = nil
		t.held = t.held[1:]
		u.mu.held--
		return
	}
	if t.running--; t.running == 0 {
		delete(u.mu.of, f.id.Tenant)
	}
}

// drop lets go of a file that is held back, perhaps for ever, and whose window is
// given up: the window's other files wait for it to be flushed again (I8).
func (u *uploads) drop(f *file) {
	if u.unhold(f) {
		f.end()
	}
}

// unhold says whether a file was held back. It is not any more.
func (u *uploads) unhold(f *file) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.mu.of[f.id.Tenant]
	if t == nil || u.mu.closed {
		return false
	}
	i := slices.Index(t.held, f)
	if i < 0 {
		return false
	}
	t.held = slices.Delete(t.held, i, i+1)
	u.mu.held--
	return true
}

// close ends all waits. What waits is of no use to anyone but rest.
func (u *uploads) close() {
	u.mu.Lock()
	u.mu.closed = true
	u.mu.Unlock()
	u.queue.close()
}

// len is how many files wait.
func (u *uploads) len() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.mu.held + u.queue.len()
}

// rest is what waits when the queue was closed.
func (u *uploads) rest() []*file {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []*file
	for _, next := range u.queue.rest() {
		all = append(all, next.file)
	}
	for _, t := range u.mu.of {
		all = append(all, t.held...)
	}
	return all
}
