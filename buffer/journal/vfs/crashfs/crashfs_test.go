package crashfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"testing"

	"parquay/buffer/journal/vfs"
	"parquay/buffer/journal/vfs/crashfs"
	"parquay/buffer/journal/vfs/vfstest"
)

// seeds is how many power failures a test looks at: enough that what may happen does.
const seeds = 200

func TestConformance(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) (vfs.FS, string) {
		fsys := crashfs.New(1)
		if err := fsys.MkdirAll("dir"); err != nil {
			t.Fatal(err)
		}
		return fsys, "dir"
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, fsys vfs.FS, name string, content []byte) vfs.File {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.Write(content)
	must(t, err)
	return f
}

// pattern is n bytes of which no block is zero and no two are equal.
func pattern(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = append(b, fmt.Sprintf("pattern-%08d.", i)...)
	}
	return b[:n]
}

// What was synced is there after every power failure.
func TestKeepsWhatWasSynced(t *testing.T) {
	for seed := range uint64(seeds) {
		fsys := crashfs.New(seed)
		must(t, fsys.MkdirAll("a/b"))
		synced := pattern(3000)
		f := create(t, fsys, "a/b/f", synced)
		must(t, f.Sync())
		must(t, fsys.SyncDir("a/b"))
		_, err := f.Write(pattern(2000))
		must(t, err)
		fsys.Crash()
		got, err := fsys.Reopen().ReadFile("a/b/f")
		must(t, err)
		if len(got) < len(synced) || !bytes.Equal(got[:len(synced)], synced) {
			t.Fatalf("seed %d: synced bytes are lost", seed)
		}
	}
}

// What was not synced may be whole, cut, torn in the middle or gone: a test that
// meets only one of these proves nothing.
func TestLosesWhatWasNot(t *testing.T) {
	outcomes := map[string]int{}
	for seed := range uint64(seeds) {
		fsys := crashfs.New(seed)
		old := create(t, fsys, "old", bytes.Repeat([]byte("removed "), 512))
		must(t, old.Sync())
		must(t, fsys.Remove("old"))
		f := create(t, fsys, "f", nil)
		must(t, f.Sync())
		must(t, fsys.SyncDir("/"))
		written := pattern(5 * 512)
		_, err := f.Write(written)
		must(t, err)
		fsys.Crash()
		got, err := fsys.Reopen().ReadFile("f")
		must(t, err)
		switch {
		case bytes.Equal(got, written):
			outcomes["whole"]++
		case len(got) == 0:
			outcomes["gone"]++
		case bytes.HasPrefix(written, got):
			outcomes["cut"]++
		case bytes.Contains(got, []byte("removed removed ")):
			outcomes["stale"]++
		case bytes.HasPrefix(got, make([]byte, 512)) && bytes.Contains(got, []byte("pattern")):
			outcomes["reordered"]++
		default:
			outcomes["torn"]++
		}
	}
	for _, want := range []string{"whole", "gone", "cut", "stale", "reordered", "torn"} {
		if outcomes[want] == 0 {
			t.Errorf("never %s: %v", want, outcomes)
		}
	}
}

// A name is as durable as its directory, whatever was synced in the file.
func TestNames(t *testing.T) {
	outcomes := map[string]int{}
	for seed := range uint64(seeds) {
		fsys := crashfs.New(seed)
		must(t, fsys.MkdirAll("a"))
		must(t, fsys.MkdirAll("b"))
		for _, name := range []string{"a/kept", "a/moved", "a/far", "a/removed"} {
			must(t, create(t, fsys, name, []byte(name)).Sync())
		}
		must(t, fsys.SyncDir("a"))
		must(t, create(t, fsys, "a/new", nil).Sync())
		must(t, fsys.Link("a/kept", "a/linked"))
		must(t, fsys.Rename("a/moved", "a/moved2"))
		must(t, fsys.Rename("a/far", "b/far"))
		must(t, fsys.Remove("a/removed"))
		fsys.Crash()
		fsys = fsys.Reopen()
		there := func(names ...string) (found string) {
			for _, name := range names {
				if _, err := fsys.Stat(name); err == nil {
					found += "+" + path.Base(path.Dir(name)) + "/" + path.Base(name)
				}
			}
			return found
		}
		if there("a/kept") == "" {
			t.Fatalf("seed %d: a durable name is gone", seed)
		}
		for _, state := range []string{
			"new:" + there("a/new"), "link:" + there("a/linked"), "removed:" + there("a/removed"),
			"rename:" + there("a/moved", "a/moved2"), "move:" + there("a/far", "b/far"),
		} {
			outcomes[state]++
		}
	}
	want := []string{
		"new:", "new:+a/new", "link:", "link:+a/linked", "removed:", "removed:+a/removed",
		"rename:+a/moved", "rename:+a/moved2", "move:+a/far", "move:+b/far", "move:+a/far+b/far",
	}
	for _, state := range want {
		if outcomes[state] == 0 {
			t.Errorf("never %q", state)
		}
		delete(outcomes, state)
	}
	if len(outcomes) > 0 {
		t.Errorf("impossible: %v", outcomes)
	}
}

// A synced directory keeps its names, and only its own: moving a file away and
// syncing what it came from can lose it.
func TestSyncedNames(t *testing.T) {
	nowhere := 0
	for seed := range uint64(seeds) {
		fsys := crashfs.New(seed)
		must(t, fsys.MkdirAll("a"))
		must(t, fsys.MkdirAll("b"))
		for _, name := range []string{"a/f", "a/g", "a/h"} {
			must(t, create(t, fsys, name, nil).Sync())
		}
		must(t, fsys.SyncDir("a"))
		must(t, fsys.Rename("a/g", "b/g"))
		must(t, fsys.SyncDir("b"))
		must(t, fsys.Rename("a/f", "b/f"))
		must(t, fsys.Remove("a/h"))
		must(t, fsys.SyncDir("a"))
		fsys.Crash()
		fsys = fsys.Reopen()
		if _, err := fsys.Stat("b/g"); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, gone := range []string{"a/f", "a/g", "a/h"} {
			if _, err := fsys.Stat(gone); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("seed %d: %s is back: %v", seed, gone, err)
			}
		}
		if _, err := fsys.Stat("b/f"); err != nil {
			nowhere++
		}
	}
	if nowhere == 0 || nowhere == seeds {
		t.Errorf("the file is under neither name in %d of %d", nowhere, seeds)
	}
}

// After a failed sync the process reads on what it wrote, the next sync says that
// all is well, and what was lost stays lost.
func TestFailedSync(t *testing.T) {
	lost := 0
	for seed := range uint64(seeds) {
		fsys := crashfs.New(seed)
		f := create(t, fsys, "f", nil)
		must(t, fsys.SyncDir("/"))
		written := pattern(2000)
		_, err := f.Write(written)
		must(t, err)
		fsys.Inject(crashfs.At(fsys.Operations(), crashfs.Fail))
		if err := f.Sync(); !errors.Is(err, crashfs.ErrInjected) || !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		if got, err := fsys.ReadFile("f"); err != nil || !bytes.Equal(got, written) {
			t.Fatalf("seed %d: the cache is gone: %v", seed, err)
		}
		_, err = f.Write(bytes.Repeat([]byte("x"), 2000))
		must(t, err)
		must(t, f.Sync())
		fsys.Crash()
		got, err := fsys.Reopen().ReadFile("f")
		must(t, err)
		if len(got) != 4000 || !bytes.Equal(got[2048:], bytes.Repeat([]byte("x"), 4000-2048)) {
			t.Fatalf("seed %d: the second sync has lost its own bytes", seed)
		}
		if !bytes.Equal(got[:1536], written[:1536]) {
			lost++
		}
	}
	if lost == 0 || lost == seeds {
		t.Errorf("a failed sync lost bytes in %d of %d", lost, seeds)
	}
}

func TestFailedSyncDir(t *testing.T) {
	lost := 0
	for seed := range uint64(seeds) {
		fsys := crashfs.New(seed)
		must(t, create(t, fsys, "f", []byte("x")).Sync())
		fsys.Inject(crashfs.At(fsys.Operations(), crashfs.Fail))
		if err := fsys.SyncDir("/"); !errors.Is(err, crashfs.ErrInjected) {
			t.Fatal(err)
		}
		must(t, fsys.SyncDir("/"))
		fsys.Crash()
		if _, err := fsys.Reopen().Stat("f"); err != nil {
			lost++
		}
	}
	if lost == 0 || lost == seeds {
		t.Errorf("a failed sync of the directory lost the name in %d of %d", lost, seeds)
	}
}

func TestInject(t *testing.T) {
	fsys := crashfs.New(1)
	fsys.Inject(crashfs.At(0, crashfs.Fail))
	_, err := fsys.Create("f")
	if !errors.Is(err, crashfs.ErrInjected) {
		t.Fatal(err)
	}
	if _, err := fsys.Stat("f"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("it was done:", err)
	}
	fsys.Inject(crashfs.At(2, crashfs.FailDone))
	_, err = fsys.Create("f")
	if !errors.Is(err, crashfs.ErrInjected) {
		t.Fatal(err)
	}
	if _, err := fsys.Stat("f"); err != nil {
		t.Fatal("it was not done:", err)
	}
	var ops []string
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		ops = append(ops, fmt.Sprint(op.N, " ", op.Kind, " ", op.Name))
		return crashfs.Done
	})
	must(t, fsys.Rename("/f", "./g"))
	must(t, fsys.SyncDir("/"))
	if got := strings.Join(ops, ", "); got != "4 rename g, 5 syncdir " {
		t.Errorf("operations %s", got)
	}
	fsys.Inject(crashfs.At(fsys.Operations(), crashfs.Crash))
	if err := fsys.Remove("g"); !errors.Is(err, crashfs.ErrCrashed) {
		t.Fatal(err)
	}
	if _, err := fsys.Stat("g"); !errors.Is(err, crashfs.ErrCrashed) {
		t.Fatal("alive:", err)
	}
}

// A stalled operation stalls no other.
func TestStall(t *testing.T) {
	fsys := crashfs.New(1)
	f := create(t, fsys, "f", []byte("x"))
	stalled, release := make(chan struct{}), make(chan struct{})
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.Sync {
			close(stalled)
			<-release
		}
		return crashfs.Done
	})
	done := make(chan error)
	go func() { done <- f.Sync() }()
	<-stalled
	must(t, create(t, fsys, "g", nil).Close())
	close(release)
	must(t, <-done)
}

// A killed process's writes are seen by the next, and not yet durable.
func TestKill(t *testing.T) {
	lost := 0
	for seed := range uint64(seeds) {
		fsys := crashfs.New(seed)
		lock, err := fsys.Lock("LOCK")
		must(t, err)
		must(t, fsys.SyncDir("/"))
		f := create(t, fsys, "f", []byte("x"))
		fsys.Kill()
		if _, err := f.Write([]byte("y")); !errors.Is(err, crashfs.ErrCrashed) {
			t.Fatal("the dead write:", err)
		}
		fsys = fsys.Reopen()
		_, err = fsys.Lock("LOCK")
		must(t, err)
		must(t, lock.Close()) // the dead process's lock is not the new one's
		if _, err := fsys.Lock("LOCK"); !errors.Is(err, vfs.ErrLocked) {
			t.Fatal(err)
		}
		if got, err := fsys.ReadFile("f"); err != nil || string(got) != "x" {
			t.Fatalf("%q, %v", got, err)
		}
		fsys.Crash()
		if got, err := fsys.Reopen().ReadFile("f"); err != nil || string(got) != "x" {
			lost++
		}
	}
	if lost == 0 || lost == seeds {
		t.Errorf("power failure after a kill lost the file in %d of %d", lost, seeds)
	}
}

// A directory that MkdirAll says is there stays, whoever made it and however far
// that process came.
func TestMkdirAllIsDurable(t *testing.T) {
	for k, more := 0, true; more; k++ {
		for seed := range uint64(20) {
			fsys := crashfs.New(seed)
			fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
				if op.N == k {
					fsys.Kill()
				}
				return crashfs.Done
			})
			_ = fsys.MkdirAll("a/b/c")
			more = fsys.Operations() > k
			fsys.Kill()
			fsys = fsys.Reopen()
			must(t, fsys.MkdirAll("a/b/c"))
			fsys.Crash()
			if _, err := fsys.Reopen().Stat("a/b/c"); err != nil {
				t.Fatalf("killed at %d, seed %d: %v", k, seed, err)
			}
		}
	}
}

func TestLimit(t *testing.T) {
	fsys := crashfs.New(1)
	fsys.Limit(1000)
	f := create(t, fsys, "f", make([]byte, 700))
	n, err := f.Write(make([]byte, 700))
	if n != 300 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("wrote %d: %v", n, err)
	}
	if free, err := fsys.Free("/"); err != nil || free != 0 {
		t.Fatal(free, err)
	}
	must(t, fsys.Remove("f"))
	if free, err := fsys.Free("/"); err != nil || free != 1000 {
		t.Fatal(free, err)
	}
}

func TestSameSeedSameResult(t *testing.T) {
	result := func() []byte {
		fsys := crashfs.New(42)
		var all []byte
		for i := range 20 {
			must(t, create(t, fsys, fmt.Sprint("f", i), pattern(3000+i)).Close())
		}
		fsys.Crash()
		fsys = fsys.Reopen()
		for i := range 20 {
			content, err := fsys.ReadFile(fmt.Sprint("f", i))
			all = fmt.Appendf(all, "%v %q\n", err, content)
		}
		return all
	}
	if !bytes.Equal(result(), result()) {
		t.Error("two runs differ")
	}
}
