package journal

// This file is the medium that is a directory: opening it, and the state that all
// of its methods share.

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"

	"parquay/buffer/journal/vfs"
)

const (
	lockName       = "LOCK"
	quarantineName = "quarantine"
)

// Options are the settings of a Disk. The zero value is right for production.
type Options struct {
	// SegmentBytes ends a segment before the frame that would exceed it; a
	// larger frame has a segment of its own. At most and by default MaxSegment.
	SegmentBytes int64
	// Reserve is what Free holds back. The default is MaxSegment: whatever was
	// admitted when the disk was about to be full still fits.
	Reserve int64
	// Ahead is how many bytes at a time a segment is written ahead with zeros, see
	// vfs.FS.CreateLog. The default is 1 MiB: dozens to thousands of syncs for one
	// that commits a length, and little to waste on a window of a few frames.
	// Negative means not at all.
	Ahead int
	// Synced is called with the duration of every sync that Append waits for.
	Synced func(time.Duration)
}

// Disk is a journal in a directory.
type Disk struct {
	fs      vfs.FS
	dir     string
	inc     Incarnation
	options Options
	lock    io.Closer
	unknown []string // files that are not ours

	// appending is held while the open segment is written. Lock it before mu.
	appending sync.Mutex
	writer    writer

	// syncing guards the syncs of directories. After one has failed there is no
	// other: it could succeed without having written what the first one lost,
	// and tell of a segment or a deletion that is not durable.
	syncing struct {
		sync.Mutex
		failure error
	}

	// mu is never held during I/O, so that what needs only it always answers.
	mu struct {
		sync.Mutex
		failure error // set once; what Append returns from then on
		closed  bool
		windows map[WindowID]*window
		usage   int64
		current uint64            // the own window that was begun last
		proofs  map[WindowID]name // of windows that are deleted, or about to be: tombstones that say where the one before ends
	}
}

var _ Medium = (*Disk)(nil)

// window is what the directory holds of one window.
type window struct {
	segments []segment // in order
	end      uint64    // all frames of it below this sequence were acknowledged; 0: not known
	unread   error     // why it can't be read for good: a sync of it has failed
}

// segment is a file of a window. Of an own segment, size is what was acknowledged.
type segment struct {
	name name
	size int64
}

// OpenDisk opens the journal in dir for the process inc, and makes the directory
// if need be. It returns ErrLocked while another process uses it.
//
// Deletions that a crash has interrupted are finished. No other file is touched.
func OpenDisk(fsys vfs.FS, dir string, inc Incarnation, options Options) (*Disk, error) {
	d := &Disk{fs: fsys, dir: dir, inc: inc, options: options}
	if options.SegmentBytes <= 0 || options.SegmentBytes > MaxSegment {
		d.options.SegmentBytes = MaxSegment
	}
	if options.Reserve <= 0 {
		d.options.Reserve = MaxSegment
	}
	if options.Ahead == 0 {
		d.options.Ahead = 1 << 20
	}
	d.mu.windows = map[WindowID]*window{}
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("make journal directory: %w", err)
	}
	lock, err := fsys.Lock(path.Join(dir, lockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("lock journal directory: %w", err)
	}
	d.lock = lock
	if err := d.load(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

// load lists the segments that are left.
func (d *Disk) load() error {
	// What is listed may be replayed into files, so it must not vanish (I3); and
	// a file system that can't sync a directory is found out before any answer.
	if err := d.fs.SyncDir(d.dir); err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	entries, err := d.fs.ReadDir(d.dir)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	if d.mu.proofs, err = proofs(entries); err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	deleted, err := d.finishDeletions(entries)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	for _, e := range entries {
		n, ok := parseName(e.Name())
		switch {
		case ok && e.Type().IsRegular():
			if deleted[n.id] {
				continue
			}
			if n.id.Incarnation == d.inc {
				return fmt.Errorf("open journal: incarnation %s was used before", d.inc)
			}
			info, err := e.Info()
			if err != nil {
				return fmt.Errorf("open journal: %w", err)
			}
			d.grow(n, info.Size())
		case e.Name() != lockName && e.Name() != quarantineName && !isTombstone(e.Name()):
			d.unknown = append(d.unknown, e.Name())
		}
	}
	d.recall()
	return nil
}

// grow adds bytes to a segment that may be new.
func (d *Disk) grow(n name, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := d.mu.windows[n.id]
	if w == nil {
		w = &window{}
		d.mu.windows[n.id] = w
	}
	i, found := slices.BinarySearchFunc(w.segments, n, func(s segment, n name) int { return cmp.Compare(s.name.first, n.first) })
	if !found {
		w.segments = slices.Insert(w.segments, i, segment{name: n})
	}
	w.segments[i].size += bytes
	d.mu.usage += bytes
}

// ends notes that all frames of a window below a sequence were acknowledged: what is not
// there when they are read is lost, and not left unfinished by a crash.
func (d *Disk) ends(id WindowID, below uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.mu.windows[id]; w != nil {
		w.end = below
	}
}

// Unknown lists the files in the directory that are not the journal's. They are
// left alone.
func (d *Disk) Unknown() []string { return d.unknown }

// Usage is the number of bytes of all windows; zeros written ahead are not counted
// before another process finds them. Quarantine does not count: it must not keep
// the journal full for ever.
func (d *Disk) Usage() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.usage
}

// Free is what the file system has free, less the reserve.
func (d *Disk) Free() (int64, error) {
	free, err := d.fs.Free(d.dir)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	return max(0, free-d.options.Reserve), nil
}

// Close ends the journal: what was appended without sync is synced, the lock is
// given back. Append must have returned.
func (d *Disk) Close() error {
	d.appending.Lock()
	defer d.appending.Unlock()
	d.mu.Lock()
	closed, failure := d.mu.closed, d.mu.failure
	d.mu.closed = true
	d.mu.Unlock()
	if closed {
		return nil
	}
	var err error
	if failure == nil {
		err = d.settle()
	}
	return errors.Join(err, d.abandon(), d.lock.Close())
}

// fail makes err final (I5). It returns what Append returns from now on.
func (d *Disk) fail(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.failure == nil {
		d.mu.failure = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return d.mu.failure
}

// failure is why nothing may be appended.
func (d *Disk) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.failure == nil && d.mu.closed {
		return ErrClosed
	}
	return d.mu.failure
}

// syncDir syncs a directory.
func (d *Disk) syncDir(dir string) error {
	return d.exclusively(func() error { return d.fs.SyncDir(dir) })
}

// exclusively calls what syncs a directory. Its failure is final, whoever asked.
func (d *Disk) exclusively(sync func() error) error {
	d.syncing.Lock()
	defer d.syncing.Unlock()
	if d.syncing.failure != nil {
		return d.syncing.failure
	}
	if err := sync(); err != nil {
		d.syncing.failure = d.fail(fmt.Errorf("sync directory: %w", err))
	}
	return d.syncing.failure
}

func (d *Disk) path(file string) string { return path.Join(d.dir, file) }

// notFound is the error of a window that is not there.
func notFound(id WindowID) error { return fmt.Errorf("window %s: %w", id, fs.ErrNotExist) }
