package journal_test

// This file breaks every single operation of a journal's life, in every way, and
// asks one checker what the next process finds.

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"testing"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs/crashfs"
)

// faults are the ways an operation ends badly, each with what ends the process.
var faults = []struct {
	name    string
	outcome crashfs.Outcome
	end     func(*crashfs.FS)
}{
	{"power fails at", crashfs.Crash, func(*crashfs.FS) {}},
	{"kill after a failed", crashfs.Fail, (*crashfs.FS).Kill},
	{"power fails after a failed", crashfs.Fail, (*crashfs.FS).Crash},
	{"kill after a done but failed", crashfs.FailDone, (*crashfs.FS).Kill},
	{"power fails after a done but failed", crashfs.FailDone, (*crashfs.FS).Crash},
}

const directory = "a/journal"

// seedsPerFault is how many random disks each broken operation is tried on.
const seedsPerFault = 3

// everyFault lets setup make a file system for a seed, and has run use it with
// every operation broken in every way, until run needs no more operations. end ends
// the process that run has started.
func everyFault(t *testing.T, setup func(seed uint64) (*crashfs.FS, *ledger), run func(fsys *crashfs.FS, l *ledger, end func())) {
	for _, fault := range faults {
		for k, more := 0, true; more; k++ {
			for seed := range uint64(seedsPerFault) {
				fsys, l := setup(seed)
				l.lying = fault.outcome == crashfs.Fail
				var broken crashfs.Op
				fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
					if op.N == k {
						broken = op
						return fault.outcome
					}
					return crashfs.Done
				})
				run(fsys, l, func() { fault.end(fsys) })
				more = fsys.Operations() > k
				if t.Failed() {
					t.Fatalf("%s operation %d (%s %s), seed %d", fault.name, k, broken.Kind, broken.Name, seed)
				}
			}
		}
	}
}

// ledger is what a process knows about its journal.
type ledger struct {
	*mediumtest.Process
	durable  map[uint64]journal.WindowID // sequences that were acknowledged with sync, or before one that was
	volatile map[uint64]journal.WindowID // acknowledged without
	deleted  map[journal.WindowID]bool   // false: tried, not confirmed
	lying    bool                        // what a failed sync has lost may still be read for a while
}

func newLedger(t *testing.T) *ledger {
	return &ledger{
		Process:  mediumtest.New(t),
		durable:  map[uint64]journal.WindowID{},
		volatile: map[uint64]journal.WindowID{},
		deleted:  map[journal.WindowID]bool{},
	}
}

// open opens the process's journal.
func (l *ledger) open(fsys *crashfs.FS) bool {
	var err error
	l.Medium, err = storage(fsys, directory, smallSegments)(l.Incarnation)
	return err == nil
}

func (l *ledger) id(window uint64) journal.WindowID {
	return journal.WindowID{Incarnation: l.Incarnation, Window: window}
}

// append appends frames, and after the first failure expects failures only (I5).
func (l *ledger) append(window uint64, n int, sync bool) {
	for range n {
		failed := l.Append(window, sync)
		if failed != nil {
			l.Sequence-- // so that nothing but the failure refuses the next one
			if err := l.Append(window, sync); !errors.Is(err, journal.ErrFailed) {
				l.T.Errorf("append after %v: %v", failed, err)
			}
			return
		}
		l.volatile[l.Sequence] = l.id(window)
		if sync {
			for seq, id := range l.volatile {
				l.durable[seq] = id
			}
			clear(l.volatile)
		}
	}
}

// delete deletes a window, and once more if that fails.
func (l *ledger) delete(window uint64) {
	id := l.id(window)
	l.deleted[id] = false
	if persistently(func() error { return l.Delete(id) }) == nil {
		l.deleted[id] = true
	}
}

// persistently calls f, and once more if that fails.
func persistently(f func() error) error {
	if f() == nil {
		return nil
	}
	return f()
}

// read reads an own window back, whatever has failed before: it is what was
// acknowledged, if it can be read at all.
func (l *ledger) read(window uint64) {
	r, err := l.Open(l.id(window))
	if err != nil {
		return
	}
	defer r.Close()
	got, err := mediumtest.ReadAll(r)
	if want := l.Frames[l.id(window)]; err == nil && !mediumtest.Equal(got, want) {
		l.T.Errorf("own window %d reads as %d frames, not the %d acknowledged; damage %v", window, len(got), len(want), r.Damage())
	}
}

// check reads what is left as the next process does, and compares. Frames that were
// not acknowledged may be there; an acknowledged one of a window that nobody began
// to delete must be; a window whose deletion failed is all there or gone.
func (l *ledger) check(found map[journal.WindowID][]journal.Frame) {
	for id, frames := range found {
		last := uint64(0)
		for _, f := range frames {
			if f.Sequence <= last {
				l.T.Errorf("window %d: frame %d after %d", id.Window, f.Sequence, last)
			}
			last = f.Sequence
			want := journal.Frame{Sequence: f.Sequence, Batches: mediumtest.Batches(f.Sequence)}
			if id.Incarnation != l.Incarnation || !mediumtest.Equal([]journal.Frame{f}, []journal.Frame{want}) {
				l.T.Errorf("window %d: frame %d is not what was appended", id.Window, f.Sequence)
			}
			if owner, ok := l.durable[f.Sequence]; ok && owner != id {
				l.T.Errorf("window %d has frame %d of window %d", id.Window, f.Sequence, owner.Window)
			}
		}
		if l.deleted[id] {
			l.T.Errorf("window %d is back after its deletion", id.Window)
		}
	}
	for seq, id := range l.durable {
		if frames, ok := found[id]; !ok && l.tried(id) || contains(frames, seq) || l.halfBack(id) {
			continue
		}
		l.T.Errorf("window %d: acknowledged frame %d is lost", id.Window, seq)
	}
}

// tried says whether the deletion of a window was begun.
func (l *ledger) tried(id journal.WindowID) bool {
	_, ok := l.deleted[id]
	return ok
}

// halfBack says whether a window may come back with a hole. The one case is that a
// deletion failed to sync its tombstone, the next process saw it nevertheless and
// removed the rest, and then the power failed: two faults and a kernel that hides
// the first. The window's files are in the bucket, so nothing is lost.
func (l *ledger) halfBack(id journal.WindowID) bool { return l.lying && l.tried(id) }

func contains(frames []journal.Frame, seq uint64) bool {
	for _, f := range frames {
		if f.Sequence == seq {
			return true
		}
	}
	return false
}

// next opens the journal as the next process.
func next(t *testing.T, fsys *crashfs.FS) (journal.Medium, bool) {
	m, err := storage(fsys, directory, smallSegments)(journal.NewIncarnation())
	if err != nil {
		t.Errorf("the next process: %v", err)
	}
	return m, err == nil
}

// recover reads all that earlier processes have left, up to the first error. A
// crash is never damage.
func (l *ledger) recover(m journal.Medium) (map[journal.WindowID][]journal.Frame, error) {
	found := map[journal.WindowID][]journal.Frame{}
	ids, err := m.Windows()
	if err != nil {
		return found, err
	}
	for _, id := range ids {
		r, err := m.Open(id)
		if err != nil {
			return found, err
		}
		frames, err := mediumtest.ReadAll(r)
		if damage := r.Damage(); len(damage) > 0 && !l.halfBack(id) {
			err = fmt.Errorf("%w: %v", journal.ErrCorrupt, damage)
		}
		if err := errors.Join(err, r.Close()); err != nil {
			return found, err
		}
		found[id] = frames
	}
	return found, nil
}

// life is all that a process does with its journal.
func (l *ledger) life(sync bool) {
	l.append(1, 12, true) // several segments
	l.append(2, 3, sync)
	l.read(1)
	l.delete(1)
	l.append(3, 8, sync)
	l.delete(2) // one segment
	l.append(3, 2, true)
	l.append(4, 2, sync)
	l.read(3)
	l.delete(4) // the one that is being written
	l.append(5, 9, sync)
	l.delete(3)
	l.append(6, 2, sync)
}

// Whatever breaks while a journal is written, all that was acknowledged is read
// back, as it was, once; and so it is again if the power fails after the reading.
func TestWriteMatrix(t *testing.T) {
	setup := func(seed uint64) (*crashfs.FS, *ledger) { return crashfs.New(seed), newLedger(t) }
	everyFault(t, setup, func(fsys *crashfs.FS, l *ledger, end func()) {
		if l.open(fsys) {
			l.life(true)
			l.read(6)
			_ = l.Close()
		}
		end()
		fsys.Kill()
		recoverTwice(t, fsys.Reopen(), l)
	})
}

// recoverTwice checks what two processes find, with a power failure in between that
// must take nothing of what the first has seen (I3). Then a third clears up.
func recoverTwice(t *testing.T, fsys *crashfs.FS, l *ledger) {
	var before map[journal.WindowID][]journal.Frame
	for range 2 {
		m, ok := next(t, fsys)
		if !ok {
			return
		}
		found, err := l.recover(m)
		if err != nil {
			t.Errorf("recovery: %v", err)
		}
		l.check(found)
		if before != nil {
			l.sameFrames(before, found)
		}
		before = found
		fsys.Crash()
		fsys = fsys.Reopen()
	}
	m, ok := next(t, fsys)
	if !ok {
		return
	}
	for id := range before {
		if err := m.Delete(id); err != nil {
			t.Errorf("clean-up: %v", err)
		}
	}
	if usage := m.Usage(); usage != 0 {
		t.Errorf("%d bytes are left of nothing", usage)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if entries, err := fsys.ReadDir(directory); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds more than the lock: %v, %v", entries, err)
	}
}

// sameFrames compares two recoveries. A window without a frame may vanish. And what
// a failed sync has lost, a frame or a deletion that were not acknowledged, may show
// only after the power failure: until then the kernel keeps up the appearance, and
// no process can tell.
func (l *ledger) sameFrames(before, after map[journal.WindowID][]journal.Frame) {
	for id, frames := range before {
		if l.halfBack(id) {
			continue
		}
		if l.lying {
			frames = slices.DeleteFunc(slices.Clone(frames), func(f journal.Frame) bool {
				_, acknowledged := l.durable[f.Sequence]
				return !acknowledged && !contains(after[id], f.Sequence)
			})
		}
		if !mediumtest.Equal(frames, after[id]) {
			l.T.Errorf("window %d was read with %d frames, then with %d", id.Window, len(frames), len(after[id]))
		}
	}
	for id, frames := range after {
		if _, ok := before[id]; !ok && len(frames) > 0 && !l.halfBack(id) {
			l.T.Errorf("window %d has appeared from nowhere", id.Window)
		}
	}
}

// Without sync the end of the process loses nothing, a power failure only what no
// later sync covers, and nothing is ever altered.
func TestUnsyncedMatrix(t *testing.T) {
	setup := func(seed uint64) (*crashfs.FS, *ledger) { return crashfs.New(seed), newLedger(t) }
	everyFault(t, setup, func(fsys *crashfs.FS, l *ledger, end func()) {
		if l.open(fsys) {
			l.life(false)
			l.read(6)
			_ = l.Close()
		}
		end()
		fsys.Kill()
		m, ok := next(t, fsys.Reopen())
		if !ok {
			return
		}
		// A power failure may leave holes between frames that nothing has made
		// durable. By the letter that is damage; nobody was promised more.
		found, err := l.recover(m)
		if errors.Is(err, journal.ErrCorrupt) {
			return
		}
		if err != nil {
			t.Errorf("recovery: %v", err)
		}
		l.check(found)
	})
}

// Whatever breaks in a recovery, every acknowledged frame was read by it, or is
// there for the next one, with the same content.
func TestRecoveryMatrix(t *testing.T) {
	// A process was killed before its last frame was synced.
	setup := func(seed uint64) (*crashfs.FS, *ledger) {
		fsys, l := crashfs.New(seed), newLedger(t)
		if !l.open(fsys) {
			t.Fatal("open")
		}
		l.life(true)
		l.append(6, 1, false)
		fsys.Kill()
		return fsys.Reopen(), l
	}
	everyFault(t, setup, func(fsys *crashfs.FS, l *ledger, end func()) {
		var flushed map[journal.WindowID][]journal.Frame
		if m, err := storage(fsys, directory, smallSegments)(journal.NewIncarnation()); err == nil {
			flushed, _ = l.recover(m)
			for id := range flushed {
				l.deleted[id] = m.Delete(id) == nil
			}
			_ = m.Close()
		}
		end()
		fsys.Kill()
		m, ok := next(t, fsys.Reopen())
		if !ok {
			return
		}
		found, err := l.recover(m)
		if err != nil {
			t.Errorf("second recovery: %v", err)
		}
		l.check(found)
		for id := range flushed {
			if _, ok := found[id]; !ok {
				delete(flushed, id) // deleted
			}
		}
		for id := range found {
			if _, ok := flushed[id]; !ok {
				delete(found, id) // not come to
			}
		}
		l.sameFrames(flushed, found)
	})
}

// Whatever breaks while a window goes before the one that it proves the end of, neither
// comes back with a hole, and what was acknowledged of the other is there.
func TestProofMatrix(t *testing.T) {
	for _, frames := range []int{3, 20} { // in one segment, in several
		t.Run(fmt.Sprint(frames), func(t *testing.T) {
			setup := func(seed uint64) (*crashfs.FS, *ledger) { return crashfs.New(seed), newLedger(t) }
			everyFault(t, setup, func(fsys *crashfs.FS, l *ledger, end func()) {
				if l.open(fsys) {
					l.append(1, 3, true)
					l.append(2, frames, true)
					l.delete(2)
					l.append(3, 2, true)
					l.delete(1)
					_ = l.Close()
				}
				end()
				fsys.Kill()
				recoverTwice(t, fsys.Reopen(), l)
			})
		})
	}
}

// Whatever breaks while a damaged window is put aside, its segments are in the
// journal or in quarantine, and what was readable is. So they are when it was kept,
// and deleted after that.
func TestQuarantineMatrix(t *testing.T) {
	for window := uint64(1); window <= 2; window++ {
		t.Run(fmt.Sprint("quarantine of ", window), func(t *testing.T) {
			quarantineMatrix(t, window, func(m journal.Medium, id journal.WindowID) bool {
				return persistently(func() error { return m.Quarantine(id) }) == nil
			})
		})
		t.Run(fmt.Sprint("keep and delete ", window), func(t *testing.T) {
			quarantineMatrix(t, window, func(m journal.Medium, id journal.WindowID) bool {
				return persistently(func() error { return m.Keep(id) }) == nil && persistently(func() error { return m.Delete(id) }) == nil
			})
		})
	}
}

func quarantineMatrix(t *testing.T, window uint64, putAside func(journal.Medium, journal.WindowID) bool) {
	setup := func(seed uint64) (*crashfs.FS, *ledger) {
		fsys, l := crashfs.New(seed), newLedger(t)
		if !l.open(fsys) {
			t.Fatal("open")
		}
		l.append(1, 20, true)
		l.append(2, 3, true)
		fsys.Kill()
		return fsys.Reopen(), l
	}
	everyFault(t, setup, func(fsys *crashfs.FS, l *ledger, end func()) {
		confirmed := false
		if m, err := storage(fsys, directory, smallSegments)(journal.NewIncarnation()); err == nil {
			if _, err := m.Windows(); err == nil { // which tells where window 1 ends
				confirmed = putAside(m, l.id(window))
			}
			_ = m.Close()
		}
		end()
		fsys.Kill()
		fsys = fsys.Reopen()
		m, ok := next(t, fsys)
		if !ok {
			return
		}
		ids, err := m.Windows()
		if err != nil {
			t.Error(err)
		}
		if confirmed && len(ids) != 1 {
			t.Errorf("windows %v after the quarantine", ids)
		}
		seen := map[uint64]bool{}
		for _, dir := range []string{directory, directory + "/quarantine"} {
			entries, _ := fsys.ReadDir(dir)
			for _, e := range entries {
				r, err := journal.ReadSegment(fsys, path.Join(dir, e.Name()))
				if err != nil {
					continue // the lock, the directory
				}
				frames, err := mediumtest.ReadAll(r)
				if err != nil {
					t.Error(err)
				}
				for _, f := range frames {
					seen[f.Sequence] = true
				}
			}
		}
		for seq := range l.durable {
			if !seen[seq] {
				t.Errorf("frame %d is in neither place", seq)
			}
		}
	})
}
