package buffer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"parquay/buffer/journal/vfs"
	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

// TestCommitWithoutRoom: batches that need more than was reserved, and find no room,
// are refused as at admission, not dropped with a receipt (I1, I6).
func TestCommitWithoutRoom(t *testing.T) {
	for _, test := range []struct {
		name   string
		memory int64
		share  int64
		other  int64 // held by another tenant
		want   error
	}{
		{"of the tenant's share", 1 << 20, 8 << 10, 0, ErrTenantFull},
		{"of the process's memory", 20 << 10, 20 << 10, 10 << 10, ErrBusy},
		{"of either, ever", 1 << 20, 4 << 10, 0, ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := newFakeFiles(t)
			cfg := config(t, vfs.OS{}, t.TempDir(), files)
			cfg.Memory, cfg.RingBytes = test.memory, test.share
			g := start(t, cfg)
			held, err := g.Reserve("acme", 0, 4000)
			if err != nil {
				t.Fatal(err)
			}
			other, err := g.Reserve("bolt", 0, test.other)
			if err != nil {
				t.Fatal(err)
			}
			r, err := g.Reserve("acme", 0, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Commit(context.Background(), sent(batch("acme", 1, 1, 6000))); !errors.Is(err, test.want) {
				t.Errorf("commit: %v, want %v", err, test.want)
			}
			for _, r := range []*Reservation{r, held, other} {
				r.Release()
			}
			g.finish()
			once(t, files)
		})
	}
}

// TestReleaseGivesBack: what was reserved and not committed is free again, for the
// tenant and for all others (I6).
func TestReleaseGivesBack(t *testing.T) {
	g := start(t, config(t, vfs.OS{}, t.TempDir(), newFakeFiles(t)))
	for range 3 { // of half of the memory each
		r, err := g.Reserve("acme", 0, g.cfg.RingBytes)
		if err != nil {
			t.Fatal(err)
		}
		r.Release()
		r.Release()
	}
	if used := g.budget.used.Load(); used != 0 {
		t.Errorf("%d bytes are taken by nobody", used)
	}
	g.finish()
}

// TestFullDisk: with the disk nearly full, requests are refused before anything of
// them is held, and are taken again by themselves when there is room (F8). The bytes
// that are kept free are never written to, so the journal does not fail.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const kept = 64 << 10
		disk, files := crashfs.New(1), newFakeFiles(t)
		disk.Limit(256 << 10)
		cfg := config(t, disk, "journal", files)
		cfg.MinFree = kept
		g := start(t, cfg)
		var all []*schema.Batch
		var err error
		for range 100 {
			b := batch("acme", 1, 1, 8000)
			if err = g.post(b); err != nil {
				break
			}
			all = append(all, b)
			time.Sleep(time.Second) // the free bytes are asked for again
		}
		if !errors.Is(err, ErrJournalFull) || !errors.Is(g.Ready(), ErrJournalFull) {
			t.Fatalf("post %d gets %v and Ready says %v, want ErrJournalFull", len(all), err, g.Ready())
		}
		if free, err := disk.Free("journal"); err != nil || free < kept-10_000 {
			t.Errorf("%d bytes are left of those kept (%v)", free, err)
		}
		disk.Limit(1 << 20)
		time.Sleep(time.Second)
		b := batch("acme", 1, 1, 8000)
		g.mustPost(b)
		g.finish()
		once(t, files, append(all, b)...)
	})
}

// TestEarlyRowGroupsCutNothing: where a file is cut does not depend on what memory
// pressure had encoded before (I3): the files of two processes are the same.
func TestEarlyRowGroupsCutNothing(t *testing.T) {
	for _, memory := range []int64{1 << 20, 24 << 10} {
		dir, files := t.TempDir(), newFakeFiles(t)
		cfg := config(t, vfs.OS{}, dir, files)
		cfg.FileRows, cfg.Memory, cfg.Backlog = 7, memory, 1000
		g := start(t, cfg)
		var all []*schema.Batch
		for range 20 {
			b := batch("acme", 1, 2, 1000)
			for g.post(b) != nil {
				time.Sleep(time.Millisecond) // until there is room: bounded by the test's own timeout
			}
			all = append(all, b)
		}
		g.finish()
		once(t, files, all...)
		for id, content := range files.mu.objects {
			if want := min(3, 20-3*id.Cut); len(content) != want {
				t.Errorf("memory of %d: cut %d has %d batches, want %d", memory, id.Cut, len(content), want)
			}
		}
	}
}

// TestReplayLeavesRoom: windows that are replayed take no more than a quarter of the
// memory, however many wait and however slowly they are encoded: live requests have the
// rest (I6).
func TestReplayLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, files := t.TempDir(), newFakeFiles(t)
		files.step = func(int, string, FileID) verdict { return fails }
		cfg := config(t, vfs.OS{}, dir, files)
		cfg.WindowBytes = 1
		g := start(t, cfg)
		var all []*schema.Batch
		for hour := range int64(20) {
			all = append(all, batch("acme", hour, 1, 100<<10))
			g.mustPost(all[hour])
		}
		g.crash()

		encoding := make(chan struct{})
		files.step = func(_ int, what string, _ FileID) verdict {
			if what == "append" {
				<-encoding
			}
			return done
		}
		cfg = config(t, vfs.OS{}, dir, files)
		cfg.Memory, cfg.RingBytes = 1<<20, 1<<20
		g = start(t, cfg)
		synctest.Wait()
		if r, err := g.Reserve("bolt", 0, cfg.Memory/2); err != nil {
			t.Errorf("with %d bytes taken of %d: %v", g.budget.used.Load(), cfg.Memory, err)
		} else {
			r.Release()
		}
		close(encoding)
		g.finish()
		once(t, files, all...)
	})
}
