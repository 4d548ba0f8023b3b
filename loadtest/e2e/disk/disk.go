//go:build linux

// Package disk makes disks that a test may break: real ones to the kernel, in a
// file or in memory.
//
// What it makes is taken away when the test ends, however it ends; what a test
// that was killed has left is taken away by the next one.
package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is a file system of its own.
type Disk struct {
	Dir   string // where it is mounted
	Image string // the file that it is in; "" for one in memory

	t       testing.TB
	kind    string
	options string // of mount
	frozen  bool
}

// prefix begins the names of all folders, before the process's id.
const prefix = "parquay-disk-"

// New makes an ext4 file system of so many bytes and mounts it. The file that it
// is in takes as much as was written. options are more of mkfs.ext4's.
func New(t testing.TB, bytes int64, options ...string) *Disk {
	t.Helper()
	return NewIn(t, folder(t), bytes, options...)
}

// NewIn is New with the file in a folder of the caller's.
func NewIn(t testing.TB, in string, bytes int64, options ...string) *Disk {
	t.Helper()
	// Without blocks for root alone: a full disk is full for everybody.
	options = append([]string{"-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"}, options...)
	return format(t, "ext4", in, bytes, "loop,errors=remount-ro", options)
}

// NewXFS is New with XFS.
func NewXFS(t testing.TB, bytes int64) *Disk {
	t.Helper()
	return format(t, "xfs", folder(t), bytes, "loop", []string{"-q", "-f", "-K"})
}

func format(t testing.TB, kind, in string, bytes int64, options string, mkfs []string) *Disk {
	t.Helper()
	need(t, "mkfs."+kind)
	d := &Disk{
		t: t, kind: kind, Dir: filepath.Join(folder(t), "mnt"), Image: filepath.Join(in, "disk.img"),
		options: options, // the loop device goes with the mount
	}
	if err := errors.Join(os.Mkdir(d.Dir, 0o755), os.WriteFile(d.Image, nil, 0o600), os.Truncate(d.Image, bytes)); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs."+kind, append(mkfs, d.Image)...)
	t.Cleanup(d.release)
	d.Mount()
	return d
}

// ByPages has the disk written a page at a time. The loop driver calls a request done
// of which the image's own disk has taken only a part, as one does that runs out of room
// in its middle (lo_complete_rq in Linux's drivers/block/loop.c looks for that in reads
// alone): the disk would lie where it is to fail.
func (d *Disk) ByPages() {
	d.t.Helper()
	_, device := mountOf(d.Dir)
	setting := filepath.Join("/sys/block", filepath.Base(device), "queue/max_sectors_kb")
	before, err := os.ReadFile(setting)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(setting, []byte("4"), 0); err != nil {
		d.t.Skipf("missing: the right to change %s: %v", setting, err)
	}
	d.t.Cleanup(func() { // the device's next user is another
		if err := os.WriteFile(setting, before, 0); err != nil {
			d.t.Error(err)
		}
	})
}

// NewMemory makes a tmpfs of so many bytes.
func NewMemory(t testing.TB, bytes int64) *Disk {
	t.Helper()
	d := &Disk{t: t, kind: "tmpfs", Dir: filepath.Join(folder(t), "mnt"), options: fmt.Sprintf("size=%d", bytes)}
	if err := os.Mkdir(d.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.release)
	d.Mount()
	return d
}

// folder makes a folder of the test's, which other users may pass through.
func folder(t testing.TB) string {
	t.Helper()
	need(t, "mount")
	sweep()
	base, err := os.MkdirTemp("", prefix+strconv.Itoa(os.Getpid())+"-")
	if err == nil {
		err = os.Chmod(base, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	})
	return base
}

// need skips the test where disks can't be made, and says what is missing.
func need(t testing.TB, program string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("missing: root, to mount a disk that may be broken")
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("missing: %s, to make a disk that may be broken", program)
	}
}

// Mount mounts it, with more options than those it has. ext4 takes back what an
// unfinished life has left in its journal, as it does after a power cut.
func (d *Disk) Mount(options ...string) {
	d.t.Helper()
	if err := d.mount(options...); err != nil {
		d.t.Fatal(err)
	}
}

func (d *Disk) mount(options ...string) error {
	d.t.Helper()
	what := d.Image
	if what == "" {
		what = d.kind
	}
	args := []string{"-t", d.kind, "-o", strings.Join(append([]string{d.options}, options...), ","), what, d.Dir}
	output, err := exec.Command("mount", args...).CombinedOutput()
	if err == nil {
		return nil
	}
	if said := string(output); strings.Contains(said, "permission denied") || strings.Contains(said, "failed to setup loop device") ||
		strings.Contains(said, "unknown filesystem type") {
		d.t.Skipf("missing: the right to mount %s here: %s", strings.Join(args, " "), said)
	}
	return fmt.Errorf("mount %s: %w\n%s", d.Dir, err, output)
}

// Remount changes the options of the mounted disk; the error is the kernel's.
func (d *Disk) Remount(options string) error {
	output, err := exec.Command("mount", "-o", "remount,"+options, d.Dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("remount %s: %w\n%s", d.Dir, err, output)
	}
	return nil
}

// unmountWithin is how long the kernel may need to let go of what a process that
// has just been killed had open.
const unmountWithin = 10 * time.Second

// Unmount takes it away. Whoever has used it must be gone.
func (d *Disk) Unmount() {
	d.t.Helper()
	begin := time.Now()
	for {
		err := unix.Unmount(d.Dir, 0)
		if err == nil {
			return
		}
		if time.Since(begin) > unmountWithin || !errors.Is(err, syscall.EBUSY) {
			d.t.Fatalf("unmount %s: %v", d.Dir, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// release takes the disk away for good, in whatever state it is.
func (d *Disk) release() {
	if err := detach(d.Dir); err != nil {
		d.t.Error(err)
	}
}

// detach thaws and unmounts what is mounted at dir, at once or, if somebody still
// uses it, as soon as nobody does.
func detach(dir string) error {
	for mounted(dir) {
		_ = control(dir, fithaw, 0) // it fails where nothing is frozen
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", dir, err)
		}
	}
	return nil
}

func mounted(dir string) bool {
	_, device := mountOf(dir)
	return device != ""
}

// mountOf finds the type and the device of what is mounted at dir.
func mountOf(dir string) (kind, device string) {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 2 && f[1] == dir {
			kind, device = f[2], f[0]
		}
	}
	return kind, device
}

// sweep takes away what processes have left that are no more.
func sweep() {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return
	}
	for _, base := range left {
		id, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(base), prefix), "-")
		if pid, err := strconv.Atoi(id); err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		if detach(filepath.Join(base, "mnt")) == nil {
			_ = os.RemoveAll(base) // the next one tries again
		}
	}
}

func run(t testing.TB, program string, args ...string) {
	t.Helper()
	if output, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, output)
	}
}
