package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parquay/loadtest/e2e/process"
)

// TestSystemCallFails lets system calls fail that write, name and remove files, with
// strace: of the journal, of the directory that is the bucket, whichever comes. The
// gateway gets over it, or ends with the exit code of what has failed; acknowledged
// events are in the files either way, once.
func TestSystemCallFails(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("missing: strace, to inject the fault with")
	}
	for _, fault := range []string{
		"fdatasync:error=EIO", // of a file that is being put, too
		"fsync:error=EIO",     // of a directory
		"linkat:error=EIO",
		"linkat:error=ENOSPC",
		"unlinkat:error=EIO",
		"unlinkat:error=EROFS",
		"openat:error=EMFILE",
		"openat:error=ENOSPC",
		"mkdirat:error=ENOSPC",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			for range times(t, "E2E_CALLS", 1, 10) {
				s := newSite(t, "PARQUAY_WINDOW_BYTES=1MiB", "PARQUAY_SHUTDOWN=3s")
				r := rand.New(rand.NewPCG(uint64(s.seed), 4))
				first := 1 + r.IntN(3)
				if strings.HasPrefix(fault, "mkdirat") {
					first = 1 // there are few, and strace counts those of each thread
				}
				l := s.failCall(strace, fmt.Sprintf("%s:when=%d+%d", fault, first, 2+r.IntN(5)))
				s.start()
				l.end()
				s.drain()
				s.check(l)
			}
		})
	}
}

// failCall runs a gateway in which every few calls of a kind fail for a while, under
// load, which it returns.
func (s *site) failCall(strace, fault string) *load {
	s.Helper()
	s.start()
	var i *injection
	if strings.HasPrefix(fault, "mkdirat") { // all folders may be made soon
		i = s.attach(strace, fault)
	}
	l := s.gently()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 500 || s.ended() })
	if i == nil {
		i = s.attach(strace, fault)
	}
	i.await("strace has injected the fault", i.injected)
	before := l.accepted()
	failed := false
	s.await(fault+": it gets over it, or fails", flushWithin, func() bool {
		_, why := s.ready()
		failed = s.ended() || strings.Contains(why, "the journal has failed") || s.gateway.Said(bucketFailed)
		return failed || l.accepted() > before+2000
	})
	i.detach() // the same fault keeps files from the bucket, for which a failed journal waits
	end := s.gateway.Stop
	if failed {
		end = s.gateway.Wait // by itself
	}
	code, err := end(stopWithin)
	s.target.Store("")
	want := 0
	switch {
	case err != nil:
		s.Fatal(err)
	case s.gateway.Said("ERROR", "the journal has failed"):
		want = exitJournal
	case s.gateway.Said(bucketFailed) && (failed || code != 0): // else the stop came first
		want = exitFailed
	}
	if code != want {
		s.Errorf("%s: exit code %d, want %d; it printed:\n%s", fault, code, want, strings.Join(s.gateway.Tail(), "\n"))
	}
	return l
}

// bucketFailed is what the log says when a sync of a directory of the bucket has
// failed: the process ends then, for the next one to deliver.
const bucketFailed = "the bucket takes nothing more from this process"

// TestBucketDirectoryFails lets one sync of the bucket's directories fail, and those
// after it succeed. Nothing tells then which files have durable names, so the process
// puts nothing more, and ends; the next one delivers.
func TestBucketDirectoryFails(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("missing: strace, to inject the fault with")
	}
	s := newSite(t, "PARQUAY_SHUTDOWN=3s")
	s.start()
	l := s.gently()
	var folders []string
	s.await("files are in the bucket", flushWithin, func() bool {
		folders, _ = filepath.Glob(filepath.Join(s.bucket, "events", "*", "*", "*"))
		return len(folders) > 0
	})
	var only []string
	for _, folder := range folders {
		only = append(only, "-P", folder)
	}
	detach := s.inject(strace, "fsync:error=EIO:when=1", only...)
	s.exits(exitFailed, flushWithin)
	detach()
	if !s.gateway.Said("ERROR", bucketFailed) {
		t.Error("the log does not tell why it ended")
	}
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

// TestSystemCallFailsAtStart lets every kind of system call fail that opening the
// journal needs: the gateway refuses to start, or gets over it, and loses nothing of
// what it finds.
func TestSystemCallFailsAtStart(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("missing: strace, to inject the fault with")
	}
	s := newSite(t, "PARQUAY_WINDOW_BYTES=1MiB", "PARQUAY_SHUTDOWN=3s")
	l := s.gently()
	for _, fault := range []string{
		"fdatasync:error=EIO:when=1", // of a window that was left
		"fsync:error=EIO:when=1",
		"flock:error=ENOLCK:when=1",
		"getdents64:error=EIO:when=2",
		"openat:error=EIO:when=20",
		"pread64:error=EIO:when=1", // it reads again, page by page
		"pread64:error=EIO:when=3",
	} {
		s.how = nil
		s.start()
		before := l.accepted()
		s.await("events are accepted", flushWithin, func() bool { return l.accepted() > before+500 })
		s.kill()
		s.how = func(o *process.Options) { // -D: the gateway stays our child, and strace is its
			o.Args = []string{"-D", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "inject=" + fault, o.Binary}
			o.Binary = strace
		}
		s.tryInjected(fault, l)
	}
	s.how = nil
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

// tryInjected starts a gateway that may refuse to, or end, with one of the codes that
// are documented.
func (s *site) tryInjected(fault string, l *load) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), startWithin)
	defer cancel()
	before := l.accepted()
	if err := s.tryStart(ctx); err != nil && !errors.Is(err, process.ErrEnded) {
		s.Fatalf("%s: %v", fault, err)
	}
	s.await(fault+": it gets over it, or ends", flushWithin, func() bool { return l.accepted() > before+500 || s.ended() })
	if !s.ended() {
		s.kill()
		return
	}
	code, err := s.gateway.Wait(stopWithin)
	s.target.Store("")
	if err != nil || (code != exitFailed && code != exitJournal) {
		s.Errorf("%s: exit code %d, %v; it printed:\n%s", fault, code, err, strings.Join(s.gateway.Tail(), "\n"))
	}
	s.Logf("%s: exit code %d", fault, code)
}

// exitFailed is the documented exit code of a gateway that could not start, or of
// which a part has failed.
const exitFailed = 1
