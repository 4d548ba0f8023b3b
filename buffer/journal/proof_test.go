package journal_test

// This file has tests of what a window that is gone still proves.

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs"
	"parquay/buffer/journal/vfs/crashfs"
)

// removal takes a window out of the journal.
type removal func(fsys *crashfs.FS, p *mediumtest.Process, id journal.WindowID) error

func deleted(_ *crashfs.FS, p *mediumtest.Process, id journal.WindowID) error { return p.Delete(id) }

func putAside(_ *crashfs.FS, p *mediumtest.Process, id journal.WindowID) error {
	return p.Quarantine(id)
}

// deletedByTheNext deletes it as the next process, which lists the windows first.
func deletedByTheNext(fsys *crashfs.FS, p *mediumtest.Process, id journal.WindowID) error {
	if err := p.Close(); err != nil {
		return err
	}
	m, err := storage(fsys, directory, smallSegments)(journal.NewIncarnation())
	if err != nil {
		return err
	}
	if _, err := m.Windows(); err != nil {
		return err
	}
	return m.Delete(id)
}

// proving is a leftover journal in which window 1 has the frames 1 to 3, and window 2,
// which had so many after these, is gone.
func proving(t *testing.T, frames int, remove removal) *medium {
	t.Helper()
	fsys := crashfs.New(1)
	p := mediumtest.Start(t, storage(fsys, directory, smallSegments))
	p.Fill(1, 3)
	if err := remove(fsys, p, p.Fill(2, frames)); err != nil {
		t.Fatal(err)
	}
	fsys.Kill()
	return &medium{fsys.Reopen(), t, p.Incarnation}
}

// names lists the journal's files, without the incarnation.
func (m *medium) names() (files []string) {
	m.t.Helper()
	entries, err := m.ReadDir(directory)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() && e.Name() != "LOCK" {
			files = append(files, strings.TrimPrefix(e.Name(), m.inc.String()+"-"))
		}
	}
	return files
}

// Whichever way the window went that was begun after another: what is damaged of the
// other's end is damage still, whoever reads it and however often the process dies.
func TestProofStays(t *testing.T) {
	for name, remove := range map[string]removal{"deleted": deleted, "put aside": putAside, "deleted by the next": deletedByTheNext} {
		for _, frames := range []int{3, 30} { // in one segment, in several
			t.Run(fmt.Sprintf("%s/%d", name, frames), func(t *testing.T) {
				m := proving(t, frames, remove)
				want := []string{"00000001-000000000001.journal", "00000002-000000000004.journal.deleted"}
				if diff := cmp.Diff(want, m.names()); diff != "" {
					t.Errorf("what is left (-want +got):\n%s", diff)
				}
				if got, damage := m.read(1, 1, 3); !cmp.Equal(got, fine) {
					t.Errorf("without damage: %+v, %v", got, damage)
				}
				m.flip(3, -1)
				lost := result{Missed: []uint64{3}, Lost: 1, Places: 1, Torn: -1}
				for range 2 {
					got, _ := m.read(1, 1, 3)
					if diff := cmp.Diff(lost, got); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					m.Kill()
					m.FS = m.Reopen()
				}
				s, err := journal.Look(m.FS, directory)
				if err != nil {
					t.Fatal(err)
				}
				r, err := s.Open(journal.WindowID{Incarnation: m.inc, Window: 1})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := mediumtest.ReadAll(r); err != nil || len(r.Damage()) != 1 {
					t.Errorf("looked at: %v, %v", r.Damage(), err)
				}
			})
		}
	}
}

// The proof goes with the window that it is for: when that goes in the same process, in
// the next one, or before the other's deletion has succeeded.
func TestProofGoes(t *testing.T) {
	first := func(inc journal.Incarnation) journal.WindowID { return journal.WindowID{Incarnation: inc, Window: 1} }
	t.Run("at once", func(t *testing.T) {
		m := proving(t, 30, func(fsys *crashfs.FS, p *mediumtest.Process, id journal.WindowID) error {
			if err := deleted(fsys, p, id); err != nil {
				return err
			}
			return p.Delete(first(p.Incarnation))
		})
		if files := m.names(); len(files) != 0 {
			t.Errorf("%v are left", files)
		}
	})
	for name, remove := range map[string]removal{"later": deleted, "later, put aside": putAside} {
		t.Run(name, func(t *testing.T) {
			m := proving(t, 30, deleted)
			d, ok := next(t, m.FS)
			if !ok {
				return
			}
			if err := remove(m.FS, &mediumtest.Process{Medium: d}, first(m.inc)); err != nil {
				t.Fatal(err)
			}
			if files := m.names(); len(files) != 0 {
				t.Errorf("%v are left", files)
			}
		})
	}
	t.Run("before the other", func(t *testing.T) {
		m := proving(t, 30, func(fsys *crashfs.FS, p *mediumtest.Process, id journal.WindowID) error {
			fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
				if op.Kind == crashfs.Remove {
					return crashfs.Fail
				}
				return crashfs.Done
			})
			if err := p.Delete(id); err == nil {
				t.Error("deleted, though nothing can be removed")
			}
			fsys.Inject(nil)
			if err := p.Delete(first(p.Incarnation)); err != nil {
				return err
			}
			return p.Delete(id)
		})
		if files := m.names(); len(files) != 0 {
			t.Errorf("%v are left", files)
		}
	})
	t.Run("before the other, which is left in part", func(t *testing.T) {
		m := proving(t, 30, func(fsys *crashfs.FS, p *mediumtest.Process, id journal.WindowID) error {
			removals := 0
			fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
				if op.Kind == crashfs.Remove {
					if removals++; removals == 2 {
						return crashfs.Fail
					}
				}
				return crashfs.Done
			})
			if err := p.Delete(id); err == nil {
				t.Error("deleted, though one segment can't be removed")
			}
			fsys.Inject(nil)
			return p.Delete(first(p.Incarnation))
		})
		if d, ok := next(t, m.FS); ok {
			if ids, err := d.Windows(); err != nil || len(ids) != 0 || len(m.names()) != 0 {
				t.Errorf("the next process finds %v, %v, and leaves %v", ids, err, m.names())
			}
		}
	})
	t.Run("left behind", func(t *testing.T) {
		m := proving(t, 3, deleted)
		for _, file := range m.segments(1)[:1] {
			m.remove(file)
		}
		if _, ok := next(t, m.FS); ok && len(m.names()) != 0 {
			t.Errorf("%v are left", m.names())
		}
	})
}

// full is a file system without room for another file.
type full struct {
	*crashfs.FS
	errno syscall.Errno
}

func (f full) Create(name string) (vfs.File, error) {
	if strings.HasSuffix(name, ".deleted") {
		return nil, &fs.PathError{Op: "create", Path: name, Err: f.errno}
	}
	return f.FS.Create(name)
}

// A window is deleted without a proof where there is no room for one, since its deletion
// makes room. Any other failure is the deletion's.
func TestNoRoomForAProof(t *testing.T) {
	for errno, want := range map[syscall.Errno]bool{syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EIO: false} {
		for _, frames := range []int{3, 30} {
			t.Run(fmt.Sprint(errno, "/", frames), func(t *testing.T) {
				fsys := full{crashfs.New(1), errno}
				p := mediumtest.Start(t, storage(fsys, directory, smallSegments))
				p.Fill(1, 3)
				err := p.Delete(p.Fill(2, frames))
				if (err == nil) != want {
					t.Errorf("Delete = %v", err)
				}
				m := &medium{fsys.FS, t, p.Incarnation}
				if gone := len(m.segments(2)) == 0; gone != want {
					t.Errorf("%v are left", m.names())
				}
			})
		}
	}
}

// A tombstone that is not empty is the first segment of a window whose deletion was
// interrupted: it proves nothing, and it goes.
func TestTombstoneOfADeletion(t *testing.T) {
	m := newMedium(t)
	file := m.segments(2)[0]
	if err := m.Rename(file, file+".deleted"); err != nil {
		t.Fatal(err)
	}
	d, ok := next(t, m.FS)
	if !ok {
		return
	}
	defer d.Close()
	for _, name := range m.names() {
		if strings.HasSuffix(name, ".deleted") {
			t.Errorf("%s is left of %s", name, path.Base(file))
		}
	}
}
