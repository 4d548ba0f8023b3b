package buffer

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// TestUnreadForAWhile: frames that one reading of a window does not get, and the next
// one does, be it the first reading or a later one, are in no way lost: their file is
// put once, with all rows. Else its name would be taken by one with fewer rows, and the
// window deleted when the whole was found to be there already (I3).
func TestUnreadForAWhile(t *testing.T) {
	for opened := range 4 {
		for frame := range 3 {
			t.Run(fmt.Sprintf("opened=%d/frame=%d", opened, frame), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					dir, files := t.TempDir(), newFakeFiles(t)
					a, b, c := batch("acme", 1, 5, 0), batch("acme", 1, 3, 0), batch("acme", 1, 2, 0)
					leave(t, dir, files, a, b, c)
					cfg := config(t, vfs.OS{}, dir, files)
					cfg.Medium = &fading{Medium: cfg.Medium, at: int64(opened), frame: frame}
					g := start(t, cfg)
					g.finish()
					once(t, files, a, b, c)
					if windows, err := g.cfg.Medium.Windows(); err != nil || len(windows) > 0 {
						t.Errorf("windows %v are left (%v)", windows, err)
					}
				})
			})
		}
	}
}

// TestUnreadElsewhere: where a reading lacks other frames than the one before it did, no
// file is put of it, not even one that is cut before the reading ends: the names would be
// taken by rows that no later reading gives them (I3).
func TestUnreadElsewhere(t *testing.T) {
	for _, frame := range []int{-1, 0, 2} { // that the reading lacks, none with -1, where the others lack frame 1
		t.Run(fmt.Sprint("frame=", frame), synctested(func(t *testing.T) {
			dir, files := t.TempDir(), newFakeFiles(t)
			cfg := config(t, vfs.OS{}, dir, files)
			cfg.FileRows = 2
			files.step = func(int, string, FileID) verdict { return fails }
			g := start(t, cfg)
			var all []*schema.Batch
			for range 6 {
				all = append(all, batch("acme", 1, 1, 0))
				g.mustPost(all[len(all)-1])
			}
			g.crash()
			files.step = nil
			cfg = config(t, vfs.OS{}, dir, files)
			cfg.Medium = &moving{Medium: cfg.Medium, at: looks + 1, frame: frame}
			g = start(t, cfg)
			time.Sleep(time.Hour)
			g.finish()
			once(t, files, append(all[:1:1], all[2:]...)...)
		}))
	}
}

// moving is a journal that does not give back frame 1, but at the at-th opening another.
type moving struct {
	journal.Medium
	at, frame int
	opens     int
}

func (m *moving) Open(id journal.WindowID) (journal.Reader, error) {
	r, err := m.Medium.Open(id)
	if err != nil {
		return nil, err
	}
	lacks := 1
	if m.opens == m.at {
		lacks = m.frame
	}
	m.opens++
	if lacks < 0 {
		lacks = 1 << 30
	}
	return &fadingReader{Reader: r, left: lacks}, nil
}

// TestUnreadThenHealed: of a window that was given up as unreadable, files were put
// without all of its rows. When the disk gives all of it back after that, to the same
// process or to the next, their names are taken: so the window is kept in quarantine,
// and not lost as one that is whole and deleted (I3, I4).
func TestUnreadThenHealed(t *testing.T) {
	for _, next := range []bool{false, true} {
		t.Run(fmt.Sprint("next process=", next), synctested(func(t *testing.T) {
			dir, files := t.TempDir(), newFakeFiles(t)
			a, b, c := batch("acme", 1, 5, 0), batch("acme", 1, 3, 0), batch("bolt", 1, 2, 0)
			leave(t, dir, files, a, b, c)
			files.damaged = func(FileID) bool { return true }
			medium := &bad{}
			var others atomic.Bool
			files.step = func(_ int, what string, id FileID) verdict {
				if what == "put" && id.Tenant == "bolt" && !others.Load() {
					if !next && len(files.batches()[string(a.Bytes)]) == 1 {
						others.Store(true)
						medium.healed.Store(true)
					}
					return fails
				}
				return done
			}
			cfg := config(t, vfs.OS{}, dir, files)
			medium.Medium = cfg.Medium
			cfg.Medium = medium
			g := start(t, cfg)
			time.Sleep(time.Hour)
			if found := files.batches(); len(found[string(a.Bytes)]) != 1 || len(found[string(b.Bytes)]) != 0 {
				t.Fatal("the file was not put without the rows that could not be read")
			}
			if next {
				g.crash()
				others.Store(true)
				g = start(t, config(t, vfs.OS{}, dir, files))
			}
			g.finish()
			if kept, err := os.ReadDir(filepath.Join(dir, "quarantine")); err != nil || len(kept) == 0 {
				t.Errorf("the window with the only copy of acknowledged rows is gone: %v", err)
			}
		}))
	}
}

// bad is a journal that does not give back the second frame, until it is healed.
type bad struct {
	journal.Medium
	healed atomic.Bool
}

func (m *bad) Open(id journal.WindowID) (journal.Reader, error) {
	r, err := m.Medium.Open(id)
	if m.healed.Load() || err != nil {
		return r, err
	}
	return &fadingReader{Reader: r, left: 1}, nil
}

// fading is a journal that does not give back one frame of a window when that is
// opened for the at-th time.
type fading struct {
	journal.Medium
	at    int64
	frame int
	opens atomic.Int64
}

func (m *fading) Open(id journal.WindowID) (journal.Reader, error) {
	r, err := m.Medium.Open(id)
	if m.opens.Add(1)-1 != m.at || err != nil {
		return r, err
	}
	return &fadingReader{Reader: r, left: m.frame}, nil
}

type fadingReader struct {
	journal.Reader
	left   int // frames until the one that is not given
	damage []journal.Damage
}

func (r *fadingReader) Next() (journal.Frame, error) {
	frame, err := r.Reader.Next()
	if r.left--; r.left == -1 && err == nil {
		r.damage = []journal.Damage{{File: "a", Frames: 1, Reason: "unreadable", Unread: true}}
		return r.Reader.Next()
	}
	return frame, err
}

func (r *fadingReader) Damage() []journal.Damage { return r.damage }
