// Finding the processes of a program, and their memory, in /proc.

package tree

import (
	"bytes"
	"os"
	"strconv"
	"sync/atomic"
)

// watch follows the processes that come from one.
type watch struct {
	root    int
	members map[int]member // as they were at the last look
	peak    int64
	looks   atomic.Int64 // how many there have been
}

// member is a process of /proc/PID/stat, see proc_pid_stat(5).
type member struct {
	pid, parent, session int
	began                string // when it began: tells it from a later process of the same id
	resident             int64
}

func newWatch(root int) *watch { return &watch{root: root, members: map[int]member{}} }

// look finds the members and adds up their memory. A process belongs to the program
// if it is in its session, if its parent belongs to it, or if it did before.
func (w *watch) look() {
	all := processes()
	found := map[int]member{}
	for grown := true; grown; {
		grown = false
		for pid, m := range all {
			before, known := w.members[pid]
			_, child := found[m.parent]
			if pid == w.root || m.session == w.root || child || known && before.began == m.began {
				found[pid] = m
				delete(all, pid)
				grown = true
			}
		}
	}
	sum := int64(0)
	for pid, m := range found {
		sum += m.resident
		// One process alone may have had its peak between two looks.
		w.peak = max(w.peak, highest(pid))
	}
	w.members, w.peak = found, max(w.peak, sum)
	w.looks.Add(1)
}

// processes reads every process there is.
func processes() map[int]member {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // those that could be read
	all := make(map[int]member, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if stat, err := os.ReadFile("/proc/" + name + "/stat"); err == nil {
			if m, ok := parseStat(pid, stat); ok {
				all[pid] = m
			}
		}
	}
	return all
}

// parseStat reads a line of /proc/PID/stat. The name, which may hold anything, is in
// parentheses; after it come the state (field 3), the parent, and so on.
func parseStat(pid int, stat []byte) (m member, ok bool) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return m, false
	}
	field := func(n int) int64 {
		i, _ := strconv.ParseInt(string(fields[n-3]), 10, 64) // the kernel prints numbers
		return i
	}
	return member{
		pid: pid, parent: int(field(4)), session: int(field(6)), began: string(fields[22-3]),
		resident: field(24) * int64(os.Getpagesize()),
	}, true
}

// highest is the most memory that a running process has had resident (VmHWM). The
// peak that the kernel reports of an ended child may be its parent's.
func highest(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return kilobytes << 10
}
