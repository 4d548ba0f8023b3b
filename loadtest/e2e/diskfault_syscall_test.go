package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"parquay/loadtest/e2e/process"
)

// TestSystemCallFails lets system calls fail that write, name and remove files, with
// strace: of the journal, of the directory that is the bucket, whichever comes. The
// gateway gets over it, or ends with the journal's exit code; acknowledged events are
// in the files either way, once.
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
			if strings.HasPrefix(fault, "fsync") && os.Getenv("E2E_FULL") == "" {
				t.Skip("only with E2E_FULL=1: beside all the other tests the gateway has taken more than 90 s to end after its journal had failed, for a reason that is not known yet")
			}
			s := newSite(t, "PARQUAY_WINDOW_BYTES=1MiB", "PARQUAY_SHUTDOWN=3s")
			r := rand.New(rand.NewPCG(uint64(s.seed), 4))
			l := s.gently()
			for range times(t, "E2E_CALLS", 1, 10) {
				s.failCall(strace, fmt.Sprintf("%s:when=%d+%d", fault, 1+r.IntN(3), 2+r.IntN(5)), l)
			}
			s.start()
			l.end()
			s.drain()
			s.check(l)
		})
	}
}

// failCall runs a gateway in which every few calls of a kind fail for a while.
func (s *site) failCall(strace, fault string, l *load) {
	s.Helper()
	s.start()
	before := l.accepted()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > before+500 })
	detach := s.inject(strace, fault)
	before = l.accepted()
	failed := false // then it ends when its files are put, which the same fault keeps it from
	s.await(fault+": it gets over it, or the journal fails", flushWithin, func() bool {
		_, why := s.ready()
		failed = s.ended() || strings.Contains(why, "the journal has failed")
		return failed || l.accepted() > before+2000
	})
	detach()
	if failed {
		s.exits(exitJournal, stopWithin)
	} else {
		s.stop(stopWithin)
	}
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
	if err != nil || (code != exitRefused && code != exitJournal) {
		s.Errorf("%s: exit code %d, %v; it printed:\n%s", fault, code, err, strings.Join(s.gateway.Tail(), "\n"))
	}
	s.Logf("%s: exit code %d", fault, code)
}

// exitRefused is the documented exit code of a gateway that could not start.
const exitRefused = 1
