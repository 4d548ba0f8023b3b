package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs"
	"parquay/buffer/journal/vfs/crashfs"
)

// smallSegments makes windows of a few frames span several segments.
var smallSegments = journal.Options{SegmentBytes: 2000}

// storage is a directory of a file system, for one process after another.
func storage(fsys vfs.FS, dir string, options journal.Options) mediumtest.Storage {
	return func(inc journal.Incarnation) (journal.Medium, error) {
		return journal.OpenDisk(fsys, dir, inc, options)
	}
}

func TestDiskConformance(t *testing.T) {
	t.Run("os", func(t *testing.T) {
		mediumtest.Run(t, func(t *testing.T) mediumtest.Storage {
			return storage(vfs.OS{}, t.TempDir()+"/a/journal", journal.Options{})
		})
	})
	t.Run("crashfs", func(t *testing.T) {
		mediumtest.Run(t, func(*testing.T) mediumtest.Storage {
			return storage(crashfs.New(1), directory, smallSegments)
		})
	})
}

// A second process is refused until the first has ended.
func TestLocked(t *testing.T) {
	dir := t.TempDir()
	open := storage(vfs.OS{}, dir, journal.Options{})
	p := mediumtest.Start(t, open)
	id := p.Fill(1, 1)
	if _, err := open(journal.NewIncarnation()); !errors.Is(err, journal.ErrLocked) {
		t.Fatalf("a second process: %v", err)
	}
	p.Fill(1, 1)
	p.Stop()
	mediumtest.Start(t, open).Read(id)
}

// Files that are not the journal's are reported and left alone.
func TestUnknownFiles(t *testing.T) {
	dir := t.TempDir()
	inc := journal.NewIncarnation().String()
	unknown := []string{
		"README", "a.journal", inc + "-00000001-000000000001.journal.bak", inc + "-1-1.journal",
		inc + "-00000001-000000000001.deleted", inc + "-00000001.journal", "x" + inc[1:] + "-00000001-000000000001.journal",
	}
	for _, name := range unknown {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(unknown)
	d, err := journal.OpenDisk(vfs.OS{}, dir, journal.NewIncarnation(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if got := d.Unknown(); !slices.Equal(got, unknown) {
		t.Errorf("unknown %q, want %q", got, unknown)
	}
	if ids, err := d.Windows(); err != nil || len(ids) != 0 || d.Usage() != 0 {
		t.Errorf("windows %v, usage %d, %v", ids, d.Usage(), err)
	}
	for _, name := range unknown {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// An incarnation that was used before would give two windows one name (I3).
func TestUsedIncarnation(t *testing.T) {
	dir := t.TempDir()
	open := storage(vfs.OS{}, dir, journal.Options{})
	p := mediumtest.Start(t, open)
	p.Fill(1, 1)
	p.Stop()
	if _, err := open(p.Incarnation); err == nil {
		t.Fatal("an incarnation was used twice")
	}
	mediumtest.Start(t, open).Stop() // and the lock was given back
}

// A directory that can't be used is an error that names it.
func TestOpenErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "journal")} {
		_, err := storage(vfs.OS{}, dir, journal.Options{})(journal.NewIncarnation())
		if err == nil {
			t.Errorf("%s is a journal", dir)
		}
	}
}

// The sizes on the medium add up to Usage, and Free keeps the reserve.
func TestUsageAndFree(t *testing.T) {
	fsys := crashfs.New(1)
	fsys.Limit(100_000)
	options := journal.Options{SegmentBytes: 2000, Reserve: 30_000, Ahead: -1}
	p := mediumtest.Start(t, storage(fsys, directory, options))
	p.Fill(1, 50)
	size := func() (bytes int64) {
		entries, err := fsys.ReadDir(directory)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			bytes += info.Size()
		}
		return bytes
	}
	for range 2 {
		if usage := p.Usage(); usage != size() {
			t.Errorf("usage %d of %d bytes", usage, size())
		}
		if free, err := p.Free(); err != nil || free != 70_000-size() {
			t.Errorf("free %d beside %d bytes, %v", free, size(), err)
		}
		p.Stop()
		p = mediumtest.Start(t, storage(fsys, directory, options))
	}
	fsys.Limit(20_000)
	if free, err := p.Free(); err != nil || free != 0 {
		t.Errorf("free %d of less than the reserve, %v", free, err)
	}
}

// A full disk fails the journal, and what was acknowledged before is intact (F8).
func TestDiskFull(t *testing.T) {
	fsys := crashfs.New(1)
	fsys.Limit(5000)
	p := mediumtest.Start(t, storage(fsys, directory, smallSegments))
	var err error
	for err == nil {
		err = p.Append(1, true)
	}
	if !errors.Is(err, journal.ErrFailed) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	fsys.Limit(1 << 20)
	if err := p.Append(1, true); !errors.Is(err, journal.ErrFailed) {
		t.Fatalf("appended behind a torn frame: %v", err)
	}
	id := journal.WindowID{Incarnation: p.Incarnation, Window: 1}
	for range 2 {
		r, err := p.Open(id)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := mediumtest.ReadAll(r)
		if err != nil || len(r.Damage()) > 0 {
			t.Fatal(err, r.Damage())
		}
		want := mediumtest.Frames(1, len(frames))
		if !mediumtest.Equal(frames, want) || len(frames) < int(p.Sequence)-2 {
			t.Errorf("%d frames of %d", len(frames), p.Sequence)
		}
		_ = r.Close()
		fsys.Kill()
		fsys = fsys.Reopen()
		p.Medium, _ = next(t, fsys)
	}
}

// While a sync hangs everything else answers, but for the next frame (F9).
func TestStall(t *testing.T) {
	fsys := crashfs.New(1)
	p := mediumtest.Start(t, storage(fsys, directory, smallSegments))
	a, b := p.Fill(1, 20), p.Fill(2, 5)
	stalled, release := make(chan struct{}), make(chan struct{})
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.Sync {
			close(stalled)
			<-release
		}
		return crashfs.Done
	})
	done := make(chan error)
	go func() { done <- p.Append(2, true) }()
	<-stalled
	want := p.Usage()
	if _, frames := p.Read(a); len(frames) != 20 {
		t.Errorf("read %d frames", len(frames))
	}
	if err := p.Delete(a); err != nil {
		t.Error(err)
	}
	if usage := p.Usage(); usage <= 0 || usage >= want {
		t.Errorf("usage %d", usage)
	}
	if _, err := p.Free(); err != nil {
		t.Error(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	fsys.Inject(nil)
	if _, frames := p.Read(b); len(frames) != 6 {
		t.Errorf("read %d frames", len(frames))
	}
}

// A directory whose sync failed may have lost the name of the segment that is being
// made, also if it was another goroutine's sync (I5).
func TestDirectorySyncFails(t *testing.T) {
	fsys := crashfs.New(1)
	p := mediumtest.Start(t, storage(fsys, directory, journal.Options{}))
	a := p.Fill(1, 1)
	p.Fill(2, 1)
	deleting := false
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		switch {
		case op.Kind == crashfs.Sync && !deleting:
			// The new segment's header is being synced; its name comes next.
			deleting = true
			if err := p.Delete(a); !errors.Is(err, crashfs.ErrInjected) {
				t.Errorf("deletion: %v", err)
			}
		case op.Kind == crashfs.SyncDir:
			return crashfs.Fail
		}
		return crashfs.Done
	})
	if err := p.Append(3, true); !errors.Is(err, journal.ErrFailed) {
		t.Errorf("append: %v", err)
	}
	fsys.Inject(nil)
	if err := p.Delete(a); err == nil {
		t.Error("a deletion that nothing has made durable was confirmed")
	}
}

// A deletion that failed to sync ends the journal as a failed frame does.
func TestDeletionFails(t *testing.T) {
	fsys := crashfs.New(1)
	p := mediumtest.Start(t, storage(fsys, directory, journal.Options{}))
	a := p.Fill(1, 1)
	p.Fill(2, 1)
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.SyncDir {
			return crashfs.FailDone
		}
		return crashfs.Done
	})
	if err := p.Delete(a); !errors.Is(err, journal.ErrFailed) {
		t.Errorf("deletion: %v", err)
	}
	if err := p.Append(2, true); !errors.Is(err, journal.ErrFailed) {
		t.Errorf("append: %v", err)
	}
}

// A sync covers all frames before it, those of other segments too, and so does Close.
func TestSyncCoversAll(t *testing.T) {
	for _, test := range []struct {
		name string
		sync func(p *mediumtest.Process) error
	}{
		{"append", func(p *mediumtest.Process) error { return p.Append(1, true) }},
		{"append to the next window", func(p *mediumtest.Process) error { return p.Append(2, true) }},
		{"close", func(p *mediumtest.Process) error { return p.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range uint64(50) {
				fsys := crashfs.New(seed)
				p := mediumtest.Start(t, storage(fsys, directory, smallSegments))
				for range 20 {
					if err := p.Append(1, false); err != nil {
						t.Fatal(err)
					}
				}
				if err := test.sync(p); err != nil {
					t.Fatal(err)
				}
				fsys.Crash()
				m := mediumtest.Start(t, storage(fsys.Reopen(), directory, smallSegments))
				for id, want := range p.Frames {
					if _, got := m.Read(id); !mediumtest.Equal(got, want) {
						t.Fatalf("seed %d: window %d has %d frames of %d", seed, id.Window, len(got), len(want))
					}
				}
			}
		})
	}
}

// What recovery can't sync it doesn't read, now or later, and nothing more is
// acknowledged (I3, I5).
func TestLeftoverSyncFails(t *testing.T) {
	fsys := crashfs.New(1)
	p := mediumtest.Start(t, storage(fsys, directory, journal.Options{}))
	id := p.Fill(1, 3)
	fsys.Kill()
	fsys = fsys.Reopen()
	p = mediumtest.Start(t, storage(fsys, directory, journal.Options{}))
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.Sync {
			return crashfs.Fail
		}
		return crashfs.Done
	})
	for range 2 {
		if _, err := p.Open(id); !errors.Is(err, crashfs.ErrInjected) {
			t.Errorf("open: %v", err)
		}
		fsys.Inject(nil) // the next sync would say that all is well
	}
	if err := p.Append(1, true); !errors.Is(err, journal.ErrFailed) {
		t.Errorf("append: %v", err)
	}
}

// A segment ends before the frame that does not fit, and each is readable by itself.
func TestSegments(t *testing.T) {
	dir := t.TempDir()
	synced := 0
	p := mediumtest.Start(t, storage(vfs.OS{}, dir, journal.Options{
		SegmentBytes: 2000, Ahead: -1, Synced: func(time.Duration) { synced++ },
	}))
	id := p.Fill(1, 40)
	p.Stop()
	files, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	if want := 40 + len(files); synced != want {
		t.Errorf("%d syncs of 40 frames and %d headers", synced, len(files))
	}
	var all []journal.Frame
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Size() > 2000 {
			t.Error(info.Size(), err)
		}
		r, err := journal.ReadSegment(vfs.OS{}, file)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := mediumtest.ReadAll(r)
		if err != nil || len(r.Damage()) > 0 {
			t.Error(err, r.Damage())
		}
		if got := r.Header(); got.ID() != id || len(got.Tables) != 2 || got.FileRows != 1001 {
			t.Errorf("header %v", got)
		}
		if want := fmt.Sprintf("%s-%012d.journal", id, frames[0].Sequence); filepath.Base(file) != want {
			t.Errorf("%s begins with frame %d", file, frames[0].Sequence)
		}
		all = append(all, frames...)
		_ = r.Close()
	}
	if !mediumtest.Equal(all, p.Frames[id]) {
		t.Error("the segments do not add up")
	}
}

func TestReadSegmentErrors(t *testing.T) {
	fsys := crashfs.New(1)
	if _, err := journal.ReadSegment(fsys, "none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := fsys.WriteFile("text", []byte("not a segment, although it is longer than a header is at least, by some")); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.ReadSegment(fsys, "text"); !errors.Is(err, journal.ErrCorrupt) {
		t.Error(err)
	}
}

func TestIncarnation(t *testing.T) {
	inc := journal.NewIncarnation()
	if inc == journal.NewIncarnation() {
		t.Error("twice the same")
	}
	got, err := journal.ParseIncarnation(inc.String())
	if err != nil || got != inc || len(inc.String()) != 32 {
		t.Error(got, err)
	}
	for _, wrong := range []string{"", inc.String()[1:], inc.String() + "0", "X" + inc.String()[1:], "ABCDEF0123456789ABCDEF0123456789"} {
		if _, err := journal.ParseIncarnation(wrong); err == nil {
			t.Errorf("%q passes", wrong)
		}
	}
}
