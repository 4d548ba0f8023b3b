// The lab: mutants are built and tested in it, and nothing is left behind.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// patience is how long the tests of one mutant may take. A mutant that hangs is
// killed by it, which is a way to notice.
const patience = 90 * time.Second

type lab struct {
	root string // the repository
	dir  string // for binaries and overlays
}

// verdict is what became of a mutant. It lives if there is neither a red test nor
// an error.
type verdict struct {
	red string // the first test that noticed
	err error  // why there is no telling
}

// baseline checks that all tests which are to fail pass without a mutation: else
// they would prove nothing.
func (l *lab) baseline(ctx context.Context, chosen []mutation, jobs int) error {
	type suite struct {
		in   string
		race bool
	}
	runs := map[suite][]string{}
	var order []suite
	for _, m := range chosen {
		s := suite{m.in, m.race}
		if runs[s] == nil {
			order = append(order, s)
		}
		if !slices.Contains(runs[s], m.run) {
			runs[s] = append(runs[s], m.run)
		}
	}
	errs := make([]error, len(order))
	turns := make(chan struct{}, max(1, jobs))
	var wait sync.WaitGroup
	for i, s := range order {
		wait.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			v := l.test(ctx, "baseline-"+strconv.Itoa(i), s.in, "^("+strings.Join(runs[s], "|")+")$", s.race, nil)
			switch {
			case v.err != nil:
				errs[i] = v.err
			case v.red != "":
				errs[i] = fmt.Errorf("%s of %s fails without any mutation", v.red, s.in)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// try builds a mutant and runs its tests.
func (l *lab) try(ctx context.Context, number int, m *mutation) verdict {
	mutated, err := m.apply(l.root)
	if err != nil {
		return verdict{err: err}
	}
	name := "mutant-" + strconv.Itoa(number)
	file := filepath.Join(l.dir, name+".go")
	if err := os.WriteFile(file, mutated, 0o600); err != nil {
		return verdict{err: err}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(l.root, m.file): file}})
	if err != nil {
		return verdict{err: err}
	}
	return l.test(ctx, name, m.in, "^("+m.run+")$", m.race, overlay)
}

// test builds the tests of a package, with an overlay if there is one, and runs
// some of them in the package's directory.
func (l *lab) test(ctx context.Context, name, in, run string, race bool, overlay []byte) verdict {
	binary := filepath.Join(l.dir, name+".test")
	args := []string{"test", "-c", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	if overlay != nil {
		file := filepath.Join(l.dir, name+".json")
		if err := os.WriteFile(file, overlay, 0o600); err != nil {
			return verdict{err: err}
		}
		args = append(args, "-overlay", file)
	}
	build := exec.CommandContext(ctx, "go", append(args, "./"+in)...)
	build.Dir = l.root
	if output, err := build.CombinedOutput(); err != nil {
		return verdict{err: fmt.Errorf("it does not build: %w\n%s", err, output)}
	}
	defer os.Remove(binary)
	temp := filepath.Join(l.dir, name) // a test that dies can't clean up
	if err := os.Mkdir(temp, 0o700); err != nil {
		return verdict{err: err}
	}
	defer os.RemoveAll(temp)
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.failfast", "-test.run", run, "-test.timeout", patience.String())
	cmd.Dir = filepath.Join(l.root, in)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "RAPID_NOFAILFILE=1")
	output, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return verdict{err: err}
	}
	if err != nil {
		return verdict{red: culprit(string(output))}
	}
	if !strings.Contains(string(output), "--- PASS: ") {
		return verdict{err: fmt.Errorf("no test of %s matches %s, or all were skipped", in, run)}
	}
	return verdict{}
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// culprit finds the first test that failed, or the one in which the process died.
func culprit(output string) string {
	if m := failed.FindStringSubmatch(output); m != nil {
		return m[1]
	}
	last := "the process"
	for line := range strings.Lines(output) {
		if name, ok := strings.CutPrefix(line, "=== RUN   "); ok {
			last, _, _ = strings.Cut(strings.TrimSpace(name), "/")
		}
	}
	switch {
	case strings.Contains(output, "test timed out"):
		return last + " (hangs)"
	case strings.Contains(output, "goleak"):
		return "goleak"
	}
	return last + " (dies)"
}
