package journal_test

import (
	"errors"
	"testing"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs/crashfs"
)

// What was read of an own window stays, also of frames that nobody synced: their
// rows may be in a file by then (I3).
func TestReadIsDurable(t *testing.T) {
	for seed := range uint64(50) {
		fsys := crashfs.New(seed)
		p := mediumtest.Start(t, storage(fsys, directory, journal.Options{}))
		for range 5 {
			if err := p.Append(1, false); err != nil {
				t.Fatal(err)
			}
		}
		id := p.Header(1).ID()
		_, read := p.Read(id)
		if len(read) != 5 {
			t.Fatalf("%d frames of 5 were read", len(read))
		}
		fsys.Crash()
		p = mediumtest.Start(t, storage(fsys.Reopen(), directory, journal.Options{}))
		if _, got := p.Read(id); !mediumtest.Equal(got, read) {
			t.Fatalf("seed %d: %d frames are left of %d that were read", seed, len(got), len(read))
		}
	}
}

// A directory that can't be synced is no place for a journal: that is said before
// anything is acknowledged, not by the first event.
func TestOpenNeedsDirectorySync(t *testing.T) {
	fsys := crashfs.New(1)
	if err := fsys.MkdirAll(directory); err != nil {
		t.Fatal(err)
	}
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.SyncDir && op.Name == directory {
			return crashfs.Fail
		}
		return crashfs.Done
	})
	d, err := journal.OpenDisk(fsys, directory, journal.NewIncarnation(), journal.Options{})
	if !errors.Is(err, crashfs.ErrInjected) {
		t.Errorf("open: %v", err)
	}
	if err == nil {
		d.Close()
	}
}
