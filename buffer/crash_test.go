package buffer

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

var crashSeeds = flag.Int("crash.seeds", 2, "disks to try for every operation of the crash matrix")

// TestCrashMatrix lets the power fail at the k-th operation of the file system, or
// fails that operation once with and without its effect, for every k of a life
// that commits, ends windows, flushes, recovers and stops; then does the same to
// the process that recovers. At the end everything acknowledged is in exactly one
// file and what was not is in one at most (I1, I3, I4, I5).
func TestCrashMatrix(t *testing.T) {
	for _, outcome := range []crashfs.Outcome{crashfs.Crash, crashfs.Fail, crashfs.FailDone} {
		t.Run(fmt.Sprintf("outcome=%d", outcome), func(t *testing.T) {
			ran := 0
			for seed := range uint64(*crashSeeds) {
				for k := 0; ; k++ {
					reached := true
					synctest.Test(t, func(t *testing.T) { reached = crashLife(t, seed, k, outcome) })
					if t.Failed() {
						t.Fatalf("seed %d, operation %d", seed, k)
					}
					if !reached {
						break
					}
					ran++
				}
			}
			t.Logf("%d lives", ran)
			if ran < 50 {
				t.Errorf("the matrix has only %d points: the life does too little", ran)
			}
		})
	}
}

// crashLife runs three processes on one disk: the first two meet the fault at
// their k-th operation, the last meets none. It says whether the first had so
// many operations.
func crashLife(t *testing.T, seed uint64, k int, outcome crashfs.Outcome) (reached bool) {
	files := newFakeFiles(t)
	disk := crashfs.New(seed)
	l := &life{t: t, files: files, receipts: map[rowsOf][]*schema.Batch{}}
	for process := range 3 {
		var dead atomic.Bool
		files.step = func(_ int, what string, _ FileID) verdict {
			if what == "put" {
				l.look()
			}
			if dead.Load() {
				return fails // a dead process puts nothing into a bucket either
			}
			return done
		}
		if process < 2 {
			disk.Inject(func(op crashfs.Op) crashfs.Outcome {
				if op.N == k && outcome == crashfs.Crash {
					dead.Store(true)
				}
				return crashfs.At(k, outcome)(op)
			})
		}
		l.live(disk, process == 2)
		if process == 0 {
			reached = disk.Operations() > k
		}
		disk.Crash()
		disk = disk.Reopen()
	}
	l.check()
	inc := journal.NewIncarnation()
	d, err := journal.OpenDisk(disk, "journal", inc, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if left, err := d.Windows(); err != nil || len(left) > 0 {
		t.Errorf("%d windows are left in the end (%v)", len(left), err)
	}
	return reached
}

// life is what a sequence of processes was sent.
type life struct {
	t            testing.TB
	files        *fakeFiles
	acknowledged []*schema.Batch
	unanswered   []*schema.Batch

	mu       sync.Mutex // looking, others than the one who sends
	running  *gateway
	receipts map[rowsOf][]*schema.Batch // of what was acknowledged by any process
	together bool                       // requests are sent at the same time, and share receipts

	// damaged, when set, says of which windows the journal was damaged: their rows
	// may be missing, or be there twice, for reasons that are checked elsewhere.
	damaged func(incarnation string, window uint64) bool
	lost    map[*schema.Batch]bool // what is missing for such a reason
}

// rowsOf is one tenant's part of a frame.
type rowsOf struct {
	Receipt
	tenant string
}

func (l *life) spoilt(incarnation string, window uint64) bool {
	return l.damaged != nil && l.damaged(incarnation, window)
}

// look asks the running process what it should know at any moment: accounts that
// add up (I7), and of every receipt either nothing, or that it is pending, or the
// files that hold its rows and are in the bucket.
func (l *life) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.running.Accounts() {
		if err := a.adds(); err != nil {
			l.t.Error(err)
		}
	}
	for r, batches := range l.receipts {
		p, err := l.running.Lookup(r.tenant, r.Receipt)
		switch {
		case err != nil && r.Incarnation == l.running.committer.incarnation && l.running.cfg.Memory >= 1<<20: // else it may be forgotten
			l.t.Errorf("an own receipt: %v", err)
		case p.Stored && !l.spoilt(r.Incarnation, r.Window):
			if !l.together { // else others may be in the same frame, and not known yet
				l.files.holds(p.Files, batches...)
			}
			l.files.include(p.Files, batches...)
		}
		if _, err := l.running.Lookup("stranger", r.Receipt); err == nil && p.Stored {
			l.t.Error("I8: a stranger learns of a receipt")
		}
	}
}

// live is one process: it recovers, takes events and stops.
func (l *life) live(disk vfs.FS, last bool) {
	inc := journal.NewIncarnation()
	medium, err := journal.OpenDisk(disk, "journal", inc, journal.Options{SegmentBytes: 2000 + headerRoom})
	if err != nil {
		l.mayFail(last, err)
		return
	}
	b, err := Open(Config{
		Medium: medium, Incarnation: inc, Files: l.files,
		Tables:        []*schema.Table{schema.Events(), schema.Rejected()},
		FlushInterval: time.Minute, WindowBytes: 1500, FileRows: 7, MinFree: 1,
		Encoders: 2, Uploads: 2,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		l.mayFail(last, err)
		medium.Close()
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &gateway{Buffer: b, t: l.t, stop: stop, ended: make(chan error, 1)}
	l.mu.Lock()
	l.running = g
	l.mu.Unlock()
	go func() { g.ended <- b.Run(ctx) }()
	l.send(g)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := g.Drain(ctx); err != nil {
		l.mayFail(last, err)
	}
	l.look()
	l.mayFail(last, g.crash())
}

// headerRoom is at least what a segment's header takes, so that a segment in this
// test holds a few frames.
const headerRoom = 12 << 10

// mayFail accepts an error of a process that has met a fault.
func (l *life) mayFail(last bool, err error) {
	if last && err != nil {
		l.t.Errorf("a process without faults: %v", err)
	}
}

// send posts a dozen requests of three tenants, one of them with several batches.
func (l *life) send(g *gateway) {
	for i := range 12 {
		batches := []*schema.Batch{batch(fmt.Sprintf("t%d", i%3), int64(i%2), 1+i%4, 300)}
		if i%5 == 0 {
			batches = append(batches, batch(batches[0].Tenant, 9, 2, 200))
		}
		if r, err := g.commit(batches...); err == nil {
			l.acknowledged = append(l.acknowledged, batches...)
			l.mu.Lock()
			l.receipts[rowsOf{r, batches[0].Tenant}] = batches
			l.mu.Unlock()
		} else {
			l.unanswered = append(l.unanswered, batches...)
		}
		if i == 6 {
			time.Sleep(time.Minute) // the window ends by its age
		}
	}
}

// check is the checker of the invariants.
func (l *life) check() {
	found := l.files.batches()
	for _, b := range l.unanswered {
		if ids := found[string(b.Bytes)]; len(ids) > 1 && !l.spoilt(ids[0].Incarnation, ids[0].Window) {
			l.t.Errorf("I3: an unanswered batch is in %d files", len(ids))
		}
		delete(found, string(b.Bytes))
	}
	for _, b := range l.acknowledged {
		ids := found[string(b.Bytes)]
		switch {
		case len(ids) == 0 && l.lost[b]:
		case len(ids) == 2 && l.spoilt(ids[0].Incarnation, ids[0].Window):
		case len(ids) != 1:
			l.t.Errorf("I1, I3: an acknowledged batch is in %d files", len(ids))
		}
		for _, id := range ids {
			if id.Tenant != b.Tenant || id.Hour != b.Hour || id.Table != b.Table.Name() {
				l.t.Errorf("I8: batch %.30s is in %v", b.Bytes, id)
			}
		}
		delete(found, string(b.Bytes))
	}
	if len(found) > 0 {
		l.t.Errorf("%d batches in files were never sent", len(found))
	}
	for _, a := range l.running.Accounts() {
		if a.Pending != 0 || a.Committing != 0 {
			l.t.Errorf("after all is flushed: %+v", a)
		}
	}
}
