package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is one running process, whose output is kept and watched.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed once it has ended and its output is read

	mu struct {
		sync.Mutex
		tail []string // the last lines it printed, before its goroutines
		dump []string // its goroutines, if it was asked for them
	}
}

// tailLines is enough to see what led to an end, and bounds a talkative process.
const tailLines = 200

// startChild starts a program. Every line that it prints goes to log, if that is
// not nil, and to line. It is killed if this process dies.
func startChild(cmd *exec.Cmd, log io.Writer, line func(string)) (*child, error) {
	c := &child{cmd: cmd, exited: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = dieWithParent()
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		defer close(c.exited)
		defer r.Close()
		in := bufio.NewScanner(r)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			c.keep(in.Text())
			if log != nil {
				fmt.Fprintln(log, in.Text())
			}
			line(in.Text())
		}
		_, _ = io.Copy(io.Discard, r) // a line beyond the buffer: never block the process
		_ = cmd.Wait()                // ProcessState tells
	}()
	return c, nil
}

func (c *child) keep(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.mu.dump) > 0 || strings.HasPrefix(line, dumpBegins) {
		if len(c.mu.dump) < dumpLines {
			c.mu.dump = append(c.mu.dump, line)
		}
		return
	}
	if len(c.mu.tail) == tailLines {
		c.mu.tail = c.mu.tail[1:]
	}
	c.mu.tail = append(c.mu.tail, line)
}

// Tail returns the last lines that the process printed.
func (c *child) Tail() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.mu.tail...)
}

// PID is the process's id.
func (c *child) PID() int { return c.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (c *child) Exited() <-chan struct{} { return c.exited }

// Kill ends the process with SIGKILL and waits until it is gone.
func (c *child) Kill() {
	_ = c.cmd.Process.Kill() // it fails only if the process has ended
	<-c.exited
}

// Signal sends a signal.
func (c *child) Signal(s syscall.Signal) error { return c.cmd.Process.Signal(s) }

// Wait waits until the process has ended by itself and returns its exit code, -1
// after a signal. After timeout it ends it, and returns an error that tells what it did.
func (c *child) Wait(timeout time.Duration) (code int, err error) {
	select {
	case <-c.exited:
		return c.cmd.ProcessState.ExitCode(), nil
	case <-time.After(timeout):
		return -1, fmt.Errorf("%s still ran after %v; %s", c.cmd.Path, timeout, c.Autopsy())
	}
}

// CPU is what the ended process has used of the processors.
func (c *child) CPU() time.Duration {
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
}
