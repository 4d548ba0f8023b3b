package vfs

// This file holds the system calls that are Linux's own.

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func fdatasync(f *os.File) error {
	fd := int(f.Fd())
	for {
		if err := unix.Fdatasync(fd); err != unix.EINTR {
			runtime.KeepAlive(f)
			return err
		}
	}
}

// writeBack begins to write a file's bytes. It must not wait for any: a wait takes the
// news that a write has failed, which fdatasync then does not hear.
func writeBack(f *os.File) error {
	err := retry(func() error {
		return unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	})
	runtime.KeepAlive(f)
	switch err {
	case unix.ENOSYS, unix.EPERM, unix.EINVAL, unix.ESPIPE: // a sandbox, or no such file system
		return nil
	}
	return err
}

// Kind names the type of the file system that holds dir, such as "ext4".
func Kind(dir string) (string, error) {
	var st unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(dir, &st) }); err != nil {
		return "", &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	switch magic := uint32(st.Type); magic {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4", nil
	case unix.XFS_SUPER_MAGIC:
		return "xfs", nil
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs", nil
	case unix.F2FS_SUPER_MAGIC:
		return "f2fs", nil
	case unix.TMPFS_MAGIC:
		return "tmpfs", nil
	case unix.RAMFS_MAGIC:
		return "ramfs", nil
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs", nil
	case unix.NFS_SUPER_MAGIC:
		return "nfs", nil
	case unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "smb", nil
	case unix.FUSE_SUPER_MAGIC:
		return "fuse", nil
	default:
		return fmt.Sprintf("%#x", magic), nil
	}
}
