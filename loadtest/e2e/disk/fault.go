//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flush says what a disk still gets when the power goes.
type Flush uint32

// The three kinds that the kernel knows (EXT4_GOING_FLAGS).
const (
	FlushAll     Flush = iota // everything, as at an orderly end
	FlushJournal              // what the file system's own journal has gathered
	FlushNothing              // nothing: what was not synced is gone
)

// The ioctls, from linux/fs.h and fs/ext4/ext4.h: _IOWR('X', 119, int), _IOWR('X',
// 120, int) and _IOR('X', 125, __u32).
const (
	fifreeze     = 0xc0045877
	fithaw       = 0xc0045878
	ext4Shutdown = 0x8004587d
)

// Cut takes the power from the disk, under whoever uses it: from now on every
// operation fails. Unmount and Mount bring back what it had.
func (d *Disk) Cut(flush Flush) error {
	if err := control(d.Dir, ext4Shutdown, uint32(flush)); err != nil {
		return fmt.Errorf("cut the power of %s: %w", d.Dir, err)
	}
	return nil
}

// Freeze lets every write wait until Thaw, which the end of the test calls too.
func (d *Disk) Freeze() {
	d.t.Helper()
	if err := control(d.Dir, fifreeze, 0); err != nil {
		d.t.Fatalf("freeze %s: %v", d.Dir, err)
	}
	d.frozen = true
	d.t.Cleanup(d.Thaw)
}

// Thaw lets the writes go on.
func (d *Disk) Thaw() {
	d.t.Helper()
	if !d.frozen {
		return
	}
	if err := control(d.Dir, fithaw, 0); err != nil {
		d.t.Errorf("thaw %s: %v", d.Dir, err)
	}
	d.frozen = false
}

// Break has ext4 find an error in itself, after which it is read-only.
func (d *Disk) Break() {
	d.t.Helper()
	_, device := mountOf(d.Dir)
	name := filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error")
	if err := os.WriteFile(name, []byte("a test"), 0); err != nil {
		d.t.Skipf("missing: an ext4 that can be told to fail: %v", err)
	}
}

// Repair has e2fsck mend the unmounted disk's own books.
func (d *Disk) Repair() {
	d.t.Helper()
	need(d.t, "e2fsck")
	output, err := exec.Command("e2fsck", "-f", "-y", d.Image).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		err = nil // mended
	}
	if err != nil {
		d.t.Fatalf("repair %s: %v\n%s", d.Image, err, output)
	}
}

// Sync makes durable what is on the disk now.
func (d *Disk) Sync() {
	d.t.Helper()
	f, err := os.Open(d.Dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		d.t.Fatalf("sync %s: %v", d.Dir, err)
	}
}

// Fill leaves so many bytes free, by a file that nobody needs; fewer are left if
// others write. It replaces what it has filled before.
func (d *Disk) Fill(free int64) {
	d.t.Helper()
	d.Empty()
	var st unix.Statfs_t
	if err := unix.Statfs(d.Dir, &st); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.Create(d.ballast())
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	// Root has blocks that others don't: what is free is what all of them have. And
	// the file's own metadata take some of it.
	for take := int64(st.Bavail)*st.Bsize - free; take > 0; take -= 1 << 16 {
		if err = unix.Fallocate(int(f.Fd()), 0, 0, take); !errors.Is(err, unix.ENOSPC) {
			break
		}
	}
	if err != nil {
		d.t.Fatalf("fill %s: %v", d.Dir, err)
	}
}

// FillNames makes files in a folder, which it returns, until the disk has room for only
// so many others.
func (d *Disk) FillNames(room int) (folder string) {
	d.t.Helper()
	folder = filepath.Join(d.Dir, "names")
	if err := os.Mkdir(folder, 0o755); err != nil {
		d.t.Fatal(err)
	}
	for i := 0; ; i++ {
		var st unix.Statfs_t
		if err := unix.Statfs(d.Dir, &st); err != nil {
			d.t.Fatal(err)
		}
		if st.Ffree <= uint64(room) {
			return folder
		}
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(i)), nil, 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
}

// Empty takes away what Fill has filled.
func (d *Disk) Empty() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
}

func (d *Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }

// control calls an ioctl of the file system that holds dir.
func control(dir string, request uintptr, argument uint32) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&argument))); errno != 0 {
		return errno
	}
	return nil
}
