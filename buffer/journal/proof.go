package journal

// This file keeps what a deleted window proved: where the one before it ends.

import (
	"errors"
	"io/fs"
	"syscall"
)

// A window's header says that all frames before it were durable, so that damage to
// the last of them is not taken for what a crash has left unfinished. When it goes
// and the window before stays, an empty tombstone says so in its place: its name
// has the sequence that the header had. It goes with the window before.

// prove leaves such a tombstone, if there is anything to prove, and says whether the
// window has one: then it is deleted, whatever of it is left.
func (d *Disk) prove(id WindowID) (bool, error) {
	d.mu.Lock()
	_, proved := d.mu.proofs[id]
	var end uint64
	if before := d.mu.windows[id.before()]; before != nil {
		end = before.end
	}
	d.mu.Unlock()
	if proved || end == 0 {
		return proved, nil
	}
	n := name{id, end}
	f, err := d.fs.Create(d.path(n.String() + tombstone))
	switch {
	case err == nil:
		if err := f.Close(); err != nil {
			return false, err
		}
	case errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return false, nil // what makes room must not wait for room
	case !errors.Is(err, fs.ErrExist): // that is what an earlier attempt has left
		return false, err
	}
	if err := d.syncDir(d.dir); err != nil {
		return false, err
	}
	d.mu.Lock()
	d.mu.proofs[id] = n
	d.mu.Unlock()
	return true, nil
}

// spent takes the proofs that nobody needs any more, now that id is gone, out of the
// books: the window's own and the next one's.
func (d *Disk) spent(id WindowID) (files []string) {
	for _, proof := range []WindowID{id, id.after()} {
		n, proved := d.mu.proofs[proof]
		if proved && d.mu.windows[proof] == nil && d.mu.windows[proof.before()] == nil {
			delete(d.mu.proofs, proof)
			files = append(files, n.String()+tombstone)
		}
	}
	return files
}

// proofs finds the tombstones that say where a window ends which is still there. Others
// are those of a deletion that was interrupted.
func proofs(entries []fs.DirEntry) (map[WindowID]name, error) {
	there, deleted := map[WindowID]bool{}, map[WindowID]bool{}
	for _, e := range entries {
		if n, ok := parseName(e.Name()); ok && e.Type().IsRegular() {
			there[n.id] = true
		}
		if n, ok := parseTombstone(e.Name()); ok {
			deleted[n.id] = true
		}
	}
	found := map[WindowID]name{}
	for _, e := range entries {
		n, ok := parseTombstone(e.Name())
		if !ok || !there[n.id.before()] || deleted[n.id.before()] {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone meanwhile, with the window
		}
		if err != nil {
			return nil, err
		}
		if info.Size() == 0 {
			found[n.id] = n
		}
	}
	return found, nil
}

// recall takes from the proofs where windows end.
func (d *Disk) recall() {
	for id, n := range d.mu.proofs {
		d.ends(id.before(), n.first)
	}
}
