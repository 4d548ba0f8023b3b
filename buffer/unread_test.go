package buffer

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
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
