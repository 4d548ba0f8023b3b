package vfs_test

import (
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
