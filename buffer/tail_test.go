package buffer

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
)

// TestOwnTailDamaged: the last frame of a window of this process was acknowledged, so one
// that is damaged is no torn tail: the window is kept in quarantine (I4).
func TestOwnTailDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, files := t.TempDir(), newFakeFiles(t)
		files.step = func(n int, _ string, _ FileID) verdict {
			if n == 0 {
				return fails // so it is read from the journal
			}
			return done
		}
		g := start(t, config(t, vfs.OS{}, dir, files))
		a, b := batch("acme", 1, 5, 200), batch("acme", 1, 3, 200)
		g.mustPost(a)
		g.mustPost(b)
		damage(t, dir, b.Bytes)
		g.finish()
		once(t, files, a)
		inQuarantine(t, dir)
	})
}

// TestTailOfAnEarlierProcess: the same goes for a window of an earlier process that the
// next one proves to have ended, though that is flushed and deleted before it.
func TestTailOfAnEarlierProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, files := t.TempDir(), newFakeFiles(t)
		cfg := config(t, vfs.OS{}, dir, files)
		cfg.WindowBytes = 600
		files.step = func(int, string, FileID) verdict { return fails }
		g := start(t, cfg)
		a, b, c := batch("acme", 1, 5, 200), batch("acme", 1, 3, 500), batch("acme", 1, 3, 500)
		g.mustPost(a)
		g.mustPost(b)
		g.mustPost(c)
		g.crash()
		damage(t, dir, b.Bytes)
		files.step = nil
		cfg = config(t, vfs.OS{}, dir, files)
		cfg.Medium = &failsOpen{Medium: cfg.Medium}
		g = start(t, cfg)
		g.finish()
		once(t, files, a, c)
		inQuarantine(t, dir)
	})
}

// inQuarantine checks that one segment was put aside.
func inQuarantine(t *testing.T, dir string) {
	t.Helper()
	if kept, err := os.ReadDir(filepath.Join(dir, "quarantine")); err != nil || len(kept) != 1 {
		t.Errorf("I4: %d segments are in quarantine (%v), want the one with acknowledged rows that can't be read", len(kept), err)
	}
}

// failsOpen can't open the first window at first.
type failsOpen struct {
	journal.Medium
	opens atomic.Int64
}

func (m *failsOpen) Open(id journal.WindowID) (journal.Reader, error) {
	if id.Window == 1 && m.opens.Add(1) == 1 {
		return nil, errors.New("too many open files")
	}
	return m.Medium.Open(id)
}
