package journal

// This file lists, opens, deletes and puts aside windows of a directory.

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// tombstone ends the name of a segment whose window is being deleted.
const tombstone = ".deleted"

func isTombstone(file string) bool {
	segment, ok := strings.CutSuffix(file, tombstone)
	if !ok {
		return false
	}
	_, ok = parseName(segment)
	return ok
}

// Windows lists the windows of earlier incarnations, oldest first. One without a
// readable header comes before all others.
func (d *Disk) Windows() ([]WindowID, error) {
	type listed struct {
		id     WindowID
		opened time.Time
	}
	var all []listed
	for _, id := range d.left() {
		_, segments, _ := d.find(id)
		h, err := d.anyHeader(segments)
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			return nil, fmt.Errorf("list windows: %w", err)
		}
		l := listed{id: id}
		if h != nil {
			l.opened = h.Opened
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b listed) int {
		return cmp.Or(
			a.opened.Compare(b.opened),
			bytes.Compare(a.id.Incarnation[:], b.id.Incarnation[:]),
			cmp.Compare(a.id.Window, b.id.Window),
		)
	})
	ids := make([]WindowID, len(all))
	for i, l := range all {
		ids[i] = l.id
	}
	return ids, nil
}

// left lists the windows of earlier incarnations in no order.
func (d *Disk) left() []WindowID {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ids []WindowID
	for id := range d.mu.windows {
		if id.Incarnation != d.inc {
			ids = append(ids, id)
		}
	}
	return ids
}

// find returns a window's segments, and the sequence of the incarnation's first
// segment after them.
func (d *Disk) find(id WindowID) (*window, []segment, uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.mu.windows[id]
	if w == nil {
		return nil, nil, 0
	}
	end := uint64(unbounded)
	for other, v := range d.mu.windows {
		if other.Incarnation == id.Incarnation && other.Window > id.Window {
			end = min(end, v.segments[0].name.first)
		}
	}
	return w, slices.Clone(w.segments), end
}

// anyHeader returns the header of the first segment that has one; nil if none has.
func (d *Disk) anyHeader(segments []segment) (*header, error) {
	for _, s := range segments {
		h, _, err := d.readHeader(s)
		if h != nil || err != nil {
			return h, err
		}
	}
	return nil, nil
}

// readHeader reads the header of a segment, which must bear out its name: else the
// frames belong to another window, and the header is no torn one either.
func (d *Disk) readHeader(s segment) (*header, int64, error) {
	h, length, err := readHeader(d.fs, d.path(s.name.String()), s.size)
	if err == nil && h != nil && h.name() != s.name {
		err = fmt.Errorf("%w: it is the header of %s", ErrCorrupt, h.name())
	}
	if err != nil {
		return nil, 0, fmt.Errorf("segment %s: %w", s.name, err)
	}
	return h, length, nil
}

// Open reads a window back.
func (d *Disk) Open(id WindowID) (Reader, error) {
	if err := d.end(id, true); err != nil {
		return nil, fmt.Errorf("open window: %w", err)
	}
	w, segments, end := d.find(id)
	if w == nil {
		return nil, fmt.Errorf("open %w", notFound(id))
	}
	if err := d.persist(id, w, segments); err != nil {
		return nil, fmt.Errorf("open window: %w", err)
	}
	r := &reader{fs: d.fs, dir: d.dir, inc: id.Incarnation}
	for i, s := range segments {
		h, length, err := d.readHeader(s)
		if err != nil {
			return nil, fmt.Errorf("open window: %w", err)
		}
		if h != nil && r.header == nil {
			r.header, r.next = &h.Header, h.begins
		}
		limit := end
		if i+1 < len(segments) {
			limit = segments[i+1].name.first
		}
		r.parts = append(r.parts, part{file: s.name.String(), size: s.size, body: length, limit: limit})
	}
	if r.header == nil {
		return headless(r, id)
	}
	return r, nil
}

// persist syncs what an earlier process has left: that it can be read does not
// mean that it is on the disk, and what becomes a file must not come back as less
// than it was (I3). Own segments were synced on the descriptor that wrote them.
func (d *Disk) persist(id WindowID, w *window, segments []segment) error {
	if id.Incarnation == d.inc {
		return nil
	}
	d.mu.Lock()
	err := w.unread
	d.mu.Unlock()
	if err != nil {
		return err
	}
	for _, s := range segments {
		if err := d.syncFile(d.path(s.name.String())); err != nil {
			// The next sync may say that all is well, so there is none.
			err = d.fail(err)
			d.mu.Lock()
			w.unread = err
			d.mu.Unlock()
			return err
		}
	}
	return nil
}

func (d *Disk) syncFile(name string) (err error) {
	f, err := d.fs.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

// Delete removes a window. Of several segments the first is made a tombstone, so
// that a crash half-way leaves no window with a hole in it: at that point the
// window is deleted, and the next OpenDisk removes what remains.
func (d *Disk) Delete(id WindowID) error {
	if err := d.delete(id); err != nil {
		return fmt.Errorf("delete window %s: %w", id, err)
	}
	return nil
}

func (d *Disk) delete(id WindowID) error {
	if err := d.end(id, false); err != nil {
		return err
	}
	w, segments, _ := d.find(id)
	if w == nil {
		return nil
	}
	first := d.path(segments[0].name.String())
	if len(segments) > 1 {
		if err := d.fs.Rename(first, first+tombstone); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := d.syncDir(d.dir); err != nil {
			return err
		}
		for _, s := range segments[1:] {
			if err := d.remove(d.path(s.name.String())); err != nil {
				return err
			}
		}
		if err := d.syncDir(d.dir); err != nil {
			return err
		}
		first += tombstone
	}
	if err := d.remove(first); err != nil {
		return err
	}
	if err := d.syncDir(d.dir); err != nil {
		return err
	}
	d.forget(id)
	return nil
}

// finishDeletions removes what is left of windows that have a tombstone.
func (d *Disk) finishDeletions(entries []fs.DirEntry) (map[WindowID]bool, error) {
	deleted := map[WindowID]bool{}
	for _, e := range entries {
		if isTombstone(e.Name()) {
			n, _ := parseName(strings.TrimSuffix(e.Name(), tombstone))
			deleted[n.id] = true
		}
	}
	if len(deleted) == 0 {
		return nil, nil
	}
	for _, e := range entries {
		if n, ok := parseName(e.Name()); ok && deleted[n.id] {
			if err := d.remove(d.path(e.Name())); err != nil {
				return nil, err
			}
		}
	}
	if err := d.fs.SyncDir(d.dir); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if isTombstone(e.Name()) {
			if err := d.remove(d.path(e.Name())); err != nil {
				return nil, err
			}
		}
	}
	return deleted, nil
}

// Quarantine moves a window's segments to a directory of their own.
func (d *Disk) Quarantine(id WindowID) error {
	if err := d.quarantine(id); err != nil {
		return fmt.Errorf("quarantine window %s: %w", id, err)
	}
	return nil
}

func (d *Disk) quarantine(id WindowID) error {
	if err := d.end(id, true); err != nil {
		return err
	}
	w, segments, _ := d.find(id)
	if w == nil {
		return notFound(id)
	}
	aside := path.Join(d.dir, quarantineName)
	if err := d.exclusively(func() error { return d.fs.MkdirAll(aside) }); err != nil {
		return err
	}
	for _, s := range segments {
		file := s.name.String()
		if err := d.fs.Rename(d.path(file), path.Join(aside, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// First the new names: a segment may be in both places after a crash, but
	// never in none.
	if err := d.syncDir(aside); err != nil {
		return err
	}
	if err := d.syncDir(d.dir); err != nil {
		return err
	}
	d.forget(id)
	return nil
}

// forget takes a window that is gone out of the books.
func (d *Disk) forget(id WindowID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.mu.windows[id]
	if w == nil {
		return
	}
	for _, s := range w.segments {
		d.mu.usage -= s.size
	}
	delete(d.mu.windows, id)
}

// remove removes a file that may be gone.
func (d *Disk) remove(file string) error {
	if err := d.fs.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
