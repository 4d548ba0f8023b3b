// Tests of a bucket in a directory whose sync has failed.

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"parquay/buffer/journal/vfs"
	"parquay/writer"
)

// failingBucketFS is a failingFS in which, from the moment that failBucket is set, one
// sync of a directory with objects fails, and those after it say that all is well.
type failingBucketFS struct {
	failingFS
	failBucket atomic.Bool
}

func (f *failingBucketFS) SyncDir(dir string) error {
	if strings.Contains(dir, "tenant=") && f.failBucket.Swap(false) {
		return &fs.PathError{Op: "sync", Path: dir, Err: syscall.EIO}
	}
	return f.failingFS.SyncDir(dir)
}

// A bucket that takes nothing more from this process ends it, within the time for a
// stop: what it holds is in the journal, and the next process delivers it. That is so
// too when the journal has failed, whose end waits for the bucket otherwise.
func TestGatewayEndsWithItsBucket(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, test := range []struct {
		name     string
		journal  bool // fails too
		interval string
		want     error
	}{
		{"bucket", false, "1s", writer.ErrBucketFailed},
		{"journal and bucket", true, "1h", errJournal},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, fsys := t.TempDir(), &failingBucketFS{}
			g := openTest(t, dir, fsys, "PARQUAY_FLUSH_INTERVAL", test.interval, "PARQUAY_SHUTDOWN", "1s")
			events := "http://" + g.server.Addr().String() + "/v1/events"
			_, ended := running(t, g)
			fsys.failBucket.Store(true)
			if status, text := request(t, "POST", events, `{"type":"message.sent"}`); status != 202 {
				t.Fatalf("%d %s", status, text)
			}
			if test.journal {
				fsys.fail.Store(true)
				if status, text := request(t, "POST", events, `{"type":"message.sent"}`); status != 503 {
					t.Fatalf("an event that was not synced was answered %d %s", status, text)
				}
			}
			if err := <-ended; !errors.Is(err, test.want) || !errors.Is(err, writer.ErrBucketFailed) {
				t.Errorf("it ended with %v, want %v", err, test.want)
			}

			next := openTest(t, dir, vfs.OS{})
			signals := make(chan os.Signal, 1)
			signals <- syscall.SIGTERM
			if err := next.run(t.Context(), signals, nil); err != nil {
				t.Error(err)
			}
			if files, err := filepath.Glob(filepath.Join(dir, "bucket/events/*/*/*/*.parquet")); err != nil || len(files) != 1 {
				t.Errorf("files: %v (%v), want the one of the event that was answered", files, err)
			}
		})
	}
}
