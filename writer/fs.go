package writer

// This file is the file system as the writer sees it. The spool and the bucket in
// a directory are written on it, so that a test can crash it at any step.

import (
	"io"
	"io/fs"
)

// File is an open file.
type File = interface {
	io.Writer
	io.ReaderAt
	Sync() error
	Close() error
}

// writeBacker is a File that can begin early what Sync ends. What it has begun is durable
// after Sync; its error is as final as that of Sync.
type writeBacker interface{ WriteBack() error }

// FS is the part of a file system that the writer uses. Names are paths of the
// operating system; errors are recognised with errors.Is by those of io/fs.
type FS interface {
	// Create makes a file that did not exist, open for writing and reading.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Link gives a file a second name, and never replaces one.
	Link(oldname, newname string) error
	// Remove removes a name.
	Remove(name string) error
	// Mkdir makes one directory, whose name is durable after SyncDir of its parent.
	Mkdir(name string) error
	// MkdirAll makes a directory and its missing parents, from the top, each
	// durable before the next.
	MkdirAll(name string) error
	// ReadDir lists a directory in the order of names.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat describes a file.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes a directory's entries durable.
	SyncDir(name string) error
}
