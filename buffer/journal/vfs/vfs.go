// Package vfs is the seam between what must be durable and the file system: the
// few operations that the journal, the spool and the directory bucket need, with
// what each promises about power loss.
//
// [OS] is the real file system, crashfs the fake that loses what was not synced,
// and vfstest the suite that both pass.
package vfs

import (
	"errors"
	"io"
	"io/fs"
)

// ErrLocked is returned by Lock while another holder has the lock.
var ErrLocked = errors.New("locked by another process")

// File is an open file. Write appends at the place where the last Write ended.
//
// It is an alias, so that a package with an identical interface of its own
// accepts the same file systems.
type File = interface {
	io.Writer
	io.ReaderAt

	// Sync makes the file's bytes and its length durable (fdatasync); the
	// file's name is the directory's business, see SyncDir. When it returns an
	// error the bytes since the last successful Sync are lost, even though they
	// may still be read, and even though the next Sync returns nil: the kernel
	// reports a failed write-back once and then calls the pages clean. So an
	// error is final for the file.
	Sync() error

	// Close releases the file. It syncs nothing.
	Close() error
}

// WriteBacker is a File that can begin early what Sync ends: of many bytes the disk
// has written most by the time the last ones come. Not every File is one.
type WriteBacker interface {
	// WriteBack has the bytes so far written, and may return long before they are. It
	// promises nothing: what it has begun is durable after Sync. Its error is as final
	// as that of Sync, which need not report the same failure again.
	WriteBack() error
}

// FS is a file system. Names are slash-separated paths. Errors match fs.ErrExist
// and fs.ErrNotExist where those are the cause. All methods may be called
// concurrently.
type FS interface {
	// Create makes a new file, open for writing and reading; fs.ErrExist if the
	// name is taken. The name is durable after SyncDir of its directory.
	Create(name string) (File, error)

	// CreateLog is Create for a file that is synced after nearly every Write. It
	// is written ahead with zeros, up to the next multiple of ahead bytes, so that
	// most syncs find the length unchanged and have only the bytes to write; the
	// file ends in less than ahead zeros. Large writes are not worth it: after one
	// of a quarter of ahead there may be none.
	CreateLog(name string, ahead int) (File, error)

	// Open opens a file for reading. Sync works on it too: it makes durable what
	// other descriptors, of this process or an earlier one, have written.
	Open(name string) (File, error)

	// Link gives a file a second name and never replaces one: fs.ErrExist if
	// newname is taken.
	Link(oldname, newname string) error

	// Rename moves a name, replacing newname if it exists.
	Rename(oldname, newname string) error

	// Remove removes a name.
	Remove(name string) error

	// Mkdir makes a directory; fs.ErrExist if the name is taken. The name is durable
	// after SyncDir of its parent.
	Mkdir(dir string) error

	// MkdirAll makes a directory and its missing parents, and makes their names
	// durable. It is done when the directory exists.
	MkdirAll(dir string) error

	// ReadDir lists a directory, sorted by name.
	ReadDir(dir string) ([]fs.DirEntry, error)

	// Stat describes a file.
	Stat(name string) (fs.FileInfo, error)

	// SyncDir makes all creations, links, renames and removals in dir durable.
	// Its errors are as final as those of File.Sync.
	SyncDir(dir string) error

	// Free is the number of bytes that may still be written under dir; none if
	// hardly another file can be made there.
	Free(dir string) (int64, error)

	// Lock takes an exclusive lock named by a file, which it makes if need be;
	// ErrLocked, without waiting, if there is a holder. Closing gives it back,
	// and so does the end of the process.
	Lock(name string) (io.Closer, error)
}
