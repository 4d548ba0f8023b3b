package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"parquay/loadtest/e2e/process"
)

// TestOrderOfSyncs watches the gateway's system calls, with strace, and expects each
// sync in its place. ext4 keeps most of what was not synced by accident, so that not
// even a power cut shows one that is missing; other file systems don't.
func TestOrderOfSyncs(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("missing: strace, to watch the system calls with")
	}
	s := newSite(t, "PARQUAY_WINDOW_BYTES=1MiB")
	s.keep(s.work)
	trace := filepath.Join(s.work, "strace")
	s.how = func(o *process.Options) {
		o.Args = []string{
			"-D", "-f", "-y", "-s", "1000", "--seccomp-bpf", "-o", trace,
			"-e", "trace=openat,mkdirat,fsync,fdatasync,linkat,unlinkat", o.Binary,
		}
		o.Binary = strace
	}
	s.start()
	l := s.gently()
	s.await("events are accepted", flushWithin, func() bool { return l.accepted() > 10000 })
	l.end()
	s.stop(stopWithin)
	s.how = nil
	s.drain()
	s.check(l)

	o := order{t: t, journal: filepath.Join(s.data, "journal"), synced: map[string]int{}, syncs: map[string]int{}, made: map[string]int{}}
	for _, c := range calls(t, trace) {
		o.take(c)
	}
	t.Logf("%d segments, %d files, %d folders and %d deletions in order", o.segments, o.files, o.folders, o.deletions)
	if o.segments < 2 || o.files < 2 || o.folders < 2 || o.deletions < 2 || o.kept < 2 {
		t.Error("too few to show anything")
	}
}

// call is the beginning or the end of a system call.
type call struct {
	by    string // the thread
	name  string
	path  string // what it is about: of linkat the new name
	from  string // of linkat: the old name
	fresh bool   // of openat: it makes a file
	ended bool   // without an error
	line  string
}

var (
	whole    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+)`)
	begun    = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$`)
	resumed  = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>.*\) += (-?\d+)`)
	opened   = regexp.MustCompile(`^\d+<([^>]*)>`)
	quoted   = regexp.MustCompile(`"([^"]*)"`)
	creating = "O_CREAT|O_EXCL"
)

// calls reads strace's output: each call is there twice, when it begins and when it has
// ended, in the order in which these happened.
func calls(t *testing.T, name string) []call {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []call
	open := map[string]call{} // by thread
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		line := in.Text()
		if m := whole.FindStringSubmatch(line); m != nil {
			c := parseCall(m[1], m[2], m[3], line)
			list = append(list, c)
			c.ended = true
			if m[4][0] != '-' {
				list = append(list, c)
			}
		} else if m := begun.FindStringSubmatch(line); m != nil {
			c := parseCall(m[1], m[2], m[3], line)
			list = append(list, c)
			open[m[1]] = c
		} else if m := resumed.FindStringSubmatch(line); m != nil && m[3][0] != '-' {
			c := open[m[1]]
			c.ended = true
			list = append(list, c)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

func parseCall(by, name, arguments, line string) call {
	c := call{by: by, name: name, line: line, fresh: strings.Contains(arguments, creating)}
	if m := opened.FindStringSubmatch(arguments); m != nil {
		c.path = m[1]
		return c
	}
	names := quoted.FindAllStringSubmatch(arguments, -1)
	if len(names) > 0 {
		c.path, c.from = names[len(names)-1][1], names[0][1]
	}
	return c
}

// order follows the calls and knows what is durable.
type order struct {
	t       *testing.T
	journal string
	clock   int            // counts calls
	synced  map[string]int // when the last completed sync of a file or a folder began
	syncs   map[string]int // of a thread that syncs: when that began
	made    map[string]int // when a name was made that is not known to be durable

	segments, files, folders, deletions int
	kept                                int // files whose window was deleted
}

func (o *order) take(c call) {
	o.clock++
	folder := filepath.Dir(c.path)
	switch {
	case c.name == "fsync" || c.name == "fdatasync":
		o.sync(c)
	case c.name == "openat" && c.fresh && c.ended, c.name == "mkdirat" && c.ended:
		o.made[c.path] = o.clock
	case c.name == "linkat" && !c.ended:
		// A whole file gets the name. That its folder stays, and the name, is asked for
		// when the window is deleted.
		if o.synced[c.from] == 0 {
			o.t.Errorf("a file that was not synced gets its name: %s", c.line)
		}
	case c.name == "linkat":
		o.made[c.path] = o.clock
		o.files++
	case c.name == "unlinkat" && !c.ended && folder == o.journal:
		o.durableFiles(c)
		o.deletions++
	}
}

// sync notes one. The first of a segment is of its header; at the second one frames
// are in it, and its name must be durable.
func (o *order) sync(c call) {
	if !c.ended {
		o.syncs[c.by] = o.clock
		if filepath.Dir(c.path) == o.journal && o.synced[c.path] != 0 && o.made[c.path] != 0 {
			o.durable(c.path, c)
			delete(o.made, c.path)
			o.segments++
		}
		return
	}
	o.synced[c.path] = o.syncs[c.by]
}

// durable expects a name, and those of the folders that it is in, to have been synced
// since they were made.
func (o *order) durable(name string, c call) {
	for path := name; path != "/" && path != "."; path = filepath.Dir(path) {
		when, is := o.made[path]
		if !is {
			continue
		}
		if o.synced[filepath.Dir(path)] < when {
			o.t.Errorf("the name %s is not durable, at %s", path, c.line)
			return
		}
		if strings.HasSuffix(path, ".journal") {
			continue
		}
		delete(o.made, path)
		if path != name {
			o.folders++
		}
	}
}

// durableFiles expects the files of a window whose segment is being deleted to be
// durable under their names.
func (o *order) durableFiles(c call) {
	parts := strings.Split(strings.TrimSuffix(filepath.Base(c.path), ".journal"), "-")
	if len(parts) != 3 {
		return
	}
	prefix := parts[0] + "-" + strings.Repeat("0", 12-len(parts[1])) + parts[1] + "-"
	for name := range o.made {
		if strings.HasPrefix(filepath.Base(name), prefix) {
			o.durable(name, c)
			o.kept++
		}
	}
}
