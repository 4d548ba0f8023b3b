package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
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
	i := s.attach(strace, fault, more...)
	i.await("strace has injected the fault", i.injected)
	return i.detach
}

// injection is a strace at work.
type injection struct {
	site   *site
	cmd    *exec.Cmd
	output string        // its file
	said   *bytes.Buffer // to be read once it has ended
	ended  chan error
}

// attach is inject that does not wait for the first fault, but only until no thread of
// the gateway escapes it.
func (s *site) attach(strace, fault string, more ...string) *injection {
	s.Helper()
	call, _, _ := strings.Cut(fault, ":")
	i := &injection{site: s, output: filepath.Join(s.work, "strace"), said: new(bytes.Buffer), ended: make(chan error, 1)}
	args := []string{"-f", "-o", i.output, "-p", strconv.Itoa(s.gateway.PID()), "-e", "trace=" + call, "-e", "inject=" + fault}
	i.cmd = exec.Command(strace, append(args, more...)...)
	i.cmd.Stderr = i.said
	if err := i.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() { i.ended <- i.cmd.Wait() }()
	s.Cleanup(func() { _ = i.cmd.Process.Kill() })
	tracer := "TracerPid:\t" + strconv.Itoa(i.cmd.Process.Pid) + "\n"
	i.await("strace has attached", func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", s.gateway.PID()))
		traced := 0
		for _, name := range threads {
			status, err := os.ReadFile(name)
			if err != nil || strings.Contains(string(status), tracer) {
				traced++
			}
		}
		return traced > 0 && traced == len(threads) || i.injected()
	})
	return i
}

// await waits for something that strace does, and skips the test if it can't.
func (i *injection) await(what string, condition func() bool) {
	i.site.Helper()
	i.site.await(what, startWithin, func() bool {
		if condition() {
			return true
		}
		select {
		case err := <-i.ended: // and not because the gateway has ended of the fault
			if !i.injected() {
				i.site.Skipf("strace can't attach to a process here: %v: %s", err, i.said)
			}
			i.ended <- err
		default:
		}
		return false
	})
}

func (i *injection) injected() bool {
	text, _ := os.ReadFile(i.output) // there is none yet
	return strings.Contains(string(text), "INJECTED")
}

func (i *injection) detach() {
	if err := i.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		i.site.Fatal(err)
	}
	<-i.ended
}
