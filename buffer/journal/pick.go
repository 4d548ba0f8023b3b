package journal

// This file reads single places of a window that this process writes.

import (
	"fmt"
	"io"

	"parquay/buffer/journal/vfs"
)

// Pick returns a reader of single places of an own window.
func (d *Disk) Pick(id WindowID) (Picker, error) {
	if w, _ := d.find(id); w == nil || id.Incarnation != d.inc {
		return nil, fmt.Errorf("pick from %w", notFound(id))
	}
	return &picker{disk: d, id: id}, nil
}

// picker keeps the segment open that was read last: places are asked for in their
// order mostly.
type picker struct {
	disk    *Disk
	id      WindowID
	segment uint64
	file    vfs.File // nil if there is none
}

// ReadAt fills p from a place on. What was not acknowledged can't be read.
func (r *picker) ReadAt(p []byte, at Place) error {
	size, err := r.disk.acknowledged(r.id, at.Segment)
	if err != nil {
		return err
	}
	if at.Offset < 0 || at.Offset+int64(len(p)) > size {
		return fmt.Errorf("pick %d bytes at %d of a segment of %d: %w", len(p), at.Offset, size, io.ErrUnexpectedEOF)
	}
	if err := r.open(at.Segment); err != nil {
		return err
	}
	if _, err := r.file.ReadAt(p, at.Offset); err != nil {
		return fmt.Errorf("pick %d bytes: %w", len(p), err)
	}
	return nil
}

// open makes a segment the one that is open.
func (r *picker) open(segment uint64) error {
	if r.file != nil && r.segment == segment {
		return nil
	}
	if err := r.Close(); err != nil {
		return err
	}
	f, err := r.disk.fs.Open(r.disk.path(name{r.id, segment}.String()))
	if err != nil {
		return fmt.Errorf("pick: %w", err)
	}
	r.file, r.segment = f, segment
	return nil
}

// Close releases the picker.
func (r *picker) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	if err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	return nil
}

// acknowledged is how many bytes of an own segment may be read.
func (d *Disk) acknowledged(id WindowID, segment uint64) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.mu.windows[id]; w != nil {
		for _, s := range w.segments {
			if s.name.first == segment {
				return s.size, nil
			}
		}
	}
	return 0, fmt.Errorf("pick from segment %d of %w", segment, notFound(id))
}
