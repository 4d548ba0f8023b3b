// What machine this is, without its name.

package main

import (
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"parquay/loadtest/peers/report"
)

// describeMachine says what there is to know of the machine, and of the file system
// that dir is on. What can't be found out is "unknown".
func describeMachine(dir string) report.Machine {
	memory, _ := strconv.ParseInt(find("/proc/meminfo", `(?m)^MemTotal:\s*(\d+) kB`), 10, 64) // 0 for unknown
	return report.Machine{
		Cores: runtime.NumCPU(), CPU: find("/proc/cpuinfo", `(?m)^model name\s*:\s*(.+)$`), Memory: memory << 10,
		Kernel: find("/proc/sys/kernel/osrelease", `^([0-9.]+)`), FileSystem: fileSystem(dir), Go: runtime.Version(),
		Load: find("/proc/loadavg", `^(\S+)`),
	}
}

// find is what the group of a pattern is in a file.
func find(name, pattern string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return "unknown"
	}
	match := regexp.MustCompile(pattern).FindSubmatch(text)
	if match == nil {
		return "unknown"
	}
	return strings.TrimSpace(string(match[1]))
}
