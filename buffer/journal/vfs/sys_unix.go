//go:build unix

package vfs

// This file holds the system calls that all Unix systems share.

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func flock(f *os.File) error {
	err := retry(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

// namesKept is how many files more a file system must have room for, lest it is full
// whatever bytes it has: a segment could not be begun.
const namesKept = 100

func statfsFree(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return 0, err
	}
	if st.Files > 0 && int64(st.Ffree) < namesKept { // btrfs, for one, has no bound, and says 0
		return 0, nil
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// retry repeats a call that a signal has interrupted: the one error that says
// nothing about the disk.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
