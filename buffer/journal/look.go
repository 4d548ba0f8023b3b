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
	"strings"

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
	d := &Disk{fs: fsys, dir: dir}
	d.mu.windows = map[WindowID]*window{}
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look at the journal: %w", err)
	}
	deleted := map[WindowID]bool{}
	for _, e := range entries {
		if isTombstone(e.Name()) {
			n, _ := parseName(strings.TrimSuffix(e.Name(), tombstone))
			deleted[n.id] = true
		}
	}
	for _, e := range entries {
		n, ok := parseName(e.Name())
		if !ok || deleted[n.id] || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("look at the journal: %w", err)
		}
		d.grow(n, info.Size())
	}
	return &Snapshot{d}, nil
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
