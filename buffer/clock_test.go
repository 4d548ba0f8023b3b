package buffer

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// TestWindowsEndOnMultiples: at 12 s past the minute a window of a minute has 48 s
// to live, however often it is written to, and no frame after its end is in it.
func TestWindowsEndOnMultiples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFakeFiles(t)
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.FlushInterval = time.Minute
		log := &loggedMedium{Medium: cfg.Medium}
		cfg.Medium = log
		g := start(t, cfg)
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute + 12*time.Second)))
		var all []*schema.Batch
		for range 300 {
			b := batch("acme", 1, 1, 0)
			g.mustPost(b)
			all = append(all, b)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n, _ := files.count(); n != 5 {
			t.Errorf("%d files after five minutes, want one a minute: 5", n)
		}
		g.finish()
		once(t, files, all...)
		for _, f := range log.frames {
			opened, at := f.opened.Truncate(time.Minute), f.at.Truncate(time.Minute)
			if !opened.Equal(at) {
				t.Fatalf("a frame of %v joined the window of %v", f.at, f.opened)
			}
		}
		if len(log.frames) != 300 {
			t.Errorf("%d frames", len(log.frames))
		}
	})
}

// TestLoneRequestWaitsForNothing: an idle gateway answers after a sync, not after
// a tick.
func TestLoneRequestWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := start(t, config(t, vfs.OS{}, t.TempDir(), newFakeFiles(t)))
		for range 3 {
			time.Sleep(10 * time.Minute)
			began := time.Now()
			g.mustPost(batch("acme", 1, 1, 0))
			if waited := time.Since(began); waited != 0 {
				t.Errorf("a lone request waited %v for something other than the disk", waited)
			}
		}
		g.finish()
	})
}

// TestIdleOpensNoWindow: hours without events leave no window, file or tenant.
func TestIdleOpensNoWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFakeFiles(t)
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.FlushInterval = time.Minute
		g := start(t, cfg)
		g.mustPost(batch("acme", 1, 1, 0))
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if n, _ := files.count(); n != 1 || g.committer.windows != 1 {
			t.Errorf("%d files and %d windows, want 1 and 1", n, g.committer.windows)
		}
		if n := g.tenants.len(); n != 0 {
			t.Errorf("%d idle tenants are kept", n)
		}
		if n, _ := g.Pending(); n != 0 {
			t.Errorf("%d windows pending", n)
		}
		g.finish()
	})
}

// TestClockJumps: a wall clock that is set back or forward an hour keeps no window
// open for longer than its interval, and no frame joins a window of an hour before.
func TestClockJumps(t *testing.T) {
	for jump, windows := range map[time.Duration]int{-time.Hour: 1, time.Hour: 2} {
		synctest.Test(t, func(t *testing.T) {
			files := newFakeFiles(t)
			cfg := config(t, vfs.OS{}, t.TempDir(), files)
			cfg.FlushInterval = time.Minute
			var offset atomic.Int64
			cfg.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
			g := start(t, cfg)
			first := batch("acme", 1, 1, 0)
			g.mustPost(first)
			offset.Store(int64(jump))
			second := batch("acme", 1, 1, 0)
			g.mustPost(second)
			time.Sleep(time.Minute)
			synctest.Wait()
			if n, _ := g.Pending(); n != 0 {
				t.Errorf("jump of %v: %d windows are pending a minute later", jump, n)
			}
			g.finish()
			once(t, files, first, second)
			if n, _ := files.count(); n != windows {
				t.Errorf("jump of %v: two frames in %d windows, want %d", jump, n, windows)
			}
		})
	}
}

// TestStalledSync: a sync that does not return makes the process not ready.
func TestStalledSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFakeFiles(t)
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		slow := gated(&cfg)
		g := start(t, cfg)
		b := batch("acme", 1, 1, 0)
		posted := make(chan error)
		go func() { posted <- g.post(b) }()
		time.Sleep(9 * time.Second)
		if err := g.Ready(); err != nil {
			t.Errorf("not ready after 9 s: %v", err)
		}
		time.Sleep(2 * time.Second)
		if g.Ready() == nil {
			t.Error("ready while a sync has taken 11 s")
		}
		select {
		case err := <-posted:
			t.Errorf("I1: answered %v before the sync returned", err)
		default:
		}
		close(slow.gate)
		if err := <-posted; err != nil || g.Ready() != nil {
			t.Errorf("after the sync returned: %v, %v", err, g.Ready())
		}
		g.finish()
		once(t, files, b)
	})
}

// loggedMedium notes when frames were appended to which window.
type loggedMedium struct {
	journal.Medium
	frames []struct{ opened, at time.Time }
}

func (m *loggedMedium) Append(h *journal.Header, seq uint64, frame []byte, sync bool) (journal.Place, error) {
	m.frames = append(m.frames, struct{ opened, at time.Time }{h.Opened, time.Now().UTC()})
	return m.Medium.Append(h, seq, frame, sync)
}
