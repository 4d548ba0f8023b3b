package journal

// This file looks at a journal from outside: without its lock, and without changing
// anything, while its process runs or after it.

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"parquay/buffer/journal/vfs"
)

// Snapshot is which windows a journal had at one moment. A process that uses the
// journal goes on meanwhile: a window may be gone before it is opened, and the last
// one of an incarnation may have grown.
type Snapshot struct{ disk *Disk }

// Look lists the windows in dir. Those that are being deleted, and quarantine, are
// not among them. It promises nothing about durability: what it reads may be in the
// kernel's memory alone.
func Look(fsys vfs.FS, dir string) (*Snapshot, error) {
	s := &Snapshot{&Disk{fs: fsys, dir: dir}}
	if err := s.look(); err != nil {
		return nil, fmt.Errorf("look at the journal: %w", err)
	}
	return s, nil
}

// look lists the directory twice, since a listing takes its time. It may miss a
// segment that is gone, and the tombstone that was there before; or have a new segment
// and not the one before. What was there at the end of the first listing the second
// one has, or else its tombstone, or it is gone altogether.
func (s *Snapshot) look() error {
	d := s.disk
	d.mu.windows = map[WindowID]*window{}
	before, err := d.fs.ReadDir(d.dir)
	if err != nil {
		return err
	}
	entries, err := d.fs.ReadDir(d.dir)
	if err != nil {
		return err
	}
	if d.mu.proofs, err = proofs(entries); err != nil {
		return err
	}
	deleted, there, newest := map[WindowID]bool{}, map[name]bool{}, map[WindowID]uint64{}
	for _, e := range entries {
		if n, ok := parseTombstone(e.Name()); ok {
			deleted[n.id] = true
		} else if n, ok := parseName(e.Name()); ok {
			there[n] = true
		}
	}
	for _, e := range before {
		if n, ok := parseName(e.Name()); ok {
			newest[n.id] = max(newest[n.id], n.first)
			deleted[n.id] = deleted[n.id] || !there[n]
		}
	}
	for _, e := range entries {
		n, ok := parseName(e.Name())
		if !ok || deleted[n.id] || n.first > newest[n.id] || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return err
		}
		d.grow(n, info.Size())
	}
	d.recall()
	return nil
}

// Windows lists the windows, those of an incarnation together and in their order.
func (s *Snapshot) Windows() []WindowID {
	ids := s.disk.left()
	slices.SortFunc(ids, func(a, b WindowID) int {
		return cmp.Or(bytes.Compare(a.Incarnation[:], b.Incarnation[:]), cmp.Compare(a.Window, b.Window))
	})
	return ids
}

// Usage is the number of bytes of all windows, zeros written ahead among them.
func (s *Snapshot) Usage() int64 { return s.disk.Usage() }

// Open reads a window, as [Disk.Open] does. The error is fs.ErrNotExist for one that
// was deleted meanwhile; Next may return that as well.
func (s *Snapshot) Open(id WindowID) (Reader, error) {
	w, segments := s.disk.find(id)
	if w == nil {
		return nil, fmt.Errorf("open %w", notFound(id))
	}
	return s.disk.reader(id, w, segments)
}
