package buffer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBatchesReachOneFileEach(t *testing.T) {
	files := newFakeFiles(t)
	g := start(t, config(t, vfs.OS{}, t.TempDir(), files))
	all := []*schema.Batch{
		batch("acme", 100, 3, 0), batch("acme", 101, 1, 0), batch("bolt", 100, 500, 0), batch("acme", 100, 2, 0),
	}
	g.mustPost(all[0], all[1])
	g.mustPost(all[2])
	g.mustPost(all[3])
	if n, _ := files.count(); n != 0 {
		t.Errorf("%d files before the window's end", n)
	}
	g.finish()
	once(t, files, all...)
	if n, open := files.count(); n != 3 || open != 0 {
		t.Errorf("%d files, %d open; want 3 for three partitions, none open", n, open)
	}
}

// TestNothingStaysInTheJournal: a window is deleted when it is flushed.
func TestNothingStaysInTheJournal(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	g := start(t, config(t, vfs.OS{}, dir, files))
	g.mustPost(batch("acme", 1, 1, 0))
	if g.cfg.Medium.Usage() == 0 {
		t.Error("the journal is empty after a commit")
	}
	g.finish()
	cfg := config(t, vfs.OS{}, dir, files)
	defer cfg.Medium.Close()
	if left, err := cfg.Medium.Windows(); err != nil || len(left) != 0 || cfg.Medium.Usage() != 0 {
		t.Errorf("the journal still holds %v, %d bytes (%v)", left, cfg.Medium.Usage(), err)
	}
}

// TestDeleteLast: at every step of a flush the journal still has the window (I4).
func TestDeleteLast(t *testing.T) {
	files := newFakeFiles(t)
	var g *gateway
	files.step = func(_ int, what string, id FileID) verdict {
		if g.cfg.Medium.Usage() == 0 {
			t.Errorf("I4: the journal is empty before %s of %v", what, id)
		}
		return done
	}
	g = start(t, config(t, vfs.OS{}, t.TempDir(), files))
	for hour := range int64(20) {
		g.mustPost(batch("acme", hour, 1, 0))
	}
	g.finish()
}

// TestCrashBetweenAnswerAndFile: what was acknowledged and not flushed is flushed
// by the next process, by the same road (I2).
func TestCrashBetweenAnswerAndFile(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	var all []*schema.Batch
	for range 3 { // windows of three processes pile up
		files.step = func(int, string, FileID) verdict { return waits }
		cfg := config(t, vfs.OS{}, dir, files)
		g := start(t, cfg)
		for i := range 10 {
			b := batch("acme", int64(i%3), 1+i, 100)
			g.mustPost(b)
			all = append(all, b)
		}
		g.crash()
	}
	files.step = nil
	g := start(t, config(t, vfs.OS{}, dir, files))
	live := batch("acme", 0, 1, 0)
	g.mustPost(live)
	g.finish()
	once(t, files, append(all, live)...)
}

// TestRecoveryInPasses: a window that is larger than the memory is replayed in
// parts, never holding more than the budget.
func TestRecoveryInPasses(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	g := start(t, config(t, vfs.OS{}, dir, files))
	var all []*schema.Batch
	for i := range 200 { // 4 MiB in 100 partitions
		b := batch("acme", int64(i%100), 10, 20_000)
		g.mustPost(b)
		all = append(all, b)
	}
	g.crash()

	cfg := config(t, vfs.OS{}, dir, files)
	cfg.Memory = 1 << 20
	most := int64(0)
	files.step = func(int, string, FileID) verdict {
		files.mu.Lock()
		defer files.mu.Unlock()
		most = max(most, g.budget.used.Load())
		return done
	}
	b, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.replayer.plan(b.replayer.mu.windows[0])
	if err != nil || len(p.passes) < 10 {
		t.Fatalf("%d passes (%v), want at least 10 for 4 MiB in a quarter of 1 MiB", len(p.passes), err)
	}
	g = &gateway{Buffer: b, t: t, ended: make(chan error, 1)}
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	go func() { g.ended <- b.Run(ctx) }()
	g.finish()
	once(t, files, all...)
	if most > cfg.Memory || most == 0 {
		t.Errorf("I6: %d bytes held, of %d", most, cfg.Memory)
	}
}

// TestFlushFailures: whatever step of a file fails, however, the window is
// flushed again from the journal, and nothing is lost or doubled.
func TestFlushFailures(t *testing.T) {
	cases := []struct {
		what string
		how  verdict
	}{
		{"append", fails},
		{"append", panics},
		{"close", fails},
		{"close", loses},
		{"put", fails},
		{"put", unknown},
		{"put", duplicate},
	}
	for _, c := range cases {
		t.Run(c.what, synctested(func(t *testing.T) {
			files := newFakeFiles(t)
			failed := 0
			files.step = func(_ int, what string, _ FileID) verdict {
				files.mu.Lock()
				defer files.mu.Unlock()
				if what != c.what || failed == 2 {
					return done
				}
				failed++
				return c.how
			}
			cfg := config(t, vfs.OS{}, t.TempDir(), files)
			cfg.FlushInterval = 100 * time.Millisecond
			g := start(t, cfg)
			var all []*schema.Batch
			for i := range 10 {
				b := batch("acme", int64(i), 5, 0)
				g.mustPost(b)
				all = append(all, b)
			}
			g.finish()
			once(t, files, all...)
			if _, open := files.count(); open != 0 {
				t.Errorf("%d files were never discarded", open)
			}
			if failed != 2 {
				t.Errorf("the step failed %d times, want 2", failed)
			}
		}))
	}
}

// TestFileCuts: where a file is cut depends on the batches and the header alone.
func TestFileCuts(t *testing.T) {
	files := newFakeFiles(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.FileRows = 1000
	g := start(t, cfg)
	for _, rows := range []int{600, 400, 1, 999, 1, 2500, 300} {
		g.mustPost(batch("acme", 1, rows, 0))
	}
	g.finish()
	var got []int
	for cut := range 9 {
		for id, content := range files.mu.objects {
			if id.Cut == cut {
				got = append(got, len(content))
			}
		}
	}
	if want := []int{2, 2, 1, 1, 1}; !slices.Equal(got, want) {
		t.Errorf("batches a cut: %v, want %v (1000 | 1000 | 1 | 2500 | 300 rows)", got, want)
	}
}

// TestRowGroups: a partition with enough rows is encoded before its window ends,
// in groups of at most 128 Ki rows.
func TestRowGroups(t *testing.T) {
	files := newFakeFiles(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.Memory = 8 << 20 // groups of 1 MiB
	g := start(t, cfg)
	for range 40 {
		g.mustPost(batch("acme", 1, 50_000, 1000))
	}
	for range 20 {
		g.mustPost(batch("acme", 2, 10, 100_000))
	}
	files.mu.Lock()
	early := len(files.mu.groups)
	files.mu.Unlock()
	g.finish()
	total := 0
	for _, rows := range files.mu.groups {
		total += rows
		if rows > groupRows {
			t.Errorf("a row group of %d rows", rows)
		}
	}
	if total != 40*50_000+20*10 {
		t.Errorf("%d rows in row groups", total)
	}
	if early == 0 {
		t.Error("no row group was encoded before the window's end")
	}
}

func TestShares(t *testing.T) {
	files := newFakeFiles(t)
	gate := make(chan struct{})
	files.step = func(int, string, FileID) verdict { <-gate; return done }
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.Memory, cfg.RingBytes = 1<<20, 256<<10
	g := start(t, cfg)
	open := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(open) // before the buffer's, which waits for the files
	var all []*schema.Batch
	fill := func(tenant string) error {
		for range 1000 {
			b := batch(tenant, 1, 1, 10_000)
			if err := g.post(b); err != nil {
				return err
			}
			all = append(all, b)
		}
		return nil
	}
	if err := fill("noisy"); !errors.Is(err, ErrTenantFull) {
		t.Fatalf("a tenant beyond its share gets %v, want ErrTenantFull", err)
	}
	calm := batch("calm", 1, 1, 10_000)
	g.mustPost(calm)
	all = append(all, calm)
	for _, tenant := range []string{"b", "c", "d"} {
		if err := fill(tenant); !errors.Is(err, ErrTenantFull) && !errors.Is(err, ErrBusy) {
			t.Fatalf("tenant %s gets %v", tenant, err)
		}
	}
	if err := fill("e"); !errors.Is(err, ErrBusy) {
		t.Fatalf("with the budget used up a tenant gets %v, want ErrBusy", err)
	}
	if _, err := g.Reserve("f", 0, 300<<10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a request beyond any share gets %v, want ErrTooLarge", err)
	}
	open() // memory pressure has ended the window: its flush makes room
	after := batch("noisy", 1, 1, 10_000)
	for errors.Is(g.post(after), ErrTenantFull) { // bounded by the test's own timeout
		time.Sleep(time.Millisecond)
	}
	g.finish()
	once(t, files, append(all, after)...)
}

// TestCommitGivesBackTheRest: what a request reserved for its body is free while
// it waits for the disk.
func TestCommitGivesBackTheRest(t *testing.T) {
	cfg := config(t, vfs.OS{}, t.TempDir(), newFakeFiles(t))
	slow := gated(&cfg)
	g := start(t, cfg)
	b := batch("acme", 1, 1, 1000)
	r, err := g.Reserve("acme", 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if used := g.budget.used.Load(); used != 1<<20 {
		t.Errorf("%d bytes used with 1 MiB reserved", used)
	}
	committed := make(chan error)
	go func() { _, err := r.Commit(context.Background(), sent(b)); committed <- err }()
	<-slow.entered
	if used := g.budget.used.Load(); used != cost(b) {
		t.Errorf("%d bytes used during the commit, want the batch's %d", used, cost(b))
	}
	close(slow.gate)
	if err := <-committed; err != nil {
		t.Error(err)
	}
	r.Release()
	r.Release() // may be called again
	g.finish()
}

// TestClientGone: the batches of a client that did not wait for its answer, and
// those of its tenant's next request, are in one file, not in two of one name.
func TestClientGone(t *testing.T) {
	files := newFakeFiles(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	slow := gated(&cfg)
	g := start(t, cfg)
	first := batch("other", 1, 1, 0)
	held := make(chan error)
	go func() { held <- g.post(first) }()
	<-slow.entered // from here on the committer is in this append

	gone, leave := context.WithCancel(context.Background())
	leave()
	second, third := batch("acme", 1, 1, 0), batch("acme", 1, 1, 0)
	r, err := g.Reserve("acme", 0, cost(second))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(gone, sent(second)); !errors.Is(err, context.Canceled) {
		t.Errorf("commit for a client that is gone: %v", err)
	}
	r.Release() // nothing of the tenant but the waiting commit is left
	go func() { held <- g.post(third) }()
	g.awaitWaiting(2)
	close(slow.gate)
	for range 2 {
		if err := <-held; err != nil {
			t.Error(err)
		}
	}
	g.finish()
	once(t, files, first, second, third)
	if n := testutil.ToFloat64(g.metrics.FlushFailures); n != 0 {
		t.Errorf("%v flushes had to be done again", n)
	}
}

func TestJournalLimit(t *testing.T) {
	files := newFakeFiles(t)
	gate := make(chan struct{})
	files.step = func(_ int, what string, _ FileID) verdict {
		if what == "put" {
			<-gate // the store is down
		}
		return done
	}
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.JournalLimit = 1 << 20
	cfg.WindowBytes = 64 << 10
	g := start(t, cfg)
	open := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(open) // before the buffer's, which waits for the files
	var all []*schema.Batch
	var err error
	for range 1000 {
		b := batch("acme", 1, 1, 10_000)
		if err = g.post(b); err != nil {
			break
		}
		all = append(all, b)
	}
	if !errors.Is(err, ErrJournalFull) || !errors.Is(g.Ready(), ErrJournalFull) {
		t.Fatalf("post gets %v and Ready says %v, want ErrJournalFull", err, g.Ready())
	}
	if n := len(all); n < 90 || n > 110 {
		t.Errorf("the journal took %d batches of 10 kB, with a limit of 1 MiB", n)
	}
	open()
	for g.Ready() != nil {
		time.Sleep(time.Millisecond) // bounded by the test's own timeout
	}
	b := batch("acme", 1, 1, 0)
	g.mustPost(b)
	g.finish()
	once(t, files, append(all, b)...)
}

// TestManyTenants: ten thousand tenants in one window take no goroutine each, get
// a file each, and are gone afterwards.
func TestManyTenants(t *testing.T) {
	files := newFakeFiles(t)
	g := start(t, config(t, vfs.OS{}, t.TempDir(), files))
	first := batch("t", 1, 1, 0)
	g.mustPost(first) // by now everybody runs
	before := runtime.NumGoroutine()
	const tenants = 10_000
	all := []*schema.Batch{first}
	for i := range tenants {
		b := batch(fmt.Sprintf("t%05d", i), 1, 1, 0)
		c := &commit{tenant: g.tenants.pin(g.Buffer, b.Tenant), batches: sent(b), held: cost(b), done: make(chan error, 1)}
		g.budget.take(c.held)
		c.tenant.take(c.held, g.cfg.RingBytes)
		if err := g.committer.enqueue(c); err != nil {
			t.Fatal(err)
		}
		if i == tenants-1 {
			if err := <-c.done; err != nil { // and so all before it
				t.Fatal(err)
			}
		}
		all = append(all, b)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines with ten thousand tenants, %d without", n, before)
	}
	g.finish()
	once(t, files, all...)
}

// TestAbruptStop: files that are half made are let go.
func TestAbruptStop(t *testing.T) {
	for _, at := range []string{"append", "close", "put"} {
		files := newFakeFiles(t)
		reached := make(chan struct{}, 100)
		files.step = func(_ int, what string, _ FileID) verdict {
			if what != at {
				return done
			}
			reached <- struct{}{}
			if what == "put" {
				return waits
			}
			return done
		}
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.Uploads = 1
		cfg.WindowBytes = 1000
		g := start(t, cfg)
		for i := range 20 {
			g.mustPost(batch("acme", int64(i), 1, 400))
		}
		<-reached
		g.crash()
		if _, open := files.count(); open != 0 {
			t.Errorf("stopped at %s: %d files are never let go", at, open)
		}
	}
}

// TestGroupCommit: what gathers while a frame is synced goes into the next one.
func TestGroupCommit(t *testing.T) {
	files := newFakeFiles(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	slow := gated(&cfg)
	g := start(t, cfg)
	var wg sync.WaitGroup
	post := func() { wg.Go(func() { g.mustPost(batch("acme", 1, 1, 0)) }) }
	post()
	if n := <-slow.entered; n != 1 {
		t.Fatalf("the first frame holds %d batches", n)
	}
	for range 50 {
		post()
	}
	g.awaitWaiting(50)
	close(slow.gate)
	if n := <-slow.entered; n != 50 {
		t.Errorf("the second frame holds %d batches, want the 50 that waited", n)
	}
	wg.Wait()
	g.finish()
}

// gatedMedium holds the first append back until its gate opens.
type gatedMedium struct {
	journal.Medium
	gate    chan struct{}
	entered chan int // batches of the frame that is appended
}

// gated puts a gate before the medium of a configuration.
func gated(cfg *Config) *gatedMedium {
	m := &gatedMedium{Medium: cfg.Medium, gate: make(chan struct{}), entered: make(chan int, 1000)}
	cfg.Medium = m
	return m
}

// awaitWaiting waits until that many commits wait for the next frame.
func (g *gateway) awaitWaiting(n int) {
	for { // bounded by the test's own timeout
		g.committer.mu.Lock()
		waiting := len(g.committer.mu.waiting)
		g.committer.mu.Unlock()
		if waiting == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (m *gatedMedium) Append(h *journal.Header, seq uint64, frame []byte, sync bool) (journal.Place, error) {
	place, err := m.Medium.Append(h, seq, frame, sync)
	m.entered <- batchesOf(frame)
	<-m.gate
	return place, err
}

func TestDrainDeadline(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	files.step = func(_ int, what string, _ FileID) verdict {
		if what == "put" {
			return waits
		}
		return done
	}
	g := start(t, config(t, vfs.OS{}, dir, files))
	b := batch("acme", 1, 1, 0)
	g.mustPost(b)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := g.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("drain with the store down: %v, want its deadline", err)
	}
	if err := g.post(batch("acme", 1, 1, 0)); !errors.Is(err, ErrStopping) {
		t.Errorf("post after drain: %v, want ErrStopping", err)
	}
	if err := g.crash(); err != nil {
		t.Errorf("run: %v", err)
	}
	files.step = nil
	start(t, config(t, vfs.OS{}, dir, files)).finish()
	once(t, files, b)
}

// synctested runs a test on a fake clock.
func synctested(test func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, test) }
}

// batchesOf reads the number of batches where FORMAT.md says it is.
func batchesOf(frame []byte) int { return int(binary.LittleEndian.Uint32(frame[16:])) }
