// The disk, by what only Linux has.

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// settleDisk waits until what earlier rounds have written is on the disk.
func settleDisk() { unix.Sync() }

// syncData is fdatasync(2).
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// fileSystem names the one that a folder is on, see statfs(2).
func fileSystem(dir string) string {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return "unknown file system"
	}
	names := map[int64]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
		unix.TMPFS_MAGIC: "tmpfs", unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
	}
	if name, ok := names[int64(s.Type)]; ok {
		return name
	}
	return fmt.Sprintf("file system %#x", s.Type)
}
