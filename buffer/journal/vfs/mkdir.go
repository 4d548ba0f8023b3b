package vfs

// This file makes directories that a power loss does not take away.

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Dirs is what [MakeDirs] needs of a file system.
type Dirs interface {
	Stat(name string) (fs.FileInfo, error)
	Mkdir(dir string) error
	SyncDir(dir string) error
}

// MakeDirs is MkdirAll for all file systems. It works from the top down, each
// directory durable before the next. So of a path that another process has begun
// and not finished, only the deepest directory can be a name that is not durable
// yet: its parent is synced although we have not made it.
func MakeDirs(fsys Dirs, dir string) error {
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	info, err := fsys.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: dir, Err: fs.ErrExist}
	case err == nil:
		if err := fsys.SyncDir(parent); !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil // not ours to list, so not ours to have made
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := MakeDirs(fsys, parent); err != nil {
		return err
	}
	if err := fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncDir(parent)
}
