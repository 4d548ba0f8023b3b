// Tests of a process whose disk fails, the journal's or that of a bucket in a directory.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

			deliveredByTheNext(t, dir)
		})
	}
}

// unwritableFS is a failingFS in which no file can be made in one folder while refuse is
// set.
type unwritableFS struct {
	failingFS
	folder string
	refuse atomic.Pointer[error]
	asked  atomic.Int64 // how often since
}

func (f *unwritableFS) Create(name string) (vfs.File, error) {
	if err := f.refuse.Load(); err != nil && strings.Contains(name, f.folder) {
		f.asked.Add(1)
		return nil, &fs.PathError{Op: "open", Path: name, Err: *err}
	}
	return f.failingFS.Create(name)
}

// A disk that takes no files ends a process whose journal has failed, which would wait
// for it for ever: the next one has the journal.
func TestGatewayEndsWithItsDisk(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, refusal := range []error{syscall.EROFS, syscall.EIO} {
		for _, unchecked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, unchecked %t", refusal, unchecked), func(t *testing.T) {
				dir, fsys := t.TempDir(), &unwritableFS{folder: "/bucket/"}
				if unchecked { // the check at the start was refused already
					fsys.refuse.Store(&refusal)
				}
				g := openTest(t, dir, fsys, "PARQUAY_FLUSH_INTERVAL", "1h", "PARQUAY_SHUTDOWN", "1s")
				events := "http://" + g.server.Addr().String() + "/v1/events"
				_, ended := running(t, g)
				if status, text := request(t, "POST", events, `{"type":"message.sent"}`); status != 202 {
					t.Fatalf("%d %s", status, text)
				}
				fsys.refuse.Store(&refusal)
				fsys.fail.Store(true)
				if status, text := request(t, "POST", events, `{"type":"message.sent"}`); status != 503 {
					t.Fatalf("an event that was not synced was answered %d %s", status, text)
				}
				select {
				case err := <-ended:
					if !errors.Is(err, errJournal) || !errors.Is(err, refusal) {
						t.Errorf("it ended with %v", err)
					}
				case <-time.After(time.Minute):
					t.Fatal("it does not end")
				}
				deliveredByTheNext(t, dir)
			})
		}
	}
}

// So it does if the bucket takes files, and there is no place any more to make them.
func TestGatewayEndsWithItsSpool(t *testing.T) {
	defer goleak.VerifyNone(t)
	var refusal error = syscall.EROFS
	dir, fsys := t.TempDir(), &unwritableFS{folder: "/spool/"}
	g := openTest(t, dir, fsys, "PARQUAY_FLUSH_INTERVAL", "1h", "PARQUAY_SHUTDOWN", "1s")
	events := "http://" + g.server.Addr().String() + "/v1/events"
	_, ended := running(t, g)
	postLong(t, events)
	fsys.refuse.Store(&refusal)
	fsys.fail.Store(true)
	if status, text := request(t, "POST", events, `{"type":"message.sent"}`); status != 503 {
		t.Fatalf("an event that was not synced was answered %d %s", status, text)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, errJournal) || !errors.Is(err, refusal) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	deliveredByTheNext(t, dir)
}

// hangingFS is a failingFS in which the making of a file of the bucket does not return
// until it is released.
type hangingFS struct {
	failingFS
	release chan struct{}
}

func (f *hangingFS) Create(name string) (vfs.File, error) {
	if strings.Contains(name, "/bucket/") && f.fail.Load() {
		<-f.release
	}
	return f.failingFS.Create(name)
}

// A process whose journal has failed says so with its exit code also when a disk does
// not let it end in order.
func TestGatewaySaysItsJournalFailedOfASilentDisk(t *testing.T) {
	dir, fsys := t.TempDir(), &hangingFS{release: make(chan struct{})}
	g := openTest(t, dir, fsys, "PARQUAY_FLUSH_INTERVAL", "1h", "PARQUAY_SHUTDOWN", "1s")
	events := "http://" + g.server.Addr().String() + "/v1/events"
	stop, _ := running(t, g)
	if status, text := request(t, "POST", events, `{"type":"message.sent"}`); status != 202 {
		t.Fatalf("%d %s", status, text)
	}
	fsys.fail.Store(true)
	if status, text := request(t, "POST", events, `{"type":"message.sent"}`); status != 503 {
		t.Fatalf("an event that was not synced was answered %d %s", status, text)
	}
	if err := stop(); !errors.Is(err, errJournal) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("it ended with %v", err)
	}
	close(fsys.release)
	until(t, "what it left to end", func() bool {
		lock, err := vfs.OS{}.Lock(filepath.Join(dir, "journal", "LOCK"))
		return err == nil && lock.Close() == nil
	})
}

// While the journal works, a disk that takes no files is an outage of the bucket: events
// are accepted, and put when it has been mended.
func TestGatewayOutlastsItsBucketsDisk(t *testing.T) {
	defer goleak.VerifyNone(t)
	var refusal error = syscall.EROFS
	dir, fsys := t.TempDir(), &unwritableFS{folder: "/bucket/"}
	g := openTest(t, dir, fsys, "PARQUAY_FLUSH_INTERVAL", "1s")
	stop, _ := running(t, g)
	fsys.refuse.Store(&refusal)
	if status, text := request(t, "POST", "http://"+g.server.Addr().String()+"/v1/events", `{"type":"message.sent"}`); status != 202 {
		t.Fatalf("%d %s", status, text)
	}
	until(t, "the bucket to be asked again", func() bool { return fsys.asked.Load() > 2 })
	fsys.refuse.Store(nil)
	if err := stop(); err != nil {
		t.Error(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "bucket/events/*/*/*/*.parquet"))
	if err != nil || len(files) != 1 {
		t.Errorf("files: %v (%v), want the one of the event that was answered", files, err)
	}
}

// deliveredByTheNext says that the next process has one file of events to put.
func deliveredByTheNext(t *testing.T, dir string) {
	t.Helper()
	next := openTest(t, dir, vfs.OS{})
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	if err := next.run(t.Context(), signals, nil); err != nil {
		t.Error(err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "bucket/events/*/*/*/*.parquet")); err != nil || len(files) != 1 {
		t.Errorf("files: %v (%v), want the one of the event that was answered", files, err)
	}
}
