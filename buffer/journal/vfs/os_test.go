package vfs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"parquay/buffer/journal/vfs"
	"parquay/buffer/journal/vfs/vfstest"
)

func TestOS(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) { return vfs.OS{}, t.TempDir() })
}

// Other users of the machine can't read events.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	if err := (vfs.OS{}).MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	f, err := vfs.OS{}.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{dir, filepath.Join(dir, "f")} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if other := info.Mode() & fs.ModePerm & 0o007; other != 0 {
			t.Errorf("others may %o %s", other, name)
		}
	}
}

func TestKind(t *testing.T) {
	if _, err := vfs.Kind(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if kind, err := vfs.Kind("/dev/shm"); err == nil && kind == "tmpfs" && vfs.Caution(kind) == "" {
		t.Error("no caution about memory")
	}
	if _, err := vfs.Kind(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a kind of nothing")
	}
	for kind, warn := range map[string]bool{"ext4": false, "xfs": false, "tmpfs": true, "overlayfs": true, "nfs": true, "": false} {
		if got := vfs.Caution(kind) != ""; got != warn {
			t.Errorf("caution about %q: %v", kind, got)
		}
	}
}

// A log's length stays while it is written; that is all its use.
func TestLogLength(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	f, err := vfs.OS{}.CreateLog(name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 1000 {
		if _, err := f.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil || info.Size() != 1<<20 {
			t.Fatal(info.Size(), err)
		}
	}
}

// BenchmarkLog compares syncs of a file that grows with those of one that is written
// ahead.
func BenchmarkLog(b *testing.B) {
	for _, kind := range []string{"growing", "ahead"} {
		for _, size := range []int{300, 4 << 10, 64 << 10} {
			b.Run(fmt.Sprintf("file=%s/size=%d", kind, size), func(b *testing.B) {
				runLog(b, kind, size)
			})
		}
	}
}

func runLog(b *testing.B, kind string, size int) {
	name := filepath.Join(b.TempDir(), "log")
	f, err := vfs.OS{}.Create(name)
	if kind == "ahead" {
		f, err = vfs.OS{}.CreateLog(name+".ahead", 1<<20)
	}
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, size)
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := f.Write(p); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}
