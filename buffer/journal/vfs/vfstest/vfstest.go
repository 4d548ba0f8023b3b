// Package vfstest is the suite that every vfs.FS passes.
package vfstest

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"sync"
	"sync/atomic"
	"testing"

	"parquay/buffer/journal/vfs"
)

// Run tests file systems. open returns one, and an empty directory in it.
func Run(t *testing.T, open func(t *testing.T) (fsys vfs.FS, dir string)) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s suite)
	}{
		{"create", testCreate},
		{"write", testWrite},
		{"log", testLog},
		{"open", testOpen},
		{"link", testLink},
		{"rename", testRename},
		{"remove", testRemove},
		{"mkdir", testMkdirAll},
		{"readdir", testReadDir},
		{"stat", testStat},
		{"sync", testSync},
		{"write back", testWriteBack},
		{"free", testFree},
		{"lock", testLock},
		{"race", testRace},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys, dir := open(t)
			test.run(t, suite{fsys, dir, t})
		})
	}
}

// suite is a file system under test.
type suite struct {
	vfs.FS
	dir string
	t   *testing.T
}

func (s suite) path(name string) string { return path.Join(s.dir, name) }

// want fails the test unless err matches target.
func (s suite) want(err, target error) {
	s.t.Helper()
	if !errors.Is(err, target) {
		s.t.Fatalf("error %v, want %v", err, target)
	}
}

// make makes a file with content.
func (s suite) make(name, content string) {
	s.t.Helper()
	f, err := s.Create(s.path(name))
	s.want(err, nil)
	_, err = f.Write([]byte(content))
	s.want(err, nil)
	s.want(f.Close(), nil)
}

// wantContent fails the test unless the file has that content.
func (s suite) wantContent(name, content string) {
	s.t.Helper()
	f, err := s.Open(s.path(name))
	s.want(err, nil)
	b := make([]byte, len(content)+1)
	n, err := f.ReadAt(b, 0)
	s.want(err, io.EOF)
	if string(b[:n]) != content {
		s.t.Fatalf("%s is %q, want %q", name, b[:n], content)
	}
	s.want(f.Close(), nil)
}

func testCreate(t *testing.T, s suite) {
	s.make("a", "one")
	_, err := s.Create(s.path("a"))
	s.want(err, fs.ErrExist)
	s.wantContent("a", "one")
	_, err = s.Create(s.path("none/a"))
	s.want(err, fs.ErrNotExist)
}

func testWrite(t *testing.T, s suite) {
	f, err := s.Create(s.path("a"))
	s.want(err, nil)
	var all []byte
	for i := range 50 {
		p := bytes.Repeat([]byte{byte(i)}, i*37)
		n, err := f.Write(p)
		s.want(err, nil)
		if n != len(p) {
			t.Fatalf("wrote %d bytes of %d", n, len(p))
		}
		all = append(all, p...)
	}
	got := make([]byte, len(all))
	_, err = f.ReadAt(got, 0)
	s.want(err, nil)
	if !bytes.Equal(got, all) {
		t.Fatal("the descriptor that wrote reads something else")
	}
	s.want(f.Close(), nil)
	s.wantContent("a", string(all))
	if _, err := f.Write([]byte("x")); err == nil {
		t.Fatal("a closed file was written")
	}
	if err := f.Sync(); err == nil {
		t.Fatal("a closed file was synced")
	}
}

func testLog(t *testing.T, s suite) {
	const ahead = 4096
	f, err := s.CreateLog(s.path("a"), ahead)
	s.want(err, nil)
	_, err = s.CreateLog(s.path("a"), ahead)
	s.want(err, fs.ErrExist)
	var all []byte
	for i := range 60 {
		p := bytes.Repeat([]byte{byte(i + 1)}, i*i)
		n, err := f.Write(p)
		s.want(err, nil)
		if n != len(p) {
			t.Fatalf("wrote %d bytes of %d", n, len(p))
		}
		s.want(f.Sync(), nil)
		all = append(all, p...)
		info, err := s.Stat(s.path("a"))
		s.want(err, nil)
		zeros := int(info.Size()) - len(all)
		if zeros < 0 || zeros >= ahead {
			t.Fatalf("%d zeros behind %d bytes", zeros, len(all))
		}
		got := make([]byte, info.Size())
		_, err = f.ReadAt(got, 0)
		s.want(err, nil)
		if !bytes.Equal(got[:len(all)], all) || !bytes.Equal(got[len(all):], make([]byte, zeros)) {
			t.Fatalf("%d bytes were written, and %d zeros, and something else is read", len(all), zeros)
		}
	}
	s.want(f.Close(), nil)
}

func testOpen(t *testing.T, s suite) {
	_, err := s.Open(s.path("a"))
	s.want(err, fs.ErrNotExist)
	s.make("a", "0123456789")
	f, err := s.Open(s.path("a"))
	s.want(err, nil)
	if _, err := f.Write([]byte("x")); err == nil {
		t.Fatal("a file opened for reading was written")
	}
	b := make([]byte, 4)
	n, err := f.ReadAt(b, 3)
	s.want(err, nil)
	if string(b[:n]) != "3456" {
		t.Fatalf("read %q", b[:n])
	}
	n, err = f.ReadAt(b, 8)
	s.want(err, io.EOF)
	if string(b[:n]) != "89" {
		t.Fatalf("read %q", b[:n])
	}
	_, err = f.ReadAt(b, 100)
	s.want(err, io.EOF)
	s.want(f.Close(), nil)
}

func testLink(t *testing.T, s suite) {
	s.make("a", "one")
	s.make("b", "two")
	s.want(s.Link(s.path("a"), s.path("b")), fs.ErrExist)
	s.wantContent("b", "two")
	s.want(s.Link(s.path("none"), s.path("c")), fs.ErrNotExist)
	s.want(s.Link(s.path("a"), s.path("c")), nil)
	s.want(s.Remove(s.path("a")), nil)
	s.wantContent("c", "one")
}

func testRename(t *testing.T, s suite) {
	s.make("a", "one")
	s.make("b", "two")
	s.want(s.Rename(s.path("a"), s.path("b")), nil)
	s.wantContent("b", "one")
	_, err := s.Stat(s.path("a"))
	s.want(err, fs.ErrNotExist)
	s.want(s.Rename(s.path("a"), s.path("c")), fs.ErrNotExist)
	s.want(s.MkdirAll(s.path("d")), nil)
	s.want(s.Rename(s.path("b"), s.path("d/b")), nil)
	s.wantContent("d/b", "one")
}

func testRemove(t *testing.T, s suite) {
	s.want(s.Remove(s.path("a")), fs.ErrNotExist)
	f, err := s.Create(s.path("a"))
	s.want(err, nil)
	_, err = f.Write([]byte("one"))
	s.want(err, nil)
	s.want(s.Remove(s.path("a")), nil)
	b := make([]byte, 3)
	_, err = f.ReadAt(b, 0)
	s.want(err, nil) // an open file outlives its name
	s.want(f.Close(), nil)
	s.make("a", "two")
	s.wantContent("a", "two")
}

func testMkdirAll(t *testing.T, s suite) {
	for range 2 {
		s.want(s.MkdirAll(s.path("a/b/c")), nil)
	}
	s.make("a/b/c/file", "one")
	s.wantContent("a/b/c/file", "one")
	if err := s.MkdirAll(s.path("a/b/c/file")); err == nil {
		t.Fatal("a file passed for a directory")
	}
	if err := s.MkdirAll(s.path("a/b/c/file/d")); err == nil {
		t.Fatal("a file passed for a directory")
	}
}

func testReadDir(t *testing.T, s suite) {
	_, err := s.ReadDir(s.path("none"))
	s.want(err, fs.ErrNotExist)
	s.make("b", "12")
	s.make("c", "")
	s.want(s.MkdirAll(s.path("a")), nil)
	entries, err := s.ReadDir(s.dir)
	s.want(err, nil)
	if len(entries) != 3 {
		t.Fatalf("entries %v, want a, b and c", entries)
	}
	for i, want := range []string{"a", "b", "c"} {
		e := entries[i]
		if e.Name() != want || e.IsDir() != (want == "a") || e.Type().IsRegular() == (want == "a") {
			t.Fatalf("entry %d is %v, want %s", i, e, want)
		}
	}
	info, err := entries[1].Info()
	s.want(err, nil)
	if info.Size() != 2 {
		t.Fatalf("size %d", info.Size())
	}
}

func testStat(t *testing.T, s suite) {
	_, err := s.Stat(s.path("a"))
	s.want(err, fs.ErrNotExist)
	s.make("a", "123")
	info, err := s.Stat(s.path("a"))
	s.want(err, nil)
	if info.Name() != "a" || info.Size() != 3 || info.IsDir() {
		t.Fatalf("stat: %v", info)
	}
	info, err = s.Stat(s.dir)
	s.want(err, nil)
	if !info.IsDir() {
		t.Fatalf("stat of a directory: %v", info)
	}
}

func testSync(t *testing.T, s suite) {
	f, err := s.Create(s.path("a"))
	s.want(err, nil)
	_, err = f.Write([]byte("one"))
	s.want(err, nil)
	s.want(f.Sync(), nil)
	s.want(f.Sync(), nil)
	s.want(f.Close(), nil)
	f, err = s.Open(s.path("a"))
	s.want(err, nil)
	s.want(f.Sync(), nil)
	s.want(f.Close(), nil)
	s.want(s.SyncDir(s.dir), nil)
	s.want(s.SyncDir(s.path("none")), fs.ErrNotExist)
}

// testWriteBack is for files that can begin a sync early: nothing else comes of it.
func testWriteBack(t *testing.T, s suite) {
	f, err := s.Create(s.path("a"))
	s.want(err, nil)
	w, ok := f.(vfs.WriteBacker)
	if !ok {
		s.want(f.Close(), nil)
		return
	}
	s.want(w.WriteBack(), nil)
	for range 3 {
		_, err = f.Write([]byte("one"))
		s.want(err, nil)
		s.want(w.WriteBack(), nil)
	}
	s.wantContent("a", "oneoneone")
	s.want(f.Sync(), nil)
	s.want(w.WriteBack(), nil)
	s.want(f.Close(), nil)
	s.wantContent("a", "oneoneone")
	if err := w.WriteBack(); err == nil {
		t.Fatal("a closed file was written back")
	}
}

func testFree(t *testing.T, s suite) {
	free, err := s.Free(s.dir)
	s.want(err, nil)
	if free <= 0 {
		t.Fatalf("%d bytes are free", free)
	}
	_, err = s.Free(s.path("none"))
	s.want(err, fs.ErrNotExist)
}

func testLock(t *testing.T, s suite) {
	for range 2 {
		lock, err := s.Lock(s.path("LOCK"))
		s.want(err, nil)
		_, err = s.Lock(s.path("LOCK"))
		s.want(err, vfs.ErrLocked)
		s.want(lock.Close(), nil)
	}
	_, err := s.Stat(s.path("LOCK"))
	s.want(err, nil)
}

func testRace(t *testing.T, s suite) {
	s.make("source", "")
	var made, linked atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if f, err := s.Create(s.path("made")); err == nil {
				made.Add(1)
				_ = f.Close() // who made the file is all that counts
			}
			if s.Link(s.path("source"), s.path("linked")) == nil {
				linked.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 || linked.Load() != 1 {
		t.Fatalf("%d created and %d linked the same name", made.Load(), linked.Load())
	}
}
