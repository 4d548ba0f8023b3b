// The fake of Files: it keeps the contract of a bucket and tells the test who
// breaks it.

package buffer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parquay/schema"
)

// fakeFiles keeps the finished files of every incarnation, as a bucket does. A
// batch's bytes are its rows' identity here: nobody looks into them.
type fakeFiles struct {
	t  testing.TB
	mu struct {
		sync.Mutex
		objects  map[FileID][]string // the batches' bytes, sorted
		attempts map[FileID]int      // puts, answered or not
		open     int                 // files neither put nor discarded
		groups   []int               // rows of every row group, in the order of their end
		tables   []*schema.Table     // of every file
		steps    int                 // appends, closes and puts so far
		hurried  int                 // calls of Hurry
		late     map[FileID][]string // content of puts that are still on their way
	}
	// step, when set, decides about the n-th append, close or put.
	step func(n int, what string, id FileID) verdict
	gate chan struct{} // of those that wait; may be nil
	// damaged, when set, says of which files the journal has lost rows: a later
	// content may be another one then, and the first one stays.
	damaged func(id FileID) bool
}

// verdict is how one step of a file ends.
type verdict int

const (
	done      verdict = iota
	fails             // an error, and nothing was applied
	unknown           // an error, and it was applied (put only)
	cancels           // an error that says a context has ended, though the caller's has not (put only)
	panics            // as a defect of the encoder would
	waits             // until the gate opens, or the context ends (put only)
	slow              // done after a while, unless the context ends before (put only)
	stalls            // done after a long while, unless the context ends before (put only)
	loses             // close tells of fewer rows than were appended
	duplicate         // applied twice (put only)
	delayed           // an error, and it is applied after a later put of its key, or at land (put only)
)

var errFake = errors.New("the fake fails this step")

func newFakeFiles(t testing.TB) *fakeFiles {
	f := &fakeFiles{t: t}
	f.mu.objects = map[FileID][]string{}
	f.mu.attempts = map[FileID]int{}
	f.mu.late = map[FileID][]string{}
	return f
}

func (f *fakeFiles) Create(id FileID, t *schema.Table) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.open++
	f.mu.tables = append(f.mu.tables, t)
	f.mu.tables = append(f.mu.tables, t)
	if t.Name() != id.Table {
		f.t.Errorf("file of table %q is made with the schema of %q", id.Table, t.Name())
	}
	return &fakeFile{files: f, id: id, table: t}, nil
}

func (f *fakeFiles) Hurry() {
	f.mu.Lock()
	f.mu.hurried++
	f.mu.Unlock()
}

// verdict asks the test about the next step.
func (f *fakeFiles) verdict(what string, id FileID) verdict {
	f.mu.Lock()
	n := f.mu.steps
	f.mu.steps++
	f.mu.Unlock()
	if f.step == nil {
		return done
	}
	return f.step(n, what, id)
}

// put keeps the first content of a key, and insists that every later one is equal (I3).
func (f *fakeFiles) put(id FileID, content []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.attempts[id]++
	f.putLocked(id, content)
	if late, ok := f.mu.late[id]; ok {
		delete(f.mu.late, id)
		f.putLocked(id, late)
	}
}

// delay has a put applied later.
func (f *fakeFiles) delay(id FileID, content []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.attempts[id]++
	f.mu.late[id] = content
}

// land applies the puts that are still on their way.
func (f *fakeFiles) land() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, content := range f.mu.late {
		f.putLocked(id, content)
	}
	clear(f.mu.late)
}

func (f *fakeFiles) putLocked(id FileID, content []string) {
	slices.Sort(content)
	if old, present := f.mu.objects[id]; present {
		if !slices.Equal(old, content) && (f.damaged == nil || !f.damaged(id)) {
			f.t.Errorf("I3: file %v is put with other rows than before: %d, then %d batches", id, len(old), len(content))
		}
		return
	}
	f.mu.objects[id] = content
}

// batches returns where each batch's bytes are found.
func (f *fakeFiles) batches() map[string][]FileID {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[string][]FileID{}
	for id, content := range f.mu.objects {
		for _, b := range content {
			found[b] = append(found[b], id)
		}
	}
	return found
}

func (f *fakeFiles) count() (objects, open int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.mu.objects), f.mu.open
}

type fakeFile struct {
	files *fakeFiles
	id    FileID
	table *schema.Table

	mu        sync.Mutex
	rows      int
	content   []string
	closed    bool
	discarded bool
}

func (f *fakeFile) Append(_ context.Context, batches []*schema.Batch) error {
	switch f.files.verdict("append", f.id) {
	case fails:
		return errFake
	case panics:
		panic("the fake's encoder has a defect")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.discarded {
		f.files.t.Error("append to a file that is closed or discarded")
	}
	rows := 0
	for _, b := range batches {
		if b.Tenant != f.id.Tenant || b.Hour != f.id.Hour || b.Table.Name() != f.id.Table {
			f.files.t.Errorf("I8: a batch of %s/%s/%d in a file of %v", b.Table.Name(), b.Tenant, b.Hour, f.id)
		}
		if b.Table.Fingerprint() != f.table.Fingerprint() {
			f.files.t.Errorf("a batch of another schema of table %s", f.id.Table)
		}
		rows += b.Rows
		f.content = append(f.content, string(b.Bytes))
	}
	f.rows += rows
	f.files.mu.Lock()
	f.files.mu.groups = append(f.files.mu.groups, rows)
	f.files.mu.Unlock()
	return nil
}

func (f *fakeFile) Close(context.Context) (int64, error) {
	switch f.files.verdict("close", f.id) {
	case fails:
		return 0, errFake
	case loses:
		return int64(f.rows) - 1, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.discarded {
		f.files.t.Error("close of a file that is closed or discarded")
	}
	f.closed = true
	return int64(f.rows), nil
}

func (f *fakeFile) Put(ctx context.Context) error {
	v := f.files.verdict("put", f.id)
	if v == waits {
		select {
		case <-f.files.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if while := map[verdict]time.Duration{slow: time.Second / 2, stalls: 10 * time.Minute}[v]; while > 0 {
		select {
		case <-time.After(while):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if v == fails {
		return errFake
	}
	if v == cancels {
		return fmt.Errorf("%w: %w", errFake, context.Canceled)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed || f.discarded {
		f.files.t.Error("put of a file that is not closed, or discarded")
	}
	if v == delayed {
		f.files.delay(f.id, slices.Clone(f.content))
		return fmt.Errorf("%w, and will apply it", errFake)
	}
	f.files.put(f.id, slices.Clone(f.content))
	if v == duplicate {
		f.files.put(f.id, slices.Clone(f.content))
	}
	if v == unknown {
		return fmt.Errorf("%w, but had applied it", errFake)
	}
	return nil
}

func (f *fakeFile) Discard() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.discarded {
		return
	}
	f.discarded = true
	f.files.mu.Lock()
	f.files.mu.open--
	f.files.mu.Unlock()
}
