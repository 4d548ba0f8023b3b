//go:build failpoints

// The failpoints of a file system: each operation of vfs.FS and of its files, by
// the folder in which it happens.

package main

import (
	"io"
	"io/fs"
	"strings"

	"parquay/buffer/journal/vfs"
)

// failpointFS has the points <place>.<operation> for the places journal, spool and
// bucket, and the operations create, open, link, rename, remove, mkdir, list,
// syncdir; of a new file write and sync; of one that was there read and resync.
func failpointFS(fsys vfs.FS) vfs.FS { return &pointFS{fsys, newFailpoint()} }

type pointFS struct {
	vfs.FS
	f *failpoint
}

// place is the folder of PARQUAY_DIR that a name is in.
func place(name string) string {
	parts := strings.Split(name, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		switch parts[i] {
		case "journal", "spool", "bucket":
			return parts[i] + "."
		}
	}
	return "other."
}

func (s *pointFS) at(operation, name string, do func() error) error {
	return s.f.at(place(name)+operation, do)
}

// open wraps a file that was opened, whose writes and syncs have points of their own.
func (s *pointFS) open(operation, name string, do func() (vfs.File, error)) (file vfs.File, err error) {
	err = s.at(operation, name, func() error {
		file, err = do()
		return err
	})
	if err != nil {
		return nil, err
	}
	sync := "sync"
	if operation == "open" {
		sync = "resync"
	}
	return &pointFile{file, s.f, place(name), sync}, nil
}

func (s *pointFS) Create(name string) (vfs.File, error) {
	return s.open("create", name, func() (vfs.File, error) { return s.FS.Create(name) })
}

func (s *pointFS) CreateLog(name string, ahead int) (vfs.File, error) {
	return s.open("create", name, func() (vfs.File, error) { return s.FS.CreateLog(name, ahead) })
}

func (s *pointFS) Open(name string) (vfs.File, error) {
	return s.open("open", name, func() (vfs.File, error) { return s.FS.Open(name) })
}

func (s *pointFS) Link(oldname, newname string) error {
	return s.at("link", newname, func() error { return s.FS.Link(oldname, newname) })
}

func (s *pointFS) Rename(oldname, newname string) error {
	return s.at("rename", newname, func() error { return s.FS.Rename(oldname, newname) })
}

func (s *pointFS) Remove(name string) error {
	return s.at("remove", name, func() error { return s.FS.Remove(name) })
}

func (s *pointFS) Mkdir(dir string) error {
	return s.at("mkdir", dir, func() error { return s.FS.Mkdir(dir) })
}

func (s *pointFS) MkdirAll(dir string) error {
	return s.at("mkdir", dir, func() error { return s.FS.MkdirAll(dir) })
}

func (s *pointFS) ReadDir(dir string) (entries []fs.DirEntry, err error) {
	err = s.at("list", dir, func() error {
		entries, err = s.FS.ReadDir(dir)
		return err
	})
	return entries, err
}

func (s *pointFS) SyncDir(dir string) error {
	return s.at("syncdir", dir, func() error { return s.FS.SyncDir(dir) })
}

func (s *pointFS) Lock(name string) (lock io.Closer, err error) {
	err = s.at("lock", name, func() error {
		lock, err = s.FS.Lock(name)
		return err
	})
	return lock, err
}

type pointFile struct {
	vfs.File
	f     *failpoint
	place string
	sync  string
}

func (f *pointFile) Write(p []byte) (n int, err error) {
	if f.f != nil && f.f.moment == "half" {
		if f.f.come(f.place + "write") {
			_, _ = f.File.Write(p[:len(p)/2]) // its outcome is nobody's business any more
			f.f.end()
		}
		return f.File.Write(p)
	}
	err = f.f.at(f.place+"write", func() error {
		n, err = f.File.Write(p)
		return err
	})
	return n, err
}

func (f *pointFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.f.at(f.place+"read", func() error {
		n, err = f.File.ReadAt(p, off)
		return err
	})
	return n, err
}

func (f *pointFile) Sync() error { return f.f.at(f.place+f.sync, f.File.Sync) }
