// Starting a program, waiting for it, and for whatever it leaves behind.

package tree

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a running program with the processes that come from it.
type Process struct {
	cmd    *exec.Cmd
	output string        // the file that it prints into
	ended  chan struct{} // closed when the program itself has ended
	watch  *watch
}

// every is how often memory is looked at. Each look reads a file of every process of
// the machine, which takes a few milliseconds; a process's own peak is kept by the
// kernel in between.
const every = 100 * time.Millisecond

// Start starts a program in a session of its own, which prints into the file output.
// It is killed if this process dies.
func Start(cmd *exec.Cmd, output string) (*Process, error) {
	// Processes whose parent ends before them become this process's children, so that
	// what they have used is not lost.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("adopt orphans: %w", err)
	}
	file, err := os.Create(output)
	if err != nil {
		return nil, fmt.Errorf("make a file for the output: %w", err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd, output: output, ended: make(chan struct{}), watch: newWatch(cmd.Process.Pid)}
	go p.follow()
	return p, nil
}

// follow looks at the processes until the program has ended.
func (p *Process) follow() {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		p.watch.look()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.watch.look()
			case <-stop:
				return
			}
		}
	}()
	_ = p.cmd.Wait() // ProcessState tells
	close(stop)
	<-stopped
	close(p.ended)
}

// PID is the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Signal sends a signal to the program alone.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal the process: %w", err)
	}
	return nil
}

// Kill ends the program, if it still runs, and everything that came from it.
func (p *Process) Kill() {
	select {
	case <-p.ended:
	default:
		_ = p.cmd.Process.Kill() // it fails if it has ended
		<-p.ended
	}
	p.bury()
}

// Wait waits until the program ends, ends what it leaves behind, and says what all of
// them have used. If ctx ends first, all of them are killed.
func (p *Process) Wait(ctx context.Context) (Usage, error) {
	var err error
	select {
	case <-p.ended:
	case <-ctx.Done():
		err = fmt.Errorf("wait for %s: %w", p.cmd.Path, context.Cause(ctx))
		p.Kill()
	}
	// The kernel adds to a process's usage that of the children it has waited for.
	state := p.cmd.ProcessState
	cpu := state.UserTime() + state.SystemTime() + p.bury()
	return Usage{CPU: cpu, Peak: p.watch.peak, Code: state.ExitCode()}, err
}

// bury kills and waits for those that the ended program has left behind, and returns
// what they had used. They are children of this process now.
func (p *Process) bury() (cpu time.Duration) {
	for {
		p.watch.look()
		left := 0
		for _, m := range p.watch.members {
			if m.parent != os.Getpid() || m.pid == p.PID() {
				continue
			}
			left++
			_ = syscall.Kill(m.pid, syscall.SIGKILL) // it fails if it has ended
			var usage syscall.Rusage
			if _, err := syscall.Wait4(m.pid, nil, 0, &usage); err == nil {
				cpu += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
			}
		}
		if left == 0 { // the children of the last ones have come by now
			return cpu
		}
	}
}

// tailBytes is enough to see what led to an end.
const tailBytes = 4 << 10

// Tail returns the end of what the program has printed.
func (p *Process) Tail() string {
	text, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-tailBytes):])
}
