package vfs

// This file is the real file system: all that must be known about fsync is here.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Modes of what is made: other users have no business with events.
const (
	fileMode = 0o640
	dirMode  = 0o750
)

// OS is the operating system's file system.
type OS struct{}

var _ FS = OS{}

// Create makes a new file.
func (OS) Create(name string) (File, error) {
	f, err := create(name)
	if err != nil {
		return nil, err
	}
	return &file{f}, nil
}

// create makes a new file. O_EXCL is what keeps anyone from appending to a file that
// an earlier process has left with a torn tail.
func create(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
}

// Open opens a file for reading.
func (OS) Open(name string) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &file{f}, nil
}

// file is an os.File whose Sync is fdatasync: the times of the file, which fsync
// would write as well, cost a journal commit of the file system and help nobody.
type file struct{ *os.File }

var _ WriteBacker = (*file)(nil)

// Sync makes the bytes and the length durable.
func (f *file) Sync() error {
	if err := fdatasync(f.File); err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// WriteBack begins to write the bytes, where the system has a call for that.
func (f *file) WriteBack() error {
	if err := writeBack(f.File); err != nil {
		return &fs.PathError{Op: "sync_file_range", Path: f.Name(), Err: err}
	}
	return nil
}

// Link gives a file a second name.
func (OS) Link(oldname, newname string) error { return os.Link(oldname, newname) }

// Rename moves a name.
func (OS) Rename(oldname, newname string) error { return os.Rename(oldname, newname) }

// Remove removes a name.
func (OS) Remove(name string) error { return os.Remove(name) }

// ReadDir lists a directory.
func (OS) ReadDir(dir string) ([]fs.DirEntry, error) { return os.ReadDir(dir) }

// Stat describes a file.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// MkdirAll makes a directory and its parents.
func (o OS) MkdirAll(dir string) error { return MakeDirs(o, dir) }

// Mkdir makes one directory. Its name is durable after SyncDir of its parent.
func (OS) Mkdir(dir string) error { return os.Mkdir(dir, dirMode) }

// SyncDir makes a directory's entries durable. A file system that can't do it
// (EINVAL) can't keep what we promise: that is an error, not a shrug.
func (OS) SyncDir(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// Free is what an unprivileged process may still write.
func (OS) Free(dir string) (int64, error) {
	free, err := statfsFree(dir)
	if err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return free, nil
}

// Lock takes the lock with flock(2), which belongs to the open file: it ends with
// the process, however that dies, and conflicts inside one process too. The lock
// file stays, since removing it would let two processes lock two files of one name.
func (OS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		_ = f.Close() // nothing was written, and why there is no lock is the news
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	return f, nil
}
