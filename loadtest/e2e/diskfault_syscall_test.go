package e2e

import (
	"context"
	"errors"
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
		"fdatasync:error=EIO:when=4", // of a file that is being put, too
		"fsync:error=EIO:when=2",     // of a directory
		"linkat:error=EIO:when=1",
		"linkat:error=ENOSPC:when=2",
		"unlinkat:error=EIO:when=1",
		"unlinkat:error=EROFS:when=2+3",
		"openat:error=EMFILE:when=1",
		"openat:error=ENOSPC:when=3+5",
		"mkdirat:error=ENOSPC:when=1+2",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "PARQUAY_WINDOW_BYTES=1MiB", "PARQUAY_SHUTDOWN=3s")
			s.start()
			l := s.gently()
			s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })
			detach := s.inject(strace, fault)
			before := l.accepted()
			s.await("it gets over it, or ends", flushWithin, func() bool { return l.accepted() > before+3000 || s.ended() })
			detach()
			if s.ended() {
				s.exits(exitJournal, stopWithin)
			} else {
				s.stop(stopWithin)
			}
			s.start()
			l.end()
			s.drain()
			s.check(l)
		})
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
