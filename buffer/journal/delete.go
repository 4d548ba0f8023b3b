package journal

// This file takes windows out of the directory: by deletion, or by quarantine.

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"
)

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
	if err := d.finish(id, false); err != nil {
		return err
	}
	w, segments := d.find(id)
	if w == nil {
		return nil
	}
	proved, err := d.prove(id)
	if err == nil && proved {
		err = d.removeProved(id, segments)
	} else if err == nil {
		err = d.removeWindow(id, segments)
	}
	if err != nil {
		return err
	}
	return d.forget(id)
}

// removeProved removes the segments of a window that the proof is a tombstone for.
func (d *Disk) removeProved(id WindowID, segments []segment) error {
	if err := d.removeRest(id, segments); err != nil {
		return err
	}
	return d.syncDir(d.dir)
}

// removeWindow removes the segments of a window that has no tombstone yet.
func (d *Disk) removeWindow(id WindowID, segments []segment) error {
	first := d.path(segments[0].name.String())
	if len(segments) > 1 {
		if err := d.fs.Rename(first, first+tombstone); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := d.syncDir(d.dir); err != nil {
			return err
		}
		if err := d.removeRest(id, segments[1:]); err != nil {
			return err
		}
		if err := d.syncDir(d.dir); err != nil {
			return err
		}
		first += tombstone
	}
	if err := d.remove(first); err != nil {
		return err
	}
	return d.syncDir(d.dir)
}

// removals is how many segments are removed at once while nothing is appended. The
// removal of one is mostly a wait for the disk to take note of what is free.
const removals = 4

// removeRest removes the segments of a window that has a tombstone, in any order. It
// does so one by one while frames are appended beside it, whose syncs would have to
// wait for all that the disk is busy with.
func (d *Disk) removeRest(id WindowID, segments []segment) error {
	var group errgroup.Group
	group.SetLimit(removals)
	if d.appendsBeside(id) {
		group.SetLimit(1)
	}
	for _, s := range segments {
		group.Go(func() error { return d.remove(d.path(s.name.String())) })
	}
	return group.Wait()
}

// appendsBeside says whether a window other than id may be appended to.
func (d *Disk) appendsBeside(id WindowID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	current := WindowID{Incarnation: d.inc, Window: d.mu.current}
	return current != id && d.mu.windows[current] != nil
}

// tombstone ends the name of a segment whose window is being deleted.
const tombstone = ".deleted"

func isTombstone(file string) bool {
	_, ok := parseTombstone(file)
	return ok
}

// parseTombstone is false for all that is not a tombstone's name.
func parseTombstone(file string) (name, bool) {
	segment, ok := strings.CutSuffix(file, tombstone)
	if !ok {
		return name{}, false
	}
	return parseName(segment)
}

// finishDeletions removes what is left of windows that have a tombstone, and the
// tombstones, but for those that prove something.
func (d *Disk) finishDeletions(entries []fs.DirEntry) (map[WindowID]bool, error) {
	deleted := map[WindowID]bool{}
	for _, e := range entries {
		if n, ok := parseTombstone(e.Name()); ok {
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
		if n, ok := parseTombstone(e.Name()); ok && d.mu.proofs[n.id] != n {
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
	segments, err := d.keep(id)
	if err != nil {
		return err
	}
	if _, err := d.prove(id); err != nil {
		return err
	}
	// At every point in here each segment has a durable name.
	for _, s := range segments {
		if err := d.remove(d.path(s.name.String())); err != nil {
			return err
		}
	}
	if err := d.syncDir(d.dir); err != nil {
		return err
	}
	return d.forget(id)
}

// Keep links a window's segments into the directory that Quarantine moves them to.
func (d *Disk) Keep(id WindowID) error {
	if _, err := d.keep(id); err != nil {
		return fmt.Errorf("keep window %s: %w", id, err)
	}
	return nil
}

func (d *Disk) keep(id WindowID) ([]segment, error) {
	if err := d.finish(id, true); err != nil {
		return nil, err
	}
	w, segments := d.find(id)
	if w == nil {
		return nil, notFound(id)
	}
	aside := path.Join(d.dir, quarantineName)
	if err := d.exclusively(func() error { return d.fs.MkdirAll(aside) }); err != nil {
		return nil, err
	}
	for _, s := range segments {
		file := s.name.String()
		err := d.fs.Link(d.path(file), path.Join(aside, file))
		if err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			return nil, err // the other two are what an earlier attempt has left
		}
	}
	return segments, d.syncDir(aside)
}

// forget takes a window that is gone out of the books, and removes the proofs that
// nobody needs without it.
func (d *Disk) forget(id WindowID) error {
	d.mu.Lock()
	if w := d.mu.windows[id]; w != nil {
		for _, s := range w.segments {
			d.mu.usage -= s.size
		}
		delete(d.mu.windows, id)
	}
	spent := d.spent(id)
	d.mu.Unlock()
	for _, file := range spent {
		if err := d.remove(d.path(file)); err != nil {
			return err // the next process removes it
		}
	}
	if len(spent) == 0 {
		return nil
	}
	return d.syncDir(d.dir)
}

// remove removes a file that may be gone.
func (d *Disk) remove(file string) error {
	if err := d.fs.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
