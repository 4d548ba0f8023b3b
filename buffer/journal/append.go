package journal

// This file writes: frames into the open segment, and segments one after another.

import (
	"fmt"
	"time"

	"parquay/buffer/journal/vfs"
)

// writer is the open segment. It is guarded by Disk.appending.
type writer struct {
	file  vfs.File // nil if there is none
	name  name
	size  int64
	dirty bool // frames were written since the last sync

	window uint64 // the last one that began
	begins uint64 // sequence of its first frame
	ended  bool   // nothing may join it
	next   uint64 // sequence of the next frame; 0 before the first
	parsed []Batch
}

// Append adds a frame. It writes it with one call, from the caller's memory.
func (d *Disk) Append(h *Header, seq uint64, frame []byte, sync bool) (Place, error) {
	d.appending.Lock()
	defer d.appending.Unlock()
	if err := d.failure(); err != nil {
		return Place{}, err
	}
	if err := d.append(h, seq, frame, sync); err != nil {
		return Place{}, d.fail(fmt.Errorf("append frame %d to window %d: %w", seq, h.Window, err))
	}
	// At this point the frame is on the medium, and with sync it survives power
	// loss. Only now may anyone read it back.
	w := &d.writer
	d.grow(w.name, int64(len(frame)))
	d.ends(h.ID(), w.next)
	return Place{w.name.first, w.size - int64(len(frame))}, nil
}

func (d *Disk) append(h *Header, seq uint64, frame []byte, sync bool) error {
	w := &d.writer
	if err := d.check(h, seq, frame); err != nil {
		return err
	}
	if w.file != nil && (h.Window != w.window || w.size+int64(len(frame)) > d.options.SegmentBytes) {
		// The next segment's name says that this one is complete.
		if err := d.settle(); err != nil {
			return err
		}
		if err := d.abandon(); err != nil {
			return err
		}
	}
	if w.file == nil {
		if err := d.begin(h, seq); err != nil {
			return err
		}
	}
	w.dirty = true
	if _, err := w.file.Write(frame); err != nil {
		return err
	}
	w.size += int64(len(frame))
	w.next = seq + 1
	if sync {
		return d.settle()
	}
	return nil
}

// check refuses what a reader would refuse, before it is written.
func (d *Disk) check(h *Header, seq uint64, frame []byte) error {
	w := &d.writer
	if h.Incarnation != d.inc {
		return fmt.Errorf("%w: header of incarnation %s", ErrSequence, h.Incarnation)
	}
	if w.next != 0 && (h.Window < w.window || h.Window == w.window && w.ended) {
		return fmt.Errorf("%w: it is window %d", ErrEnded, h.Window)
	}
	if w.next != 0 && seq != w.next {
		return fmt.Errorf("%w: it should be %d", ErrSequence, w.next)
	}
	if len(frame) > MaxFrame {
		return fmt.Errorf("%w: frame of %d bytes, at most %d", ErrTooLarge, len(frame), MaxFrame)
	}
	head, ok := readHead(d.inc, frame)
	if !ok || head.length != len(frame) || head.sequence != seq {
		return fmt.Errorf("%w: not the frame of this place", ErrCorrupt)
	}
	var err error
	w.parsed, err = head.decode(w.parsed[:0], frame, len(h.Tables), nil)
	clear(w.parsed)
	return err
}

// begin creates a segment whose first frame is seq. Its header and its name are
// durable before the frame is written: so a crash in here leaves a segment without
// a frame, and frames without a header are damage, never a crash.
func (d *Disk) begin(h *Header, seq uint64) error {
	w := &d.writer
	if w.next == 0 || h.Window != w.window {
		w.window, w.begins, w.ended = h.Window, seq, false
		d.mu.Lock()
		d.mu.current = h.Window
		d.mu.Unlock()
	}
	header := header{Header: *h, begins: w.begins, first: seq}
	bytes, err := header.append(nil)
	if err != nil {
		return err
	}
	w.name = header.name()
	d.grow(w.name, 0) // first, since a Create that fails may have made the file
	if w.file, err = d.create(w.name); err != nil {
		return err
	}
	if _, err := w.file.Write(bytes); err != nil {
		return err
	}
	w.size, w.dirty = int64(len(bytes)), true
	d.grow(w.name, w.size)
	if err := d.settle(); err != nil {
		return err
	}
	return d.syncDir(d.dir)
}

func (d *Disk) create(n name) (vfs.File, error) {
	if d.options.Ahead < 0 {
		return d.fs.Create(d.path(n.String()))
	}
	return d.fs.CreateLog(d.path(n.String()), d.options.Ahead)
}

// settle makes all that was appended durable.
func (d *Disk) settle() error {
	w := &d.writer
	if w.file == nil || !w.dirty {
		return nil
	}
	began := time.Now()
	if err := w.file.Sync(); err != nil {
		return err
	}
	if d.options.Synced != nil {
		d.options.Synced(time.Since(began))
	}
	w.dirty = false
	return nil
}

// abandon lets the open segment go.
func (d *Disk) abandon() error {
	w := &d.writer
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file, w.size = nil, 0
	return err
}

// finish ends the window id, if it is the open one, so that no frame joins what is
// about to be read or removed. What is to be read is synced first (I3).
func (d *Disk) finish(id WindowID, read bool) error {
	d.mu.Lock()
	current := d.mu.current
	d.mu.Unlock()
	if id.Incarnation != d.inc || id.Window != current {
		return nil // without a wait for the frame that is being written
	}
	d.appending.Lock()
	defer d.appending.Unlock()
	w := &d.writer
	if id.Window != w.window {
		return nil
	}
	w.ended = true
	if read && d.failure() == nil {
		if err := d.settle(); err != nil {
			return d.fail(fmt.Errorf("sync window %s: %w", id, err))
		}
	}
	return d.abandon()
}
