//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"parquay/loadtest/e2e/process"
)

// TestOutOfMemory has the kernel kill the gateway for want of memory, under load, again
// and again: it may take more by its settings than its cgroup has. Every acknowledged
// event is in the files, once.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	group := newGroup(t)
	s := newSite(t, "PARQUAY_FLUSH_INTERVAL=1h")
	l := s.load()
	for range times(t, "E2E_OOMS", 2, 20) {
		s.how = nil
		s.start()
		before := l.accepted()
		s.await("events are accepted", flushWithin, func() bool { return l.accepted() > before+500 })
		s.kill()
		s.how = group.confine
		s.limited(group, l)
	}
	s.how = nil
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

// oomRoom is what a gateway may take beyond what it begins with.
const oomRoom = 6 << 20

// limited starts a gateway in a group whose limit is a little above what it begins
// with, and waits until the kernel has killed it.
func (s *site) limited(g *group, l *load) {
	s.Helper()
	g.limit(s.T, 1<<40)
	if err := s.tryStart(s.Context()); err != nil {
		s.Fatal(err)
	}
	before := l.accepted()
	g.limit(s.T, g.used(s.T)+oomRoom)
	code, err := s.gateway.Wait(flushWithin)
	s.target.Store("")
	if err != nil {
		s.Fatal(err)
	}
	if code != -1 {
		s.Errorf("exit code %d; it printed:\n%s", code, strings.Join(s.gateway.Tail(), "\n"))
	}
	s.Logf("killed after %d events", l.accepted()-before)
}

// group is a control group with a limit on its memory.
type group struct {
	dir           string
	most, current string // the files with the limit and the use
}

// newGroup makes one, or skips the test and says what is missing.
func newGroup(t *testing.T) *group {
	t.Helper()
	name := fmt.Sprintf("parquay-e2e-%d", os.Getpid())
	for _, kind := range []group{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"}, // version 1
		{"/sys/fs/cgroup", "memory.max", "memory.current"},
	} {
		g := &group{filepath.Join(kind.dir, name), kind.most, kind.current}
		if os.Mkdir(g.dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.Remove(g.dir); err != nil {
				t.Error(err)
			}
		})
		if _, err := os.Stat(filepath.Join(g.dir, g.most)); err == nil {
			return g
		}
	}
	t.Skip("missing: a cgroup whose memory can be limited")
	return nil
}

func (g *group) limit(t *testing.T, bytes int64) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, g.most), []byte(strconv.FormatInt(bytes, 10)), 0); err != nil {
		t.Fatal(err)
	}
}

// used is what the group has now.
func (g *group) used(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, g.current))
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// confine starts a gateway in the group.
func (g *group) confine(o *process.Options) {
	o.Args = append([]string{"-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs"), o.Binary}, o.Args...)
	o.Binary = "/bin/sh"
}
