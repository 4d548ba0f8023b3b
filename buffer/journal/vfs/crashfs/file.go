package crashfs

// This file is the operations.

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"syscall"
	"time"

	"parquay/buffer/journal/vfs"
)

// Create makes a new file.
func (f *FS) Create(name string) (vfs.File, error) { return f.create(name, 0) }

// CreateLog makes a file that is written ahead, but never more than a few blocks,
// which is enough to be wrong.
func (f *FS) CreateLog(name string, ahead int) (vfs.File, error) {
	return f.create(name, min(ahead, mostAhead))
}

func (f *FS) create(name string, ahead int) (vfs.File, error) {
	var opened *file
	err := f.do(Create, name, func() error {
		dir, base, err := f.disk.parent(Create, name)
		if err != nil {
			return err
		}
		if dir.live[base] != nil {
			return pathError(Create, name, fs.ErrExist)
		}
		n := &inode{dirty: map[int]bool{}}
		f.disk.edit(true, edit{dir, base, n})
		opened = &file{fs: f, inode: n, name: name, writable: true, ahead: ahead}
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// Open opens a file for reading.
func (f *FS) Open(name string) (vfs.File, error) {
	var opened *file
	err := f.do(Open, name, func() error {
		n, err := f.disk.find(Open, name)
		if err != nil {
			return err
		}
		if n.isDir() {
			return pathError(Open, name, syscall.EISDIR)
		}
		opened = &file{fs: f, inode: n, name: name}
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// Link gives a file a second name.
func (f *FS) Link(oldname, newname string) error {
	return f.do(Link, newname, func() error {
		n, err := f.disk.find(Link, oldname)
		if err != nil {
			return err
		}
		dir, base, err := f.disk.parent(Link, newname)
		switch {
		case err != nil:
			return err
		case n.isDir():
			return pathError(Link, oldname, fs.ErrPermission)
		case dir.live[base] != nil:
			return pathError(Link, newname, fs.ErrExist)
		}
		f.disk.edit(true, edit{dir, base, n})
		return nil
	}, nil)
}

// Rename moves a file's name. Directories can't be moved.
func (f *FS) Rename(oldname, newname string) error {
	return f.do(Rename, newname, func() error {
		from, was, err := f.disk.parent(Rename, oldname)
		if err != nil {
			return err
		}
		to, base, err := f.disk.parent(Rename, newname)
		if err != nil {
			return err
		}
		n, replaced := from.live[was], to.live[base]
		switch {
		case n == nil:
			return pathError(Rename, oldname, fs.ErrNotExist)
		case n.isDir() || replaced != nil && replaced.isDir():
			return pathError(Rename, newname, syscall.EISDIR)
		case n == replaced:
			return nil // two names of one file stay two, says POSIX
		}
		f.disk.edit(from == to, edit{to, base, n}, edit{from, was, nil})
		return nil
	}, nil)
}

// Remove removes a file's name.
func (f *FS) Remove(name string) error {
	return f.do(Remove, name, func() error {
		dir, base, err := f.disk.parent(Remove, name)
		if err != nil {
			return err
		}
		n := dir.live[base]
		switch {
		case n == nil:
			return pathError(Remove, name, fs.ErrNotExist)
		case n.isDir() && len(n.live) > 0:
			return pathError(Remove, name, syscall.ENOTEMPTY)
		case !n.isDir():
			f.disk.bury(n)
		}
		f.disk.edit(true, edit{dir, base, nil})
		return nil
	}, nil)
}

// MkdirAll makes directories from the top down, each durable before the next.
func (f *FS) MkdirAll(dir string) error { return vfs.MakeDirs(f, dir) }

// Mkdir makes one directory.
func (f *FS) Mkdir(dir string) error {
	return f.do(Mkdir, dir, func() error {
		parent, base, err := f.disk.parent(Mkdir, dir)
		if err != nil {
			return err
		}
		if parent.live[base] != nil {
			return pathError(Mkdir, dir, fs.ErrExist)
		}
		f.disk.edit(true, edit{parent, base, newDir()})
		return nil
	}, nil)
}

// ReadDir lists a directory, sorted by name.
func (f *FS) ReadDir(dir string) (entries []fs.DirEntry, err error) {
	err = f.do(ReadDir, dir, func() error {
		n, err := f.disk.findDir(ReadDir, dir)
		if err != nil {
			return err
		}
		for name, child := range n.live {
			entries = append(entries, fs.FileInfoToDirEntry(describe(name, child)))
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int {
			if a.Name() < b.Name() {
				return -1
			}
			return 1
		})
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// Stat describes a file.
func (f *FS) Stat(name string) (described fs.FileInfo, err error) {
	err = f.do(Stat, name, func() error {
		n, err := f.disk.find(Stat, name)
		if err != nil {
			return err
		}
		described = describe(path.Base(name), n)
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return described, nil
}

// SyncDir makes a directory's names durable.
func (f *FS) SyncDir(dir string) error {
	return f.do(SyncDir, dir, func() error {
		n, err := f.disk.findDir(SyncDir, dir)
		if err == nil {
			f.disk.syncDir(n, false)
		}
		return err
	}, func() {
		if n, err := f.disk.findDir(SyncDir, dir); err == nil {
			f.disk.syncDir(n, true)
		}
	})
}

// Free is what is left of the limit.
func (f *FS) Free(dir string) (free int64, err error) {
	err = f.do(Free, dir, func() error {
		if _, err := f.disk.find(Free, dir); err != nil {
			return err
		}
		free = max(0, f.disk.limit-f.disk.used())
		return nil
	}, nil)
	if err != nil {
		return 0, err
	}
	return free, nil
}

// lock is a lock that is held.
type lock struct {
	fs   *FS
	name string
}

// Lock takes an exclusive lock, and makes the file that names it.
func (f *FS) Lock(name string) (io.Closer, error) {
	l := &lock{fs: f, name: clean(name)}
	err := f.do(Lock, name, func() error {
		dir, base, err := f.disk.parent(Lock, name)
		if err != nil {
			return err
		}
		if f.disk.locks[l.name] != nil {
			return pathError(Lock, name, vfs.ErrLocked)
		}
		if dir.live[base] == nil {
			f.disk.edit(true, edit{dir, base, &inode{dirty: map[int]bool{}}})
		}
		f.disk.locks[l.name] = l
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Close gives the lock back. It is no operation.
func (l *lock) Close() error {
	d := l.fs.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locks[l.name] == l {
		delete(d.locks, l.name)
	}
	return nil
}

// file is an open file.
type file struct {
	fs       *FS
	inode    *inode
	name     string
	writable bool
	ahead    int // of a log: it grows to multiples of this

	// Guarded by disk.mu.
	offset int
	closed bool
}

// do carries out an operation on a file that is open.
func (f *file) do(kind Kind, offset int64, bytes int, apply func() error, partly func()) error {
	return f.fs.doOp(Op{Kind: kind, Name: f.name, Offset: offset, Bytes: bytes}, func() error {
		if f.closed {
			return pathError(kind, f.name, fs.ErrClosed)
		}
		return apply()
	}, partly)
}

// Write appends p where the last Write ended.
func (f *file) Write(p []byte) (n int, err error) {
	if !f.writable {
		return 0, pathError(Write, f.name, fs.ErrPermission)
	}
	f.fs.disk.mu.Lock()
	offset := f.offset
	f.fs.disk.mu.Unlock()
	err = f.do(Write, int64(offset), len(p), func() error {
		if n = f.write(p); n < len(p) {
			return pathError(Write, f.name, syscall.ENOSPC)
		}
		if f.ahead > 0 && n < f.ahead/4 && f.offset == len(f.inode.data) {
			zeros := (f.ahead - f.offset%f.ahead) % f.ahead
			if f.put(make([]byte, zeros)) < zeros {
				return pathError(Write, f.name, syscall.ENOSPC)
			}
		}
		return nil
	}, func() {
		n = f.write(p[:f.fs.disk.random.IntN(len(p)+1)])
	})
	return n, err
}

// write puts bytes at the offset and moves that.
func (f *file) write(p []byte) int {
	n := f.put(p)
	f.offset += n
	return n
}

// put puts bytes at the offset, as many as the disk has room for.
func (f *file) put(p []byte) int {
	n := f.inode
	room := max(0, f.fs.disk.limit-f.fs.disk.used())
	to := int(min(int64(f.offset+len(p)), int64(len(n.data))+room))
	if to > len(n.data) {
		n.data = append(n.data, make([]byte, to-len(n.data))...)
	}
	written := copy(n.data[f.offset:to], p)
	for b := f.offset / block; b*block < f.offset+written; b++ {
		n.dirty[b] = true
	}
	return written
}

// ReadAt reads what was written, synced or not.
func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.do(Read, off, len(p), func() error {
		if off < int64(len(f.inode.data)) {
			n = copy(p, f.inode.data[off:])
		}
		if n < len(p) {
			return io.EOF
		}
		return nil
	}, func() {})
	return n, err
}

// Sync makes the file's bytes durable; see the package comment for how it fails.
func (f *file) Sync() error {
	return f.do(Sync, 0, 0, func() error {
		f.fs.disk.sync(f.inode)
		return nil
	}, func() { f.fs.disk.lose(f.inode) })
}

// WriteBack keeps some of the file's bytes. It fails as Sync does.
func (f *file) WriteBack() error {
	return f.do(WriteBack, 0, 0, func() error {
		f.fs.disk.begin(f.inode)
		return nil
	}, func() { f.fs.disk.lose(f.inode) })
}

// Close closes the file, also when it fails.
func (f *file) Close() error {
	return f.do(Close, 0, 0, func() error {
		f.closed = true
		return nil
	}, func() { f.closed = true })
}

// info describes a file or a directory.
type info struct {
	name string
	size int64
	mode fs.FileMode
}

func describe(name string, n *inode) info {
	if n.isDir() {
		return info{name: name, mode: fs.ModeDir | 0o750}
	}
	return info{name: name, size: int64(len(n.data)), mode: 0o640}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
