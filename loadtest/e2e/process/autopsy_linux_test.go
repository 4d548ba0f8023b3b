package process

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hangs is what a child of these tests does: three goroutines wait for ever, it says
// so, and waits too.
func hangs() {
	for range 3 {
		go waitForEver()
	}
	for stacks := make([]byte, 1<<16); strings.Count(string(stacks), "[select (no cases)]") < 3; runtime.Gosched() {
		runtime.Stack(stacks, true)
	}
	fmt.Println("it hangs now")
	time.Sleep(time.Hour)
}

func waitForEver() { select {} }

func TestMain(m *testing.M) {
	if os.Getenv("PROCESS_TEST_HANGS") != "" {
		hangs()
	}
	os.Exit(m.Run())
}

// startHanging starts this program as one that hangs.
func startHanging(t *testing.T) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROCESS_TEST_HANGS=1")
	hanging := make(chan struct{})
	c, err := startChild(cmd, nil, func(line string) {
		if line == "it hangs now" {
			close(hanging)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	<-hanging
	return c
}

// TestAutopsy: a process that did not end in time is ended, and the error tells where
// its goroutines and threads were and what it had printed.
func TestAutopsy(t *testing.T) {
	t.Parallel()
	c := startHanging(t)
	_, err := c.Wait(time.Millisecond)
	if err == nil {
		t.Fatal("it has ended by itself")
	}
	for _, want := range []string{"State:", "threads: ", "it hangs now", "3 × [select (no cases)]", "process.waitForEver autopsy_linux_test.go:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
	select {
	case <-c.Exited():
	default:
		t.Error("the process runs still")
	}
	if tail := strings.Join(c.Tail(), "\n"); strings.Contains(tail, "goroutine") {
		t.Errorf("its goroutines are in its log:\n%s", tail)
	}
}

// TestAutopsyOfStopped: one that can't print its goroutines, since somebody has stopped
// it, is said to be stopped, and ended.
func TestAutopsyOfStopped(t *testing.T) {
	t.Parallel()
	c := startHanging(t)
	if err := c.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	report := c.autopsy(100 * time.Millisecond)
	if !strings.Contains(report, "T (stopped)") || !strings.Contains(report, "it has not ended") {
		t.Errorf("the report does not tell that it is stopped:\n%s", report)
	}
	if again := c.Autopsy(); !strings.Contains(again, "it has ended (signal: killed)") {
		t.Errorf("a second report: %s", again)
	}
}
