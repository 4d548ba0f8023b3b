// Traces: which frames have rows of which tenant, and which files they went to.

package buffer

import (
	"sync"

	"parquay/buffer/journal"
)

// traces remembers windows for receipts: the latest ones, as many as its limit in
// bytes allows. A trace that is forgotten costs an answer to a question, and never
// an event.
type traces struct {
	limit int64
	mu    struct {
		sync.Mutex
		windows map[journal.WindowID]*trace
		order   []journal.WindowID // of windows, the oldest first
		bytes   int64
	}
}

// trace is one window's. It is complete: a frame that it does not have has no rows.
type trace struct {
	tenants map[string]*tenantTrace
	bytes   int64
}

// tenantTrace is one tenant's part of a window.
type tenantTrace struct {
	frames frameSet    // with rows of the tenant, until they are stored
	files  []fileTrace // of the tenant, from then on
}

// fileTrace is a file, and the frames that it has rows of.
type fileTrace struct {
	id     FileID
	frames frameSet
}

// What a trace, and each part of it, costs beside its frames and names.
const traceOverhead = 160

func newTrace() *trace {
	return &trace{tenants: map[string]*tenantTrace{}, bytes: traceOverhead}
}

// tenant returns a tenant's part, which it adds if there is none.
func (tr *trace) tenant(name string) *tenantTrace {
	t := tr.tenants[name]
	if t == nil {
		t = new(tenantTrace)
		tr.tenants[name] = t
		tr.bytes += int64(traceOverhead + len(name))
	}
	return t
}

// note records that a frame has rows of a tenant. Frames come in order.
func (tr *trace) note(tenant string, frame uint64) {
	tr.bytes += int64(tr.tenant(tenant).frames.add(frame))
}

func (ts *traces) init(limit int64) {
	ts.limit = limit
	ts.mu.windows = map[journal.WindowID]*trace{}
}

// note records a frame of a live window, its first one included.
func (ts *traces) note(id journal.WindowID, begins bool, frame uint64, commits []*commit) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if begins {
		ts.addLocked(id, newTrace())
	}
	tr := ts.mu.windows[id]
	if tr == nil {
		return // forgotten: it has to stay so, since it would not be complete
	}
	before := tr.bytes
	for _, c := range commits {
		tr.note(c.tenant.name, frame)
	}
	ts.mu.bytes += tr.bytes - before
	ts.forgetLocked()
}

// adopt adds the trace of a window that was read from the journal, unless there
// is one: that of a live window is complete.
func (ts *traces) adopt(id journal.WindowID, tr *trace) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.mu.windows[id] == nil {
		ts.addLocked(id, tr)
		ts.forgetLocked()
	}
}

// store says in which files a window's rows are, all of which are in the bucket.
func (ts *traces) store(id journal.WindowID, files []fileTrace) {
	tr := newTrace()
	for _, f := range files {
		t := tr.tenant(f.id.Tenant)
		t.files = append(t.files, f)
		tr.bytes += int64(traceOverhead + len(f.frames.deltas))
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if old := ts.mu.windows[id]; old != nil {
		ts.mu.bytes += tr.bytes - old.bytes
		ts.mu.windows[id] = tr
	} else {
		ts.addLocked(id, tr)
	}
	ts.forgetLocked()
}

// finding is what a trace says about a frame and a tenant.
type finding int

const (
	untraced finding = iota // nothing is known of the window
	absent                  // the frame has no rows of the tenant
	pending                 // it has, and they are not known to be stored
	stored                  // it has, in the files returned
)

// find looks for a tenant's rows of a frame.
func (ts *traces) find(id journal.WindowID, tenant string, frame uint64) ([]FileID, finding) {
	t, traced := ts.of(id, tenant)
	switch {
	case !traced:
		return nil, untraced
	case t.frames.has(frame):
		return nil, pending
	}
	var files []FileID
	for _, f := range t.files {
		if f.frames.has(frame) {
			files = append(files, f.id)
		}
	}
	if files == nil {
		return nil, absent
	}
	return files, stored
}

// of returns a tenant's part of a window as it is now. What is added later is not
// seen in it, so it is searched without the lock, which the committer needs.
func (ts *traces) of(id journal.WindowID, tenant string) (t tenantTrace, traced bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	tr := ts.mu.windows[id]
	if tr == nil {
		return tenantTrace{}, false
	}
	if part := tr.tenants[tenant]; part != nil {
		t = *part
	}
	return t, true
}

func (ts *traces) addLocked(id journal.WindowID, tr *trace) {
	ts.mu.windows[id] = tr
	ts.mu.order = append(ts.mu.order, id)
	ts.mu.bytes += tr.bytes
}

// forgetLocked drops the oldest windows until the rest fits.
func (ts *traces) forgetLocked() {
	for ts.mu.bytes > ts.limit {
		oldest := ts.mu.order[0]
		ts.mu.order = ts.mu.order[1:]
		ts.mu.bytes -= ts.mu.windows[oldest].bytes
		delete(ts.mu.windows, oldest)
	}
}
