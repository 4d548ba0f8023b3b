package buffer

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

// dies is the end of the process at a step of a file; diesDone after it was applied.
const (
	dies verdict = -1 - iota
	diesDone
)

// TestBucketMatrix gives the k-th step of the files, for every k of a life that
// commits, ends windows, flushes, recovers and stops, each verdict in turn, and lets
// the power fail at it: the step being the encoding of a row group, the end of a file
// or its put. Then it does the same to the process that recovers. At the end
// everything acknowledged is in exactly one file (F6: I1, I3, I4).
func TestBucketMatrix(t *testing.T) {
	for name, v := range map[string]verdict{
		"fails": fails, "answer lost": unknown, "delayed": delayed, "duplicated": duplicate, "panics": panics, "loses a row": loses,
		"power fails before": dies, "power fails after": diesDone,
	} {
		t.Run(name, func(t *testing.T) {
			k := 0
			for reached := true; reached; k++ {
				synctest.Test(t, func(t *testing.T) { reached = bucketLife(t, k, v) })
				if t.Failed() {
					t.Fatalf("step %d", k)
				}
			}
			if k < 20 {
				t.Errorf("the matrix has only %d points: the life does too little", k)
			}
		})
	}
}

// bucketLife is crashLife with the fault at a step of the files.
func bucketLife(t *testing.T, k int, v verdict) (reached bool) {
	files, disk := newFakeFiles(t), crashfs.New(uint64(k))
	l := &life{t: t, files: files, receipts: map[rowsOf][]*schema.Batch{}}
	for process := range 3 {
		var dead atomic.Bool
		var steps atomic.Int64
		running := disk
		files.step = func(_ int, what string, _ FileID) verdict {
			if what == "put" {
				l.look()
			}
			if dead.Load() {
				return fails
			}
			if n := int(steps.Add(1)) - 1; n != k || process == 2 {
				return done
			}
			reached = reached || process == 0
			if v == dies || v == diesDone {
				dead.Store(true)
				running.Crash()
				return map[verdict]verdict{dies: fails, diesDone: unknown}[v]
			}
			return v
		}
		l.live(disk, process == 2)
		disk.Crash()
		disk = disk.Reopen()
	}
	files.land()
	l.check()
	if entries, err := disk.ReadDir("journal"); err != nil || len(entries) > 1 {
		t.Errorf("the journal holds %v in the end (%v)", entries, err)
	}
	return reached
}
