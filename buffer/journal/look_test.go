package journal_test

// This file looks at journals from outside: in use, left behind and damaged.

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs/crashfs"
)

// looked is what Look finds: the frames of each window.
func looked(t *testing.T, fsys *crashfs.FS) map[uint64][]uint64 {
	t.Helper()
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		switch op.Kind {
		case crashfs.ReadDir, crashfs.Stat, crashfs.Open, crashfs.Read, crashfs.Close:
		default:
			t.Errorf("to look is to %s %s", op.Kind, op.Name)
		}
		return crashfs.Done
	})
	defer fsys.Inject(nil)
	s, err := journal.Look(fsys, directory)
	if err != nil {
		t.Fatal(err)
	}
	return framesOf(t, s)
}

// framesOf are the sequences of the frames of each window, none of which has a hole.
func framesOf(t *testing.T, s *journal.Snapshot) map[uint64][]uint64 {
	t.Helper()
	found := map[uint64][]uint64{}
	for _, id := range s.Windows() {
		r, err := s.Open(id)
		if err != nil {
			t.Fatalf("window %d: %v", id.Window, err)
		}
		found[id.Window] = []uint64{}
		for {
			frame, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("window %d: %v", id.Window, err)
			}
			found[id.Window] = append(found[id.Window], frame.Sequence)
		}
		if damage := r.Damage(); len(damage) > 0 {
			t.Errorf("window %d: %v", id.Window, damage)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	return found
}

func sequences(from, to uint64) (list []uint64) {
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

// A journal in use gives what was appended so far, the open window too, and nothing
// of a deleted one; to look at it changes no file, and takes no lock.
func TestLookAtAJournalInUse(t *testing.T) {
	fsys := crashfs.New(1)
	p := mediumtest.Start(t, storage(fsys, directory, smallSegments))
	p.Fill(1, 30)
	p.Fill(2, 3)
	if diff := cmp.Diff(map[uint64][]uint64{1: sequences(1, 30), 2: sequences(31, 33)}, looked(t, fsys)); diff != "" {
		t.Errorf("in use (-want +got):\n%s", diff)
	}
	p.Fill(3, 12)
	if err := p.Delete(journal.WindowID{Incarnation: p.Incarnation, Window: 2}); err != nil {
		t.Fatal(err)
	}
	want := map[uint64][]uint64{1: sequences(1, 30), 3: sequences(34, 45)}
	if diff := cmp.Diff(want, looked(t, fsys)); diff != "" {
		t.Errorf("after a deletion (-want +got):\n%s", diff)
	}
	p.Stop()
	fsys.Kill()
	if diff := cmp.Diff(want, looked(t, fsys.Reopen())); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}

// A window that is being deleted is gone; one that is deleted after the look is not
// there to be opened.
func TestLookAtADeletion(t *testing.T) {
	m := newMedium(t)
	first := m.segments(1)[0]
	if err := m.Rename(first, first+".deleted"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[uint64][]uint64{2: sequences(31, 33), 3: sequences(34, 45)}, looked(t, m.FS)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s, err := journal.Look(m.FS, directory)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Remove(m.segments(2)[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(journal.WindowID{Incarnation: m.inc, Window: 2}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a window that was deleted meanwhile: %v", err)
	}
	if _, err := s.Open(journal.WindowID{Incarnation: m.inc, Window: 9}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a window that never was: %v", err)
	}
	if _, err := journal.Look(m.FS, path.Join(directory, "elsewhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// changing is a directory that changes while it is listed for the nth time: listed says
// what that listing has, and change is what comes meanwhile.
type changing struct {
	*crashfs.FS
	nth    int
	listed func(file string) bool
	change func()
}

func (c *changing) ReadDir(dir string) ([]fs.DirEntry, error) {
	all, err := c.FS.ReadDir(dir)
	if c.nth--; c.nth == 0 {
		all = slices.DeleteFunc(all, func(e fs.DirEntry) bool { return !c.listed(path.Join(dir, e.Name())) })
		c.change()
	}
	return all, err
}

// A listing that is taken while segments go or come may have any of them. Nobody sees a
// window with a hole for that.
func TestLookWhileItChanges(t *testing.T) {
	all := map[uint64][]uint64{1: sequences(1, 30), 2: sequences(31, 33), 3: sequences(34, 45)}
	without := map[uint64][]uint64{2: all[2], 3: all[3]}
	begins := func(m *medium, segments []string) {
		m.rename(segments[0], segments[0]+".deleted")
		m.remove(segments[1])
	}
	for _, test := range []struct {
		name    string
		listing int
		hidden  int                                // the segment of window 1 that it does not have
		change  func(m *medium, segments []string) // while it is taken
		want    map[uint64][]uint64
	}{
		{"a deletion begins", 1, 1, begins, without},
		{"a deletion with an empty tombstone begins", 1, 1, func(m *medium, segments []string) {
			m.replace(segments[0]+".deleted", nil)
			m.remove(segments[1])
		}, without},
		{"a deletion is done", 1, 1, func(m *medium, segments []string) {
			for _, file := range segments {
				m.remove(file)
			}
		}, without},
		{"a deletion begins late", 2, 1, begins, without},
		{"segments come", 1, 1, func(*medium, []string) {}, all},
		{"a window begins", 1, 0, func(*medium, []string) {}, all},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMedium(t)
			segments := m.segments(1)
			if len(segments) < 3 {
				t.Fatal(segments)
			}
			c := &changing{
				FS: m.FS, nth: test.listing,
				listed: func(file string) bool { return file != segments[test.hidden] },
				change: func() { test.change(m, segments) },
			}
			s, err := journal.Look(c, directory)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, framesOf(t, s)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Of segments that are made during the second listing it may have the last alone. What
// was there before is enough.
func TestLookWhileItGrows(t *testing.T) {
	m := newMedium(t)
	for _, file := range append(m.segments(2), m.segments(3)...) {
		m.remove(file)
	}
	segments := m.segments(1)
	last := len(segments) - 1
	if last < 2 {
		t.Fatal(segments)
	}
	newest := m.content(segments[last])
	for _, file := range segments[1:] {
		m.remove(file)
	}
	want := map[uint64][]uint64{1: sequences(1, m.last(segments[0]))}
	s, err := journal.Look(&changing{
		FS: m.FS, nth: 1,
		listed: func(string) bool { return true },
		change: func() { m.replace(segments[last], newest) },
	}, directory)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, framesOf(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Damage is told as recovery tells it.
func TestLookAtDamage(t *testing.T) {
	m := newMedium(t)
	m.flip(32, -10)
	s, err := journal.Look(m.FS, directory)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(journal.WindowID{Incarnation: m.inc, Window: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, io.EOF) || len(r.Damage()) != 1 {
		t.Errorf("damage %v, %v", r.Damage(), err)
	}
}
