// What a running process uses, from /proc.

package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Peak is the most resident memory that the running process has had (VmHWM), in
// bytes; 0 where the system does not tell. The peak that the kernel reports for an
// ended child may be its parent's.
func (c *child) Peak() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}

// Spent is what the running process has used of the processors so far; 0 where the
// system does not tell.
func (c *child) Spent() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.PID()))
	if err != nil {
		return 0
	}
	// After the name, which may hold anything, in parentheses: the state is the third
	// field of proc_pid_stat(5), user and system time are the 14th and 15th, in ticks
	// of 10 ms.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(string(field))
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
