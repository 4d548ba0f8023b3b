package journal

// This file lists the windows of a directory and opens them for reading.

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Windows lists the windows of earlier incarnations, oldest first. One without a
// readable header comes before all others.
func (d *Disk) Windows() ([]WindowID, error) {
	type listed struct {
		id     WindowID
		opened time.Time
	}
	var all []listed
	for _, id := range d.left() {
		_, segments := d.find(id)
		h, err := d.anyHeader(segments)
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			return nil, fmt.Errorf("list windows: %w", err)
		}
		l := listed{id: id}
		if h != nil {
			l.opened = h.Opened
		}
		if h != nil && err == nil { // it may be deleted before the one that it proves is read
			d.ends(h.ID().before(), h.begins)
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

// find returns a window and its segments; nil if it is not there.
func (d *Disk) find(id WindowID) (*window, []segment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.mu.windows[id]
	if w == nil {
		return nil, nil
	}
	return w, slices.Clone(w.segments)
}

// end is the sequence below which all frames of a window were durable: since they were
// acknowledged by this process, or because the next window was begun after it, which that or its
// tombstone tells; unbounded if neither is there, or unreadable.
func (d *Disk) end(id WindowID, w *window) uint64 {
	d.mu.Lock()
	known := w.end
	d.mu.Unlock()
	if known > 0 {
		return known
	}
	_, segments := d.find(id.after())
	if h, err := d.anyHeader(segments); err == nil && h != nil {
		return h.begins
	}
	return unbounded
}

// anyHeader returns the header of the first segment that has one; nil if none has.
func (d *Disk) anyHeader(segments []segment) (*header, error) {
	for _, s := range segments {
		h, _, err := d.readHeader(s)
		if h != nil || err != nil && !errors.Is(err, errUnread) {
			return h, err
		}
	}
	return nil, nil
}

// readHeader reads the header of a segment. One that does not bear out the name is
// none: a crash can leave a new file with the bytes of a deleted one.
func (d *Disk) readHeader(s segment) (*header, int64, error) {
	h, length, err := readHeader(d.fs, d.path(s.name.String()), s.size)
	switch {
	case h != nil && h.name() != s.name:
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("segment %s: %w", s.name, err)
	}
	return h, length, nil
}

// Open reads a window back.
func (d *Disk) Open(id WindowID) (Reader, error) {
	if err := d.finish(id, true); err != nil {
		return nil, fmt.Errorf("open window: %w", err)
	}
	w, segments := d.find(id)
	if w == nil {
		return nil, fmt.Errorf("open %w", notFound(id))
	}
	if err := d.persist(id, w, segments); err != nil {
		return nil, fmt.Errorf("open window: %w", err)
	}
	return d.reader(id, w, segments)
}

// reader reads the segments of a window.
func (d *Disk) reader(id WindowID, w *window, segments []segment) (Reader, error) {
	r := &reader{fs: d.fs, dir: d.dir, inc: id.Incarnation, next: segments[0].name.first}
	for i, s := range segments {
		h, length, err := d.readHeader(s)
		unread := errors.Is(err, errUnread)
		if err != nil && !unread {
			return nil, fmt.Errorf("open window: %w", err)
		}
		if h != nil && r.header == nil {
			r.header, r.next = &h.Header, h.begins
		}
		var limit uint64
		if i+1 < len(segments) {
			limit = segments[i+1].name.first
		} else {
			limit = d.end(id, w)
		}
		r.parts = append(r.parts, part{file: s.name.String(), size: s.size, body: length, limit: limit, unread: unread})
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
