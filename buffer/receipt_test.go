package buffer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// mustCommit commits batches of one tenant and returns the receipt.
func (g *gateway) mustCommit(batches ...*schema.Batch) Receipt {
	g.t.Helper()
	r, err := g.commit(batches...)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// wantPending and wantUnknown check one Lookup.
func (g *gateway) wantPending(tenant string, r Receipt) {
	g.t.Helper()
	if p, err := g.Lookup(tenant, r); err != nil || p.Stored || len(p.Files) > 0 {
		g.t.Errorf("Lookup(%s, %v) = %v, %v; want it pending", tenant, r, p, err)
	}
}

func (g *gateway) wantUnknown(tenant string, r Receipt) {
	g.t.Helper()
	if p, err := g.Lookup(tenant, r); !errors.Is(err, ErrUnknownReceipt) {
		g.t.Errorf("Lookup(%s, %v) = %v, %v; want it unknown", tenant, r, p, err)
	}
}

// stored waits until a receipt's rows are in the bucket, and returns the files.
func (g *gateway) stored(tenant string, r Receipt) []FileID {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := g.Await(ctx, tenant, r)
	if err != nil || !p.Stored {
		g.t.Fatalf("Await(%s, %v) = %v, %v; want it stored", tenant, r, p, err)
	}
	return p.Files
}

// holds checks that the files are exactly those that hold the batches.
func (f *fakeFiles) holds(files []FileID, batches ...*schema.Batch) {
	f.t.Helper()
	found := f.batches()
	want := map[FileID]bool{}
	for _, b := range batches {
		for _, id := range found[string(b.Bytes)] {
			want[id] = true
		}
	}
	got := map[FileID]bool{}
	for _, id := range files {
		got[id] = true
	}
	if !slices.IsSortedFunc(files, FileID.compare) {
		f.t.Errorf("in no order: %v", files)
	}
	if !maps.Equal(got, want) || len(got) != len(files) {
		f.t.Errorf("the receipt names %v, the rows are in %v", files, want)
	}
}

// include checks that the batches are in the files, and the files in the bucket.
func (f *fakeFiles) include(files []FileID, batches ...*schema.Batch) {
	f.t.Helper()
	found := f.batches()
	for _, b := range batches {
		if ids := found[string(b.Bytes)]; len(ids) != 1 || !slices.Contains(files, ids[0]) {
			f.t.Errorf("the receipt names %v, the rows are in %v", files, ids)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range files {
		if _, present := f.mu.objects[id]; !present {
			f.t.Errorf("the receipt names %v, which is not in the bucket", id)
		}
	}
}

func TestReceipts(t *testing.T) {
	files := newFakeFiles(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.FileRows = 10 // a file is cut often
	g := start(t, cfg)
	committed := map[Receipt][]*schema.Batch{}
	for i := range 30 {
		tenant := []string{"acme", "bolt"}[i%2]
		batches := []*schema.Batch{batch(tenant, int64(i/10), 4, 0)}
		if i%3 == 0 {
			batches = append(batches, batch(tenant, 99, 1, 0))
		}
		r := g.mustCommit(batches...)
		if _, twice := committed[r]; twice {
			t.Fatalf("receipt %v was given twice by one caller at a time", r)
		}
		committed[r] = batches
	}
	other := map[string]string{"acme": "bolt", "bolt": "acme"}
	for r, batches := range committed {
		g.wantPending(batches[0].Tenant, r)
		g.wantUnknown(other[batches[0].Tenant], r) // I8
	}
	if err := g.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	for r, batches := range committed {
		tenant := batches[0].Tenant
		files.holds(g.stored(tenant, r), batches...)
		g.wantUnknown(other[tenant], r)
	}
	var r Receipt
	for r = range committed {
		break
	}
	for _, wrong := range []Receipt{
		{},
		{"no incarnation", r.Window, r.Frame},
		{journal.NewIncarnation().String(), r.Window, r.Frame},
		{r.Incarnation, r.Window + 1, r.Frame},
		{r.Incarnation, 0, r.Frame},
		{r.Incarnation, r.Window, 0},
		{r.Incarnation, r.Window, 31},
		{r.Incarnation, r.Window, 1<<64 - 1},
	} {
		g.wantUnknown("acme", wrong)
	}
	g.finish()
}

// TestReceiptsOfAnEarlierProcess: the next process on the same journal answers for
// what it found there.
func TestReceiptsOfAnEarlierProcess(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	g := start(t, config(t, vfs.OS{}, dir, files))
	b := batch("acme", 1, 3, 0)
	r := g.mustCommit(b)
	g.mustCommit(batch("bolt", 1, 3, 0))
	g.crash()

	gate := make(chan struct{})
	files.step = func(int, string, FileID) verdict { <-gate; return done }
	g = start(t, config(t, vfs.OS{}, dir, files))
	g.wantPending("acme", r)
	for i := range 1000 { // until the window was read once
		if _, err := g.Lookup("nobody", r); err != nil {
			break
		}
		if i == 999 {
			t.Error("a stranger's receipt stays pending")
		}
		time.Sleep(time.Millisecond)
	}
	g.wantPending("acme", r)
	g.wantUnknown("bolt", r)
	close(gate)
	files.holds(g.stored("acme", r), b)
	g.wantUnknown("bolt", r)
	g.finish()
}

// TestReceiptAfterAFailedFlush: a window that is flushed again from the journal has
// each of its files once.
func TestReceiptAfterAFailedFlush(t *testing.T) {
	files := newFakeFiles(t)
	failed := false
	files.step = func(_ int, what string, id FileID) verdict {
		if what == "put" && id.Hour == 2 && !failed {
			failed = true
			return fails
		}
		return done
	}
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.Uploads = 1 // after hour 1 was put
	g := start(t, cfg)
	batches := []*schema.Batch{batch("acme", 1, 1, 0), batch("acme", 2, 1, 0)}
	r := g.mustCommit(batches...)
	g.finish()
	if !failed {
		t.Fatal("nothing failed")
	}
	files.holds(g.stored("acme", r), batches...)
	g.traces.used()
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFakeFiles(t)
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.FlushInterval = time.Minute
		g := start(t, cfg)
		b := batch("acme", 1, 1, 0)
		r := g.mustCommit(b)
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if p, err := g.Await(ctx, "acme", r); err != nil || p.Stored {
			t.Errorf("Await for a second = %v, %v; want it pending", p, err)
		}
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
		if _, err := g.Await(t.Context(), "bolt", r); !errors.Is(err, ErrUnknownReceipt) {
			t.Errorf("a stranger waits: %v", err)
		}
		files.holds(g.stored("acme", r), b) // and the window was not hurried
		if end := began.Truncate(time.Minute).Add(time.Minute); time.Now().Before(end) {
			t.Errorf("stored %v after the window's first frame", time.Since(began))
		}
		g.finish()
	})
}

// TestTracesAreBounded: memory for receipts has a limit; what is forgotten is
// unknown once it is stored, and pending while it is not.
func TestTracesAreBounded(t *testing.T) {
	files := newFakeFiles(t)
	gate := make(chan struct{})
	files.step = func(int, string, FileID) verdict { <-gate; return done }
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.Memory = 1 << 20 // of which traces get 32 KiB
	cfg.WindowBytes = 1
	cfg.Volatile = true
	g := start(t, cfg)
	var receipts []Receipt
	for i := range 400 {
		receipts = append(receipts, g.mustCommit(batch(fmt.Sprint("tenant-", i), 1, 1, 0)))
		if used := g.traces.used(); used > 32<<10 {
			t.Fatalf("%d bytes of traces", used)
		}
	}
	g.wantPending("tenant-0", receipts[0]) // forgotten
	g.wantPending("tenant-399", receipts[399])
	g.wantUnknown("tenant-0", receipts[399])
	close(gate)
	if err := g.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	known := 0
	for i, r := range receipts {
		if _, err := g.Lookup(fmt.Sprint("tenant-", i), r); err == nil {
			known++
		}
	}
	if known == 0 || known == len(receipts) {
		t.Errorf("%d of %d receipts are known in the end", known, len(receipts))
	}
	g.finish()
}

// TestEmptyTracesAreBounded: also a window without rows takes room.
func TestEmptyTracesAreBounded(t *testing.T) {
	var ts traces
	ts.init(1 << 20)
	for i := range uint64(100_000) {
		ts.adopt(journal.WindowID{Window: i}, newTrace())
	}
	if n := len(ts.mu.windows); n > 10_000 || ts.used() > 1<<20 {
		t.Errorf("%d windows in a MiB, %d bytes", n, ts.used())
	}
}

// TestReceiptsBesideCommits: a receipt is looked for while frames are added to its
// window.
func TestReceiptsBesideCommits(t *testing.T) {
	cfg := config(t, vfs.OS{}, t.TempDir(), newFakeFiles(t))
	cfg.Volatile = true
	g := start(t, cfg)
	first := g.mustCommit(batch("acme", 1, 1, 0))
	var asking sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		asking.Go(func() {
			for {
				g.wantPending("acme", first)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 300 {
		g.wantPending("acme", g.mustCommit(batch("acme", 1, 1, 0)))
	}
	close(stop)
	asking.Wait()
	g.finish()
}

// TestForgottenTrace: a window whose trace did not fit has none, rather than half
// of one that takes its first frames for unknown.
func TestForgottenTrace(t *testing.T) {
	cfg := config(t, vfs.OS{}, t.TempDir(), newFakeFiles(t))
	cfg.Memory = 1 << 20
	cfg.Volatile = true
	g := start(t, cfg)
	first := g.mustCommit(batch("tenant-0", 1, 1, 0))
	for i := range 400 {
		tenant := fmt.Sprint("tenant-", i)
		g.wantPending(tenant, g.mustCommit(batch(tenant, 1, 1, 0)))
		g.wantPending("tenant-0", first)
	}
	g.finish()
}

func (ts *traces) used() int64 {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	sum := int64(0)
	for _, tr := range ts.mu.windows {
		sum += tr.bytes
	}
	if sum != ts.mu.bytes || len(ts.mu.order) != len(ts.mu.windows) {
		panic(fmt.Sprintf("%d bytes counted, %d there; %d windows in order, %d there", ts.mu.bytes, sum, len(ts.mu.order), len(ts.mu.windows)))
	}
	return sum
}

func TestFrameSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOf(rapid.Uint64Range(1, 1<<20)).Draw(t, "in")
		slices.Sort(in)
		var s frameSet
		size := 0
		for _, n := range in {
			size += s.add(n)
			if again := s.add(n); again != 0 {
				t.Errorf("%d twice takes %d bytes more", n, again)
			}
		}
		if size != len(s.deltas) {
			t.Errorf("grew by %d bytes to %d", size, len(s.deltas))
		}
		for _, n := range append(rapid.SliceOf(rapid.Uint64Range(0, 1<<21)).Draw(t, "asked"), in...) {
			if s.has(n) != slices.Contains(in, n) {
				t.Errorf("has(%d) = %v", n, s.has(n))
			}
		}
	})
}
