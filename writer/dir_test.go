package writer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"parquay/buffer/journal/vfs"
	"parquay/buffer/journal/vfs/crashfs"
	"parquay/writer"
)

const crashRoot = "/data/bucket"

// Objects of several blocks, in folders of their own and in a common one.
var crashObjects = map[string][]byte{
	"events/tenant=a/dt=2026-11-23/hour=07/x-1-0": bytes.Repeat([]byte("first"), 700),
	"events/tenant=a/dt=2026-11-23/hour=07/x-2-0": bytes.Repeat([]byte("second"), 900),
	"rejected/tenant=b/dt=2026-11-23/hour=08/y":   []byte("third"),
}

// Whatever single step fails, is done and fails, or is cut by a power failure: an
// object whose Put returned nil is there after a power failure, an object that is
// there is whole, and another process completes the rest. So it is, too, where the disk
// is told to begin before all is written.
func TestDirSurvivesEveryStep(t *testing.T) {
	for _, portion := range []int{4 << 20, 1} {
		t.Run(fmt.Sprint("portion ", portion), func(t *testing.T) { survivesEveryStep(t, portion) })
	}
}

func survivesEveryStep(t *testing.T, portion int) {
	outcomes := map[string]crashfs.Outcome{"fail": crashfs.Fail, "fail done": crashfs.FailDone, "crash": crashfs.Crash}
	for name, outcome := range outcomes {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				k := 0
				for ; ; k++ {
					fsys := crashfs.New(seed)
					fsys.Inject(crashfs.At(k, outcome))
					done := putTwice(fsys, portion)
					if fsys.Operations() <= k {
						break
					}
					fsys.Crash()
					what := fmt.Sprintf("%s of operation %d, seed %d", name, k, seed)
					next := fsys.Reopen()
					checkObjects(t, what, next, done)

					// Recovery puts everything again.
					done = putTwice(next, portion)
					if len(done) != len(crashObjects) {
						t.Fatalf("%s: the next process stores %d of %d objects", what, len(done), len(crashObjects))
					}
					next.Crash()
					checkObjects(t, what+", after recovery", next.Reopen(), done)
				}
				if k < 30 {
					t.Fatalf("only %d operations were tried", k)
				}
			}
		})
	}
}

// putTwice puts every object, and again if that fails, and returns those that are
// confirmed.
func putTwice(fsys vfs.FS, portion int) map[string]bool {
	b := writer.NewDir(fsys, crashRoot)
	writer.SetPortion(b, portion)
	done := map[string]bool{}
	for range 2 {
		for _, key := range slices.Sorted(maps.Keys(crashObjects)) {
			if !done[key] {
				done[key] = b.Put(context.Background(), key, bytes.NewReader(crashObjects[key])) == nil
			}
		}
	}
	for key, ok := range done {
		if !ok {
			delete(done, key)
		}
	}
	return done
}

func checkObjects(t *testing.T, what string, fsys vfs.FS, done map[string]bool) {
	t.Helper()
	b := writer.NewDir(fsys, crashRoot)
	for key, want := range crashObjects {
		r, err := b.Get(t.Context(), key)
		if errors.Is(err, writer.ErrNotFound) && !done[key] {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %s is confirmed: %v; Get = %v", what, key, done[key], err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %s has %d bytes, %v; want %d", what, key, len(got), err, len(want))
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A large file is on its way to the disk while it is copied, a small one not before its
// sync. What the disk reports then is final for the file: the next attempt writes another.
func TestDirWritesBack(t *testing.T) {
	const portion = 4 << 20
	put := func(size int, outcome crashfs.Outcome) (steps string, err error) {
		fsys := crashfs.New(1)
		b := writer.NewDir(fsys, crashRoot)
		if err := b.Put(t.Context(), "a/1", bytes.NewReader(nil)); err != nil {
			t.Fatal(err)
		}
		at := map[crashfs.Kind]string{crashfs.Create: "C", crashfs.WriteBack: "B", crashfs.Sync: "S", crashfs.Link: "L"}
		fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
			steps += at[op.Kind]
			if op.Kind == crashfs.WriteBack {
				return outcome
			}
			return crashfs.Done
		})
		err = b.Put(t.Context(), "a/2", bytes.NewReader(make([]byte, size)))
		return steps, err
	}
	for size, want := range map[int]string{0: "CSL", portion - 1: "CSL", portion: "CBSL", 3*portion - 1: "CBBSL"} {
		if steps, err := put(size, crashfs.Done); err != nil || steps != want {
			t.Errorf("a Put of %d bytes: %s, %v; want %s", size, steps, err, want)
		}
	}
	if steps, err := put(2*portion, crashfs.Fail); !errors.Is(err, crashfs.ErrInjected) || steps != "CB" {
		t.Errorf("a Put that the disk can't write: %s, %v", steps, err)
	}
}

// After a directory's sync has failed, nothing is confirmed, though the next sync
// says nil.
func TestDirFailsClosedAfterFailedSync(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		fsys := crashfs.New(seed)
		b := writer.NewDir(fsys, crashRoot)
		put := func(key string) error { return b.Put(t.Context(), key, bytes.NewReader([]byte(key))) }
		if err := put("a/1"); err != nil {
			t.Fatal(err)
		}
		fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
			if op.Kind == crashfs.SyncDir && filepath.Base(op.Name) == "a" {
				return crashfs.Fail
			}
			return crashfs.Done
		})
		if err := put("a/2"); !errors.Is(err, writer.ErrBucketFailed) {
			t.Errorf("Put whose directory could not be synced = %v", err)
		}
		fsys.Inject(nil)
		for _, key := range []string{"a/2", "a/1", "b/3"} {
			if err := put(key); !errors.Is(err, writer.ErrBucketFailed) || writer.KindOf(err) != writer.KindDisk {
				t.Errorf("Put(%q) after a failed sync = %v (%s), want %v (%s)", key, err, writer.KindOf(err), writer.ErrBucketFailed, writer.KindDisk)
			}
		}
	}
}

// A full disk is no such failure: puts work again when there is space.
func TestDirResumesAfterFullDisk(t *testing.T) {
	fsys := crashfs.New(1)
	b := writer.NewDir(fsys, crashRoot)
	body := bytes.NewReader(make([]byte, 10_000))
	fsys.Limit(5_000)
	for range 3 {
		if err := b.Put(t.Context(), "a/b", body); writer.KindOf(err) != writer.KindDisk {
			t.Errorf("Put on a full disk = %v (%s), want %s", err, writer.KindOf(err), writer.KindDisk)
		}
	}
	for _, err := range b.List(t.Context(), "") {
		t.Errorf("a full disk has an object, %v", err)
	}
	fsys.Limit(50_000)
	if err := b.Put(t.Context(), "a/b", body); err != nil {
		t.Error(err)
	}
	mkdirFails := func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.Mkdir {
			return crashfs.Fail
		}
		return crashfs.Done
	}
	fsys.Inject(mkdirFails)
	if err := b.Put(t.Context(), "c/d", body); err == nil {
		t.Error("Put into a folder that can't be made = nil")
	}
	fsys.Inject(nil)
	if err := b.Put(t.Context(), "c/d", body); err != nil {
		t.Error(err)
	}
}

// Temporary files of a dead process go; everything else stays.
func TestDirSweepsLeftovers(t *testing.T) {
	root := t.TempDir()
	var fsys vfs.OS
	b := writer.NewDir(fsys, root)
	if err := b.Put(t.Context(), "a/b", bytes.NewReader(nil)); err != nil {
		t.Fatal(err)
	}
	make := func(name string) {
		f, err := fsys.Create(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	make(".tmp/leftover.put")
	make(".tmp/foreign")
	make("a/other.put")
	names := func(dir string) (names []string) {
		entries, err := fsys.ReadDir(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}

	again := writer.NewDir(fsys, root)
	if _, err := again.Head(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(names(".tmp")); got != "[foreign leftover.put]" {
		t.Errorf("reading leaves %s", got)
	}
	if err := again.Put(t.Context(), "a/c", bytes.NewReader(nil)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(names(".tmp"), names("a")); got != "[foreign] [b c other.put]" {
		t.Errorf("a Put leaves %s", got)
	}
}

// Of the folders above an object, none is synced twice, but for what is new in it.
func TestDirSyncsFoldersOnce(t *testing.T) {
	fsys := crashfs.New(1)
	b := writer.NewDir(fsys, crashRoot)
	if err := b.Put(t.Context(), "a/b/1", bytes.NewReader(nil)); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a/b/2": "[b]", "a/c/1": "[c a]", "d/1": "[d bucket]"} {
		var synced []string
		fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
			if op.Kind == crashfs.SyncDir {
				synced = append(synced, filepath.Base(op.Name))
			}
			return crashfs.Done
		})
		if err := b.Put(t.Context(), key, bytes.NewReader(nil)); err != nil || fmt.Sprint(synced) != want {
			t.Errorf("Put(%q) = %v, and syncs %q, want %s", key, err, synced, want)
		}
	}
}

// Folders that somebody else has made without a sync, also after having removed those
// that we knew, don't take a confirmed object with them.
func TestDirFoldersOfOthers(t *testing.T) {
	a, b := crashRoot+"/a", crashRoot+"/a/b"
	others := map[string]func(*crashfs.FS) error{
		"the folder is made again": func(f *crashfs.FS) error {
			return errors.Join(f.Remove(b+"/1"), f.Remove(b), f.SyncDir(a), f.Mkdir(b))
		},
		"and the one above": func(f *crashfs.FS) error {
			return errors.Join(f.Remove(b+"/1"), f.Remove(b), f.Remove(a), f.SyncDir(crashRoot), f.Mkdir(a), f.Mkdir(b))
		},
		"only the one above": func(f *crashfs.FS) error {
			return errors.Join(f.Remove(b+"/1"), f.Remove(b), f.Remove(a), f.SyncDir(crashRoot), f.Mkdir(a))
		},
		"the bucket is made again": func(f *crashfs.FS) error {
			temp := crashRoot + "/.tmp"
			return errors.Join(f.Remove(b+"/1"), f.Remove(b), f.Remove(a), f.Remove(temp), f.Remove(crashRoot),
				f.SyncDir(filepath.Dir(crashRoot)), f.Mkdir(crashRoot), f.Mkdir(temp))
		},
		"another folder is made": func(f *crashfs.FS) error {
			return errors.Join(f.Mkdir(a+"/c"), f.Mkdir(a+"/c/d"), f.SyncDir(a+"/c"))
		},
	}
	for name, other := range others {
		for seed := range uint64(8) {
			fsys := crashfs.New(seed)
			bucket := writer.NewDir(fsys, crashRoot)
			if err := bucket.Put(t.Context(), "a/b/1", bytes.NewReader(nil)); err != nil {
				t.Fatal(err)
			}
			if err := other(fsys); err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"a/b/2", "a/c/d/1"} {
				if err := bucket.Put(t.Context(), key, bytes.NewReader(nil)); err != nil {
					t.Fatal(err)
				}
			}
			fsys.Crash()
			next := writer.NewDir(fsys.Reopen(), crashRoot)
			for _, key := range []string{"a/b/2", "a/c/d/1"} {
				if _, err := next.Head(t.Context(), key); err != nil {
					t.Errorf("%s, seed %d: after a power failure: %v", name, seed, err)
				}
			}
		}
	}
}

// A bucket that is only read makes nothing, and says what is wrong.
func TestDirReadingChangesNothing(t *testing.T) {
	parent := t.TempDir()
	b := writer.NewDir(vfs.OS{}, filepath.Join(parent, "bucket"))
	if _, err := b.Get(t.Context(), "a"); !errors.Is(err, writer.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
	yielded := false
	for _, err := range b.List(t.Context(), "") {
		if yielded = true; err == nil {
			t.Error("List of a missing directory yields an object")
		}
	}
	if entries, err := (vfs.OS{}).ReadDir(parent); err != nil || len(entries) != 0 || !yielded {
		t.Errorf("reading made %v, %v; yielded %v", entries, err, yielded)
	}
}

// An object can't take a folder's place, nor the other way round; S3 allows both,
// and neither is ever asked for.
func TestDirFolderIsNoObject(t *testing.T) {
	b := writer.NewDir(vfs.OS{}, t.TempDir())
	if err := b.Put(t.Context(), "a/b", bytes.NewReader(nil)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "a/b/c"} {
		if err := b.Put(t.Context(), key, bytes.NewReader(nil)); err == nil {
			t.Errorf("Put(%q) = nil", key)
		}
	}
}

// A deleted object does not come back with a power failure.
func TestDirDeleteIsDurable(t *testing.T) {
	for seed := range uint64(8) {
		fsys := crashfs.New(seed)
		b := writer.NewDir(fsys, crashRoot)
		if err := b.Put(t.Context(), "a/b", bytes.NewReader(nil)); err != nil {
			t.Fatal(err)
		}
		if err := b.Delete(t.Context(), "a/b"); err != nil {
			t.Fatal(err)
		}
		fsys.Crash()
		if _, err := writer.NewDir(fsys.Reopen(), crashRoot).Head(t.Context(), "a/b"); !errors.Is(err, writer.ErrNotFound) {
			t.Errorf("seed %d: Head after a power failure = %v, want ErrNotFound", seed, err)
		}
	}
}

// A Put whose own sync said nil is not confirmed if another's failed meanwhile:
// the kernel reports a failure once.
func TestDirFailsClosedForConcurrentPut(t *testing.T) {
	fsys := crashfs.New(1)
	b := writer.NewDir(fsys, crashRoot)
	put := func(key string) error { return b.Put(t.Context(), key, bytes.NewReader([]byte(key))) }
	if err := put("a/1"); err != nil {
		t.Fatal(err)
	}
	syncs := 0
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind != crashfs.SyncDir || filepath.Base(op.Name) != "a" {
			return crashfs.Done
		}
		if syncs++; syncs == 2 {
			return crashfs.Fail
		}
		if err := put("a/3"); err == nil {
			t.Error("the Put whose sync failed = nil")
		}
		return crashfs.Done
	})
	if err := put("a/2"); err == nil || syncs != 2 {
		t.Errorf("the Put beside it = %v after %d syncs, want an error after 2", err, syncs)
	}
}

// A Put that comes while another one has linked its object, and not synced all of its
// folders, confirms nothing that a power failure takes: what the other will make durable
// is not so yet.
func TestDirPutBesideAPut(t *testing.T) {
	for step := range 3 { // its folder, the one above, the bucket
		for seed := range uint64(8) {
			fsys := crashfs.New(seed)
			b := writer.NewDir(fsys, crashRoot)
			put := func(key string) error { return b.Put(t.Context(), key, bytes.NewReader([]byte(key))) }
			linked, syncs := false, 0
			fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
				if linked = linked || op.Kind == crashfs.Link; !linked || op.Kind != crashfs.SyncDir {
					return crashfs.Done
				}
				if syncs++; syncs != step+1 {
					return crashfs.Done
				}
				if err := put("a/b/2"); err != nil {
					t.Errorf("the Put beside it = %v", err)
				}
				return crashfs.Crash
			})
			if err := put("a/b/1"); err == nil {
				t.Errorf("the Put that the power failure met = nil, after %d syncs", syncs)
			}
			if _, err := writer.NewDir(fsys.Reopen(), crashRoot).Head(t.Context(), "a/b/2"); err != nil {
				t.Errorf("sync %d, seed %d: after a power failure: %v", step, seed, err)
			}
		}
	}
}
