//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"parquay/loadtest/e2e/disk"
)

// TestDiskLies has the journal on a disk that is larger than what it is made of, as a
// thin volume is: a sync fails, and the kernel then calls the pages clean, so that the
// next sync would succeed. The process acknowledges nothing after the first failure.
// Acknowledged events are in the files, both if it ends by itself, which flushes them
// from memory, and if it is killed, so that they must come from that disk.
func TestDiskLies(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprintf("killed=%t", killed), func(t *testing.T) {
			t.Parallel()
			thin := disk.NewMemory(t, 12<<20)
			d := disk.NewIn(t, thin.Dir, 1<<30, "-O", "^has_journal")
			d.ByPages()
			s := newSite(t, "PARQUAY_FLUSH_INTERVAL=1h")
			s.keep(d.Dir)
			s.keepFiles(s.work)
			s.start()
			d.Sync() // its directories are to outlive the failure
			l := s.load()
			s.await("the journal fails", flushWithin, func() bool {
				return l.answered(http.StatusServiceUnavailable) > connections || s.ended()
			})
			before := l.accepted()
			if before == 0 {
				t.Error("nothing was accepted before the disk failed")
			}
			if killed {
				s.kill()
			} else {
				s.exits(exitJournal, stopWithin)
				if after := l.accepted(); after != before {
					t.Errorf("%d events were accepted after the failure", after-before)
				}
			}
			// The next process is to see what the disk has, and not what the kernel
			// remembers.
			d.Unmount()
			if err := thin.Remount("size=1g"); err != nil {
				t.Fatal(err)
			}
			d.Repair() // as whoever runs it would
			d.Mount()
			s.start()
			l.end()
			s.drain()
			s.check(l)
		})
	}
}
