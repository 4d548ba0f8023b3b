package buffer

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
)

// within waits as [eventually] does, for less long.
func within(ok func() bool) bool {
	for range 3_000 {
		if ok() {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// refuse has the bucket take none of one tenant's files until the gate is closed.
func refuse(t *testing.T, tenant string) *fakeFiles {
	files := newFakeFiles(t)
	files.gate = make(chan struct{})
	files.step = func(_ int, what string, id FileID) verdict {
		if what == "put" && id.Tenant == tenant {
			return waits
		}
		return done
	}
	return files
}

// TestRefusedAtRecovery: of windows that an earlier process has left, one tenant's file
// that the bucket refuses keeps no other tenant's in the journal (I8).
func TestRefusedAtRecovery(t *testing.T) {
	dir := t.TempDir()
	files := refuse(t, "refused")
	bad, good := batch("refused", 1, 1, 0), batch("other", 1, 1, 0)
	leave(t, dir, files, bad)
	leave(t, dir, files, good)
	g := start(t, config(t, vfs.OS{}, dir, files))
	if !within(func() bool { return len(files.batches()[string(good.Bytes)]) == 1 }) {
		t.Error("I8: another tenant's window waits for the refused one's")
	}
	close(files.gate)
	g.finish()
	once(t, files, bad, good)
}

// TestRefusedBesideAFailure: a window whose flush has failed is flushed again for all
// tenants, though the bucket goes on refusing one tenant's file of it (I8).
func TestRefusedBesideAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := refuse(t, "refused")
		refusing := files.step
		var failed atomic.Bool
		putting := make(chan struct{})
		files.step = func(n int, what string, id FileID) verdict {
			if what == "put" && id.Tenant == "refused" && !failed.Load() {
				close(putting)
			}
			if what == "put" && id.Tenant == "other" && !failed.Load() {
				<-putting
				failed.Store(true)
				return fails // as a spool does that has gone
			}
			return refusing(n, what, id)
		}
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.WindowBytes = 1 << 20
		g := start(t, cfg)
		bad, good := batch("refused", 1, 1, 0), batch("other", 1, 1, 1<<20)
		g.mustPost(bad)
		g.mustPost(good) // ends the window
		if !within(func() bool { return len(files.batches()[string(good.Bytes)]) == 1 }) {
			t.Error("I8: another tenant's rows wait for the refused one's")
		}
		close(files.gate)
		g.finish()
		once(t, files, bad, good)
	})
}

// TestHeldBesideAFailure: the same goes for a refused file that is not even put, since
// others of its tenant are: it keeps no failed window waiting (I8).
func TestHeldBesideAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := refuse(t, "refused")
		refusing := files.step
		var failed atomic.Bool
		files.step = func(n int, what string, id FileID) verdict {
			if what == "put" && id.Tenant == "other" && failed.CompareAndSwap(false, true) {
				return fails
			}
			return refusing(n, what, id)
		}
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.TenantUploads, cfg.Uploads = 1, 8
		cfg.WindowBytes = 1 << 20
		g := start(t, cfg)
		first := batch("refused", 1, 1, 1<<20)
		g.mustPost(first) // a window whose file is put for ever
		synctest.Wait()
		bad, good := batch("refused", 1, 1, 0), batch("other", 1, 1, 1<<20)
		g.mustPost(bad)
		g.mustPost(good) // ends the next window
		time.Sleep(time.Hour)
		if len(files.batches()[string(good.Bytes)]) != 1 {
			t.Error("I8: another tenant's rows wait for the refused one's")
		}
		close(files.gate)
		g.finish()
		once(t, files, first, bad, good)
	})
}

// TestPoisonedTenant: a file that fails each time keeps no other tenant's rows of its
// window in the journal, though puts take longer than the failure (I8).
func TestPoisonedTenant(t *testing.T) {
	for _, step := range []string{"append", "close", "put"} {
		t.Run(step, synctested(func(t *testing.T) {
			files := newFakeFiles(t)
			var cured atomic.Bool
			files.step = func(_ int, what string, id FileID) verdict {
				switch {
				case what == step && id.Tenant == "bad" && !cured.Load():
					return fails
				case what == "put":
					return slow
				}
				return done
			}
			g := start(t, config(t, vfs.OS{}, t.TempDir(), files))
			bad, good := batch("bad", 1, 1, 0), batch("good", 1, 1, 0)
			g.mustPost(bad)
			g.mustPost(good)
			time.Sleep(2 * time.Hour)
			if len(files.batches()[string(good.Bytes)]) != 1 {
				t.Error("I8: another tenant's rows wait for those that can't be filed")
			}
			cured.Store(true)
			g.finish()
			once(t, files, bad, good)
		}))
	}
}

// TestManyFilesFail: when more than a few files fail, which is the spool's fault then,
// the rest is not encoded in vain.
func TestManyFilesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFakeFiles(t)
		var appends atomic.Int64
		files.step = func(_ int, what string, _ FileID) verdict {
			if what == "append" {
				appends.Add(1)
			}
			return fails
		}
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.FlushInterval = time.Minute
		g := start(t, cfg)
		for hour := range int64(100) {
			g.mustPost(batch("acme", hour, 1, 0))
		}
		for testutil.ToFloat64(g.metrics.FlushFailures) == 0 {
			time.Sleep(time.Millisecond)
		}
		if n := appends.Load(); n > mostSpoiled+int64(cfg.Encoders) {
			t.Errorf("%d row groups were encoded", n)
		}
	})
}

// TestStoredTenantsAreLetGo: of files that are in the bucket, no tenant and nothing of the
// writer's stays in memory until the refused one's is there, too (I6).
func TestStoredTenantsAreLetGo(t *testing.T) {
	files := refuse(t, "refused")
	g := start(t, config(t, vfs.OS{}, t.TempDir(), files))
	bad, good := batch("refused", 1, 1, 0), batch("other", 1, 1, 0)
	g.mustPost(bad)
	g.mustPost(good)
	other := g.tenants.pin(g.Buffer, "other")
	held := weak.Make(other)
	other.unpin()
	other = nil
	g.committer.drain()
	if !within(func() bool { return len(files.batches()[string(good.Bytes)]) == 1 }) {
		t.Error("I8: another tenant's rows wait for the refused one's")
	}
	if !within(func() bool { runtime.GC(); return held.Value() == nil }) {
		t.Error("I6: a tenant whose files are in the bucket is still in memory")
	}
	close(files.gate)
	g.finish()
	once(t, files, bad, good)
}

// TestReplayOfALargeBatch: a batch that an earlier process has accepted, and that is
// more than all of the memory of this one, is flushed all the same.
func TestReplayOfALargeBatch(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	large := batch("acme", 1, 1, 2<<20)
	leave(t, dir, files, large)
	cfg := config(t, vfs.OS{}, dir, files)
	cfg.Memory = 1 << 20
	g := start(t, cfg)
	if !within(func() bool { return len(files.batches()) == 1 }) {
		t.Fatal("never flushed")
	}
	g.finish()
	once(t, files, large)
}

// TestUnreadAfterOtherFailures: failures that have nothing to do with the disk are no
// readings in vain: the first bytes that it does not give back are asked for again.
func TestUnreadAfterOtherFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, files := t.TempDir(), newFakeFiles(t)
		a, b := batch("acme", 1, 5, 0), batch("acme", 1, 3, 0)
		leave(t, dir, files, a, b)
		var failed atomic.Int64
		files.step = func(_ int, what string, _ FileID) verdict {
			if what == "append" && failed.Add(1) <= looks {
				return fails // the spool is full
			}
			return done
		}
		cfg := config(t, vfs.OS{}, dir, files)
		// Each attempt opens the window twice: for the plan, and for its one pass.
		cfg.Medium = &fadingTwice{&fading{Medium: cfg.Medium, at: 2 * looks, frame: 1}}
		g := start(t, cfg)
		time.Sleep(time.Hour)
		g.finish()
		once(t, files, a, b)
	})
}

// fadingTwice does not give the frame back at two openings.
type fadingTwice struct{ *fading }

func (m *fadingTwice) Open(id journal.WindowID) (journal.Reader, error) {
	n := m.opens.Load()
	r, err := m.fading.Open(id)
	if n == m.at+1 && err == nil {
		return &fadingReader{Reader: r, left: m.frame}, nil
	}
	return r, err
}

// TestCommittedBatchesAreLetGo: the committer refers to no batch that it has pushed
// (I6): what was counted as given back is.
func TestCommittedBatchesAreLetGo(t *testing.T) {
	files := newFakeFiles(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.WindowBytes = 1
	g := start(t, cfg)
	bytes := new([1 << 20]byte)
	held := weak.Make(bytes)
	b := batch("acme", 1, 1, 0)
	b.Bytes = append(bytes[:0], b.Bytes...)
	bytes = nil
	r := g.mustCommit(batch("acme", 2, 1, 0), b)
	b = nil
	g.stored("acme", r)
	g.mustPost(batch("acme", 1, 1, 0)) // the next frame takes the first place, not the second
	files.mu.Lock()
	clear(files.mu.objects)
	files.mu.Unlock()
	if !within(func() bool { runtime.GC(); return held.Value() == nil }) {
		t.Error("I6: a batch that is in the bucket is still in memory")
	}
	g.finish()
}

// TestShedBesideRequests: what requests under way have reserved does not end windows:
// of what waits, the batches are let go first, and only places end one (I3).
func TestShedBesideRequests(t *testing.T) {
	files := newFakeFiles(t)
	cfg := small(t, t.TempDir(), files)
	g := start(t, cfg)
	underWay, err := g.Reserve("slow", 0, cfg.Memory/3)
	if err != nil {
		t.Fatal(err)
	}
	all := g.fill(2000, 250, 6000) // 12 MB
	if n := g.memoryWindows(); n != 0 {
		t.Errorf("%v windows ended for want of memory, with %v of 2000 batches let go", n, testutil.ToFloat64(g.metrics.Shed))
	}
	underWay.Release()
	g.finish()
	once(t, files, all...)
	if n, _ := files.count(); n != 250 {
		t.Errorf("%d files of 250 tenants with an hour each", n)
	}
}

// TestCancelledByOthers: an error that says that some context has ended does not mean
// that the process ends: the window is flushed again.
func TestCancelledByOthers(t *testing.T) {
	files := newFakeFiles(t)
	var puts atomic.Int64
	files.step = func(_ int, what string, _ FileID) verdict {
		if what == "put" && puts.Add(1) <= 2 { // its own, and that of the replay
			return cancels
		}
		return done
	}
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.WindowBytes = 1
	g := start(t, cfg)
	b := batch("acme", 1, 1, 0)
	g.stored("acme", g.mustCommit(b))
	g.finish()
	once(t, files, b)
}
