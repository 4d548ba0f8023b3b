// Why a process hangs: what the kernel and its own goroutines say, before it is killed.

package process

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// dumpWithin is how long a hanging process may take to print its goroutines, which
	// ends it. One that is stopped, or in the kernel for good, never does.
	dumpWithin = 20 * time.Second
	// dumpLines bounds what is kept of that: some thousand goroutines.
	dumpLines = 100_000
	// autopsyLines is how much of the log is told.
	autopsyLines = 40
)

// dumpBegins is how the Go runtime begins to print its goroutines at SIGQUIT.
const dumpBegins = "SIGQUIT: quit"

// Autopsy tells what a process does that should have done something else by now: the
// states of its threads in the kernel, the end of its log, and its goroutines. It
// ends the process. Of one that has ended it tells how, and the end of its log.
func (c *child) Autopsy() string { return c.autopsy(dumpWithin) }

func (c *child) autopsy(within time.Duration) string {
	select {
	case <-c.exited:
		return fmt.Sprintf("it has ended (%v); it printed last:\n%s", c.cmd.ProcessState, c.lastLines())
	default:
	}
	var report strings.Builder
	fmt.Fprintf(&report, "in the kernel:\n%s", threads(c.PID()))
	fmt.Fprintf(&report, "it printed last:\n%s\n", c.lastLines())
	_ = c.Signal(syscall.SIGQUIT) // it fails only if the process has ended
	select {
	case <-c.exited:
	case <-time.After(within):
		fmt.Fprintf(&report, "it has not ended within %v of SIGQUIT, when in the kernel:\n%s", within, threads(c.PID()))
		c.Kill()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(&report, "its goroutines, those that are alike together:\n%s", goroutines(c.mu.dump))
	return report.String()
}

func (c *child) lastLines() string {
	// A client that is refused is a line a second, which would hide all others.
	list := slices.DeleteFunc(c.Tail(), func(line string) bool { return strings.Contains(line, `"msg":"request"`) })
	return strings.Join(list[max(0, len(list)-autopsyLines):], "\n")
}

// threads tells who traces a process, and for each state and place in the kernel how
// many of its threads are there.
func threads(pid int) string {
	var said strings.Builder
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return fmt.Sprintf("  %v\n", err)
	}
	for line := range strings.Lines(string(status)) {
		for _, wanted := range []string{"State:", "TracerPid:", "Threads:", "VmRSS:", "SigPnd:", "ShdPnd:"} {
			if strings.HasPrefix(line, wanted) {
				said.WriteString("  " + line)
			}
		}
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	count := map[string]int{}
	for _, task := range tasks {
		stat, _ := os.ReadFile(filepath.Join(task, "stat")) // a thread that has just ended has none
		_, rest, _ := strings.Cut(string(stat), ") ")
		state, _, _ := strings.Cut(rest, " ")
		place, _ := os.ReadFile(filepath.Join(task, "wchan")) // nor a kernel that keeps it secret
		count[state+" "+string(place)]++
	}
	for where, n := range count {
		fmt.Fprintf(&said, "  %d threads: %s\n", n, where)
	}
	return said.String()
}

// goroutines makes a dump short: stacks that differ in nothing but numbers are told
// once, the rarest first, since a process has hundreds of workers that wait for work.
func goroutines(dump []string) string {
	type group struct {
		count int
		text  string
	}
	var groups []*group
	by := map[string]*group{}
	for _, block := range strings.Split(strings.Join(dump, "\n"), "\n\n") {
		head, stack, _ := strings.Cut(block, "\n")
		if !strings.HasPrefix(head, "goroutine ") {
			continue
		}
		_, state, _ := strings.Cut(head, "[")
		what := callers(stack)
		g := by[what]
		if g == nil {
			g = &group{text: "[" + state + "\n" + what}
			by[what] = g
			groups = append(groups, g)
		}
		g.count++
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return cmp.Compare(a.count, b.count) })
	var said strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&said, "%d × %s\n", g.count, g.text)
	}
	return said.String()
}

// callers are a stack's functions and lines of source, without arguments and offsets.
func callers(stack string) string {
	var said strings.Builder
	lines := strings.Split(stack, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		if strings.HasPrefix(lines[i], "rax ") {
			break // the registers follow the last stack
		}
		function := lines[i]
		if end := strings.LastIndexByte(function, '('); end > 0 && !strings.HasPrefix(function, "created by") {
			function = function[:end]
		} else {
			function, _, _ = strings.Cut(function, " in goroutine")
		}
		source, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " +")
		fmt.Fprintf(&said, "    %s %s\n", function, filepath.Base(source))
	}
	return said.String()
}
