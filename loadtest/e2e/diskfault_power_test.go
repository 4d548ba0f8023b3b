//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"parquay/loadtest/e2e/disk"
	"parquay/loadtest/e2e/process"
)

// TestPowerCut takes the power from real disks at random moments under load, while
// the gateway starts and recovers too, and expects every acknowledged event in the
// files, once. What had not been synced is really gone.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	t.Run("one disk", func(t *testing.T) {
		t.Parallel()
		d := disk.New(t, 4<<30)
		s := newSite(t)
		s.keep(d.Dir)
		s.cutAndCheck(d)
	})
	t.Run("xfs", func(t *testing.T) {
		t.Parallel()
		d := disk.NewXFS(t, 4<<30)
		s := newSite(t)
		s.keep(d.Dir)
		s.cutAndCheck(d)
	})
	t.Run("a disk for the files", func(t *testing.T) {
		t.Parallel()
		// Each disk has an order of its own: a window that is deleted on one must
		// have been put on the other. Small windows make many deletions.
		journal, files := disk.New(t, 4<<30), disk.New(t, 4<<30)
		s := newSite(t, "PARQUAY_WINDOW_BYTES=1MiB", "PARQUAY_FILE_ROWS=1000")
		s.keep(journal.Dir)
		s.keepFiles(files.Dir)
		s.cutAndCheck(journal, files)
	})
}

func (s *site) cutAndCheck(disks ...*disk.Disk) {
	cuts := times(s.T, "E2E_CUTS", 3, 200)
	r := rand.New(rand.NewPCG(uint64(s.seed), 1))
	l := s.gently()
	early, told := 0, 0 // cuts before it listened; that the gateway has told of
	for range cuts {
		life := time.Duration(20+r.IntN(1200)) * time.Millisecond
		if r.IntN(2) == 0 {
			life = time.Duration(20+r.IntN(120)) * time.Millisecond // while it recovers
		}
		after := time.Duration(r.IntN(50)) * time.Millisecond
		if r.IntN(3) == 0 {
			// What one process has left unsynced the next one finds, and then the power
			// goes: what it has made of that must not come back as less.
			s.live(life / 2)
		}
		cut := disks[:1+r.IntN(len(disks))] // of two the journal's, or both
		listened, failed := s.liveUntilCut(cut, flushes[r.IntN(len(flushes))], life, after)
		if !listened {
			early++
		}
		if failed {
			told++
		}
	}
	s.start()
	l.end()
	s.drain()
	s.check(l)
	s.Logf("%d power cuts, %d of them before the gateway listened; %d times it ended by itself before it was killed", cuts, early, told)
}

// flushes are what a disk still gets, mostly nothing.
var flushes = []disk.Flush{disk.FlushNothing, disk.FlushNothing, disk.FlushNothing, disk.FlushJournal, disk.FlushAll}

// liveUntilCut runs a gateway, cuts the power after life, whatever the gateway does at
// that moment, lets it go on for a little while longer, kills it and brings the disks
// back. What it answers after the cut does not count: with a real cut there is nobody to
// answer, and the kernel's is not sudden enough, since an fdatasync under way may return
// 0 for bytes that are lost.
func (s *site) liveUntilCut(disks []*disk.Disk, flush disk.Flush, life, after time.Duration) (listened, failed bool) {
	s.Helper()
	var began atomic.Bool
	cut := make(chan error, 1)
	time.AfterFunc(life, func() {
		began.Store(true)
		fmt.Fprintf(s.log, "%v the power goes: %d of %d\n", time.Now().UTC(), flush, len(disks))
		s.cuts.Add(1) // no answer is heard from here on
		var errs []error
		for _, d := range disks {
			errs = append(errs, d.Cut(flush))
		}
		cut <- errors.Join(errs...)
	})
	ctx, cancel := context.WithTimeout(s.Context(), life+after)
	defer cancel()
	err := s.tryStart(ctx)
	gone := errors.Is(err, process.ErrEnded) // by itself: then the cut must be why
	if gone && !began.Load() {
		s.Error(err)
	}
	if err := <-cut; err != nil {
		s.Fatal(err)
	}
	if err == nil {
		<-ctx.Done()
		gone = s.ended()
	}
	s.kill()
	for _, d := range disks {
		d.Unmount()
		d.Mount()
	}
	return err == nil, gone
}
