package journal_test

// This file looks at journals from outside: in use, left behind and damaged.

import (
	"errors"
	"io"
	"io/fs"
	"path"
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
