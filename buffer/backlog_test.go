package buffer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// newBucketAway returns files that are not put until the gate is closed.
func newBucketAway(t *testing.T) (*fakeFiles, chan struct{}) {
	files := newFakeFiles(t)
	gate := make(chan struct{})
	files.step = func(_ int, what string, _ FileID) verdict {
		if what == "put" {
			<-gate
		}
		return done
	}
	return files, gate
}

// TestBacklog: while the bucket is away, the files that wait for it have a bound;
// the windows beyond it stay in the journal, and nothing is lost or doubled.
func TestBacklog(t *testing.T) {
	files, gate := newBucketAway(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.WindowBytes = 1 // a frame ends it
	cfg.Backlog = 20
	g := start(t, cfg)
	var all []*schema.Batch
	var receipts []Receipt
	for i := range 50 {
		var batches []*schema.Batch
		for hour := range int64(10) {
			batches = append(batches, batch(fmt.Sprint("tenant-", i), hour, 1, 0))
		}
		receipts = append(receipts, g.mustCommit(batches...))
		all = append(all, batches...)
		// Its files are made, or it was put off, before the next one begins.
		eventually(t, func() bool { return g.holds(batches[0].Tenant) == 0 })
	}
	if waiting := g.uploads.len(); waiting > 20 {
		t.Errorf("I6: %d files wait for the bucket", waiting)
	}
	if testutil.ToFloat64(g.metrics.Postponed) == 0 {
		t.Error("no window was postponed")
	}
	for i, r := range receipts {
		g.wantPending(fmt.Sprint("tenant-", i), r)
	}
	close(gate)
	for i, r := range receipts {
		files.holds(g.stored(fmt.Sprint("tenant-", i), r), all[10*i:10*i+10]...)
	}
	g.finish()
	once(t, files, all...)
}

// TestBacklogOfOneWindow: a window that alone has more files than may wait is put off
// as well, and then flushed in passes that have fewer.
func TestBacklogOfOneWindow(t *testing.T) {
	files, gate := newBucketAway(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.Backlog = 20
	cfg.WindowBytes = 1
	g := start(t, cfg)
	var all []*schema.Batch
	for hour := range int64(100) {
		all = append(all, batch("acme", hour, 1, 0))
	}
	r := g.mustCommit(all...)
	eventually(t, func() bool { return g.holds("acme") == 0 }) // all its files were made, or none is any more
	if waiting := g.uploads.len(); waiting > cfg.Backlog {
		t.Errorf("I6: %d files wait for the bucket", waiting)
	}
	g.wantPending("acme", r)
	close(gate)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := g.Drain(ctx); err != nil {
		t.Error(err)
	}
	files.holds(g.stored("acme", r), all...)
	if testutil.ToFloat64(g.metrics.Postponed) == 0 {
		t.Error("it was not postponed")
	}
	g.finish()
	once(t, files, all...)
}

// TestStopWithABacklog: with windows postponed a drain keeps its deadline while the
// bucket is away, and ends when it is back; so does a process whose journal has failed.
func TestStopWithABacklog(t *testing.T) {
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprint("failure=", fails), synctested(func(t *testing.T) {
			files, gate := newBucketAway(t)
			cfg := config(t, vfs.OS{}, t.TempDir(), files)
			cfg.WindowBytes = 1
			cfg.Backlog = 4
			if fails {
				cfg.Medium = &failingMedium{Medium: cfg.Medium, at: 50}
			}
			g := start(t, cfg)
			var all []*schema.Batch
			for i := range int64(50) {
				b := batch("acme", i, 1, 0)
				g.mustPost(b)
				all = append(all, b)
				synctest.Wait()
			}
			if n := testutil.ToFloat64(g.metrics.Postponed); n < 40 {
				t.Errorf("%v windows were postponed", n)
			}
			if fails {
				if err := g.post(batch("acme", 0, 1, 0)); !errors.Is(err, ErrFailed) {
					t.Errorf("post: %v, want ErrFailed", err)
				}
				time.Sleep(time.Hour)
				select {
				case err := <-g.ended:
					t.Errorf("Run returns %v before all is flushed", err)
				default:
				}
				close(gate)
				if err := <-g.ended; !errors.Is(err, ErrFailed) {
					t.Errorf("Run returns %v, want ErrFailed", err)
				}
				g.ended <- nil
				g.crash()
			} else {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if err := g.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("drain with the bucket away: %v", err)
				}
				close(gate)
				g.finish() // within a minute
			}
			once(t, files, all...)
		}))
	}
}

// eventually polls for what another goroutine is about to do.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for range 10_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("never happened")
}
