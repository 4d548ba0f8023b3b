//go:build failpoints

// Failpoints, for tests: the process ends at a named operation, the n-th of its
// kind.
//
// PARQUAY_FAILPOINT=journal.sync:17:after ends it when the 17th sync of a file of
// the journal has returned. The parts are
//
//	point   <place>.<operation>: of a file system, see failpoint_fs.go, in journal,
//	        spool or bucket; bucket.put; or commit, what a request waits for
//	n       from 1
//	moment  before or after the operation; of a write also half: half of its bytes
//	        are written
//	end     exit, or panic in the goroutine that came there; exit if it is left out

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"parquay/schema"
	"parquay/server"
	"parquay/writer"
)

// exitFailpoint is how a process ends at its failpoint, so that a test can tell it
// from every other end.
const exitFailpoint = 86

// failpoint is the one point at which the process ends. A nil one is never reached.
type failpoint struct {
	point  string
	moment string
	panics bool
	left   atomic.Int64 // until it ends
}

// newFailpoint reads the environment.
func newFailpoint() *failpoint {
	spec := os.Getenv("PARQUAY_FAILPOINT")
	if spec == "" {
		return nil
	}
	parts := strings.Split(spec+":exit", ":")
	if len(parts) < 4 {
		panic(fmt.Sprintf("PARQUAY_FAILPOINT=%q is not point:n:moment", spec))
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n < 1 {
		panic(fmt.Sprintf("PARQUAY_FAILPOINT=%q has no number", spec))
	}
	f := &failpoint{point: parts[0], moment: parts[2], panics: parts[3] == "panic"}
	f.left.Store(int64(n))
	return f
}

// come counts an operation, and says whether it is the one.
func (f *failpoint) come(point string) bool {
	return f != nil && f.point == point && f.left.Add(-1) == 0
}

// at does an operation, and ends the process before or after it if it is the one.
func (f *failpoint) at(point string, do func() error) error {
	if !f.come(point) {
		return do()
	}
	if f.moment == "before" {
		f.end()
	}
	_ = do() // nobody lives to hear of it
	f.end()
	return nil
}

// end ends the process, as suddenly as kill -9 does: nothing deferred runs.
func (f *failpoint) end() {
	if f.panics {
		panic("failpoint " + f.point)
	}
	fmt.Fprintf(os.Stderr, "failpoint %s\n", f.point)
	os.Exit(exitFailpoint)
}

// failpointBucket has the point bucket.put.
func failpointBucket(b writer.Bucket) writer.Bucket { return &pointBucket{b, newFailpoint()} }

type pointBucket struct {
	writer.Bucket
	f *failpoint
}

func (b *pointBucket) Put(ctx context.Context, key string, body writer.Body) error {
	return b.f.at("bucket.put", func() error { return b.Bucket.Put(ctx, key, body) })
}

// failpointIntake has the point commit: after it the batches are durable, and their
// request is not answered yet.
func failpointIntake(in server.Intake) server.Intake { return &pointIntake{in, newFailpoint()} }

type pointIntake struct {
	server.Intake
	f *failpoint
}

func (in *pointIntake) Reserve(tenant string, share, bytes int64) (server.Reservation, error) {
	r, err := in.Intake.Reserve(tenant, share, bytes)
	if err != nil {
		return nil, err
	}
	return &pointReservation{r, in.f}, nil
}

type pointReservation struct {
	server.Reservation
	f *failpoint
}

func (r *pointReservation) Commit(ctx context.Context, batches []*schema.Batch) (receipt server.Receipt, err error) {
	err = r.f.at("commit", func() error {
		receipt, err = r.Reservation.Commit(ctx, batches)
		return err
	})
	return receipt, err
}
