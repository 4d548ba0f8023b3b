package e2e

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// exitJournal is the documented exit code of a gateway whose journal has failed.
const exitJournal = 3

// TestJournalFails lets a sync or a write of the journal fail, with strace. From then
// on nothing is acknowledged by that process, although later syncs would succeed; what
// was acknowledged before is in the files after a restart.
func TestJournalFails(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("missing: strace, to inject the fault with")
	}
	for _, fault := range []string{
		"fdatasync:error=EIO:when=1", "fdatasync:error=ENOSPC:when=7",
		"pwrite64:error=EIO:when=1", "pwrite64:error=ENOSPC:when=5", "pwrite64:error=EDQUOT:when=3",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "PARQUAY_FLUSH_INTERVAL=1h") // nothing but the journal is written
			s.failJournal(strace, fault)
		})
	}
}

func (s *site) failJournal(strace, fault string) {
	s.Helper()
	s.start()
	l := s.gently()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })

	detach := s.inject(strace, fault)
	s.await("the failure is answered", flushWithin, func() bool {
		return l.answered(http.StatusServiceUnavailable) > 2*connections || s.ended()
	})
	before := l.accepted()
	refused := l.answered(http.StatusServiceUnavailable)
	s.await("the failure is answered again", flushWithin, func() bool {
		return l.answered(http.StatusServiceUnavailable) > refused+2*connections || s.ended()
	})
	if after := l.accepted(); after != before {
		s.Errorf("%d events were accepted after the failure", after-before)
	}
	if !s.ended() {
		if status, body, err := s.gateway.Get(s.Context(), s.gateway.Admin+"/readyz"); err == nil && status != http.StatusServiceUnavailable {
			s.Errorf("/readyz answers %d %s", status, body)
		}
	}
	detach()
	s.exits(exitJournal, stopWithin)
	if !s.gateway.Said("ERROR", "the journal has failed") {
		s.Error("the log does not say that the journal has failed")
	}
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

func (s *site) ended() bool {
	select {
	case <-s.gateway.Exited():
		return true
	default:
		return false
	}
}

// inject has strace tamper with the gateway's system calls until the function that
// it returns is called. It skips the test where that is not allowed. More of strace's
// arguments may say which calls.
func (s *site) inject(strace, fault string, more ...string) (detach func()) {
	s.Helper()
	output := filepath.Join(s.work, "strace")
	call, _, _ := strings.Cut(fault, ":")
	args := []string{"-f", "-o", output, "-p", strconv.Itoa(s.gateway.PID()), "-e", "trace=" + call, "-e", "inject=" + fault}
	cmd := exec.Command(strace, append(args, more...)...)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.Cleanup(func() { _ = cmd.Process.Kill() })
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(output)
		if strings.Contains(string(text), "INJECTED") {
			break
		}
		select {
		case err := <-ended:
			s.Skipf("strace can't attach to a process here: %v: %s", err, said.String())
		default:
		}
		if time.Since(begin) > startWithin {
			s.Fatal("strace has injected nothing")
		}
	}
	return func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			s.Fatal(err)
		}
		<-ended
	}
}
