// Package crashfs is a file system in memory that loses what a real one may lose.
//
// It is for tests of everything that promises durability. It keeps two states: the
// one that running processes see, and the one that is on the disk. Sync and
// SyncDir carry the first over to the second, and nothing else does. When the
// power fails ([FS.Crash], or the outcome [Crash]) the disk keeps what was synced
// and a random part of the rest:
//
//   - of bytes not synced, any of their blocks of 512 bytes, in any order, and any
//     length between the synced and the written one. A block that the length
//     covers and that was not kept holds zeros, noise, or what some removed file
//     held there before;
//   - of names made, moved and removed since the directory's last SyncDir, any. A
//     move inside a directory happens as a whole. One between directories may
//     leave the file under both names; and under none if the old directory was
//     synced and the new one was not. A file's Sync does not make its name durable.
//
// When a Sync fails, a random part of its bytes is on the disk, the rest never
// will be, and the next Sync returns nil. That is what Linux does: the pages are
// clean after the failure was reported once. The running process still reads what
// it wrote. A failed SyncDir is the same for names, and a failed WriteBack the same as
// a failed Sync. One that is done keeps a random part and promises nothing.
//
// Every call is an operation with a number from 0. An [Injector] is asked before
// each and decides what becomes of it, so a test can fail or crash the k-th
// operation for every k until there is no k-th:
//
//	for k := 0; ; k++ {
//		fsys := crashfs.New(seed)
//		fsys.Inject(crashfs.At(k, crashfs.Crash))
//		workload(fsys) // gets crashfs.ErrCrashed from operation k on
//		if fsys.Operations() <= k {
//			break // it needs fewer operations
//		}
//		check(fsys.Reopen()) // what the next process finds
//	}
//
// The same seed and the same calls give the same result.
package crashfs

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"syscall"

	"parquay/buffer/journal/vfs"
)

var (
	// ErrInjected is returned by an operation that the injector has failed. It
	// matches syscall.EIO too.
	ErrInjected = fmt.Errorf("injected: %w", syscall.EIO)
	// ErrCrashed is returned by every operation of a process that has died.
	ErrCrashed = errors.New("crashed")
)

// Op is an operation about to happen.
type Op struct {
	N    int // its number, from 0
	Kind Kind
	Name string // the file or directory; of a link or a rename the new name

	Offset int64 // of a read or write
	Bytes  int   // of a read or write
}

// Kind is what an operation does.
type Kind string

// The kinds. Open files' operations are Write, Read, WriteBack, Sync and Close.
const (
	Create    Kind = "create"
	Open      Kind = "open"
	Write     Kind = "write"
	Read      Kind = "read"
	WriteBack Kind = "writeback"
	Sync      Kind = "sync"
	Close     Kind = "close"
	Link      Kind = "link"
	Rename    Kind = "rename"
	Remove    Kind = "remove"
	Mkdir     Kind = "mkdir" // MkdirAll is several operations: Stat, Mkdir, SyncDir
	ReadDir   Kind = "readdir"
	Stat      Kind = "stat"
	SyncDir   Kind = "syncdir"
	Free      Kind = "free"
	Lock      Kind = "lock"
)

// Outcome is what becomes of an operation.
type Outcome int

const (
	// Done carries it out.
	Done Outcome = iota
	// Fail returns ErrInjected. Nothing was done; but a Write may have written a
	// part, and a Sync or SyncDir has lost some of what it should have written.
	Fail
	// FailDone carries it out and returns ErrInjected all the same.
	FailDone
	// Crash lets the power fail during the operation, which may take effect.
	Crash
)

// Injector decides the outcome of each operation before it happens. It is called
// without locks: it may block, which stalls that operation alone, and it may use
// the file system.
type Injector func(op Op) Outcome

// At gives the operation number k that outcome.
func At(k int, outcome Outcome) Injector {
	return func(op Op) Outcome {
		if op.N == k {
			return outcome
		}
		return Done
	}
}

// FS is the file system as one process sees it. It is safe for concurrent use.
// Names are cleaned; a leading slash means nothing.
type FS struct {
	disk *disk

	// Guarded by disk.mu.
	dead     bool
	count    int
	injector Injector
}

var _ vfs.FS = (*FS)(nil)

// New returns an empty file system.
func New(seed uint64) *FS {
	return &FS{disk: &disk{
		random: rand.New(rand.NewPCG(seed, 0)),
		root:   newDir(),
		locks:  map[string]*lock{},
		limit:  math.MaxInt64,
	}}
}

// Inject asks f before every operation from now on; nil asks nobody.
func (f *FS) Inject(i Injector) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.injector = i
}

// Operations is the number of operations so far.
func (f *FS) Operations() int {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.count
}

// Limit sets the size of the disk in bytes of files. A Write that does not fit
// writes what does and returns syscall.ENOSPC.
func (f *FS) Limit(bytes int64) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.limit = bytes
}

// Crash lets the power fail. Every later operation returns ErrCrashed.
func (f *FS) Crash() {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.crash()
}

func (f *FS) crash() {
	if !f.dead {
		f.disk.crash()
		f.die()
	}
}

// Kill ends the process, as kill -9 does: the next one sees all that was written,
// and a power failure later on may still take what was not synced.
func (f *FS) Kill() {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.die()
}

// die ends the process's operations and gives back its locks.
func (f *FS) die() {
	f.dead = true
	for name, l := range f.disk.locks {
		if l.fs == f {
			delete(f.disk.locks, name)
		}
	}
}

// Reopen is the file system that the next process sees, after Crash or Kill. Its
// operations are numbered from 0 again, and nobody is asked.
func (f *FS) Reopen() *FS {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if !f.dead {
		panic("crashfs: Reopen of a running process's file system")
	}
	return &FS{disk: f.disk}
}

// ReadFile returns a file's bytes, as a running process sees them. It is no
// operation, and works after a crash.
func (f *FS) ReadFile(name string) ([]byte, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n, err := f.disk.find("read", name)
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), n.data...), nil
}

// WriteFile makes or replaces a file, durably, in a directory that exists. It is
// no operation: tests damage files with it.
func (f *FS) WriteFile(name string, data []byte) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	dir, base, err := f.disk.parent("write", name)
	if err != nil {
		return err
	}
	n := &inode{data: append([]byte(nil), data...), disk: append([]byte(nil), data...), dirty: map[int]bool{}}
	dir.live[base], dir.kept[base] = n, n
	return nil
}

// do carries out an operation. partly is what a failed or interrupted one has done
// if that is neither nothing nor all; it may be nil. Both are called with the lock.
func (f *FS) do(kind Kind, name string, apply func() error, partly func()) error {
	return f.doOp(Op{Kind: kind, Name: name}, apply, partly)
}

// doOp is do for an operation with more to say than its kind and name.
func (f *FS) doOp(op Op, apply func() error, partly func()) error {
	d, kind, name := f.disk, op.Kind, op.Name
	d.mu.Lock()
	if f.dead {
		d.mu.Unlock()
		return pathError(kind, name, ErrCrashed)
	}
	op.N, op.Name = f.count, clean(name)
	injector := f.injector
	f.count++
	d.mu.Unlock()

	outcome := Done
	if injector != nil {
		outcome = injector(op)
	}

	d.mu.Lock()
	defer d.mu.Unlock()
	if f.dead { // meanwhile
		return pathError(kind, name, ErrCrashed)
	}
	switch outcome {
	case Fail:
		if partly != nil {
			partly()
		}
		return pathError(kind, name, ErrInjected)
	case FailDone:
		if err := apply(); err != nil {
			return err
		}
		return pathError(kind, name, ErrInjected)
	case Crash:
		if partly != nil {
			partly()
		} else if d.coin() {
			_ = apply()
		}
		f.crash()
		return pathError(kind, name, ErrCrashed)
	}
	return apply()
}

func pathError(kind Kind, name string, err error) error {
	return &fs.PathError{Op: string(kind), Path: name, Err: err}
}
