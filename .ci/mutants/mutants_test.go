package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryRuleHasAMutation: the rules that the fault matrix names, and the
// invariants, are each broken at least once; and no mutation breaks another.
func TestEveryRuleHasAMutation(t *testing.T) {
	broken := map[string]int{}
	seen := map[string]bool{}
	for _, m := range mutations() {
		broken[m.rule]++
		if !slices.Contains(rules, m.rule) {
			t.Errorf("%s: %q is no rule", m.name, m.rule)
		}
		if m.name == "" || seen[m.name] {
			t.Errorf("two mutations are called %q", m.name)
		}
		seen[m.name] = true
	}
	for _, rule := range rules {
		if broken[rule] == 0 {
			t.Errorf("no mutation breaks the rule %q", rule)
		}
	}
}

// TestMutationsApply: every mutation fits the code as it is and gives a package that
// compiles, and its tests exist.
func TestMutationsApply(t *testing.T) {
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	packages := load(t, root)
	for _, m := range mutations() {
		mutated, err := m.apply(root)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if err := packages.check(filepath.Join(root, m.file), mutated); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		wanted, err := regexp.Compile("^(" + m.run + ")$")
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if found := testsOf(t, filepath.Join(root, m.in)); !slices.ContainsFunc(found, wanted.MatchString) {
			t.Errorf("%s: %s has no test %s", m.name, m.in, m.run)
		}
	}
}

// module is what the compiler has made of the module's packages.
type module struct {
	files  *token.FileSet
	export map[string]string   // by import path
	read   types.Importer      // of what was exported
	of     map[string][]string // all files of the package that a file is of
	path   map[string]string
}

func load(t *testing.T, root string) *module {
	t.Helper()
	m := &module{files: token.NewFileSet(), export: map[string]string{}, of: map[string][]string{}, path: map[string]string{}}
	m.read = importer.ForCompiler(m.files, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(m.export[path])
	})
	list := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Dir,Export,GoFiles,Standard", "./cmd/parquay")
	list.Dir = root
	var stderr bytes.Buffer
	list.Stderr = &stderr
	output, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	for d := json.NewDecoder(bytes.NewReader(output)); ; {
		var p struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
			Standard                bool
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return m
		} else if err != nil {
			t.Fatal(err)
		}
		m.export[p.ImportPath] = p.Export
		for _, file := range p.GoFiles {
			name := filepath.Join(p.Dir, file)
			m.path[name] = p.ImportPath
			for _, other := range p.GoFiles {
				m.of[name] = append(m.of[name], filepath.Join(p.Dir, other))
			}
		}
	}
}

// check type-checks the package of a file that was replaced.
func (m *module) check(file string, content []byte) error {
	var parsed []*ast.File
	for _, name := range m.of[file] {
		var source any
		if name == file {
			source = content
		}
		f, err := parser.ParseFile(m.files, name, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		parsed = append(parsed, f)
	}
	if parsed == nil {
		return fmt.Errorf("%s is not a part of the gateway", file)
	}
	config := types.Config{Importer: m.read}
	_, err := config.Check(m.path[file], m.files, parsed, nil)
	return err
}

var declared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)

// testsOf lists the tests of a package.
func testsOf(t *testing.T, dir string) (found []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range declared.FindAllStringSubmatch(string(source), -1) {
			found = append(found, match[1])
		}
	}
	return found
}

// TestCulprit: the first failure is named, in whatever way it shows.
func TestCulprit(t *testing.T) {
	for _, test := range []struct{ output, want string }{
		{"=== RUN   TestA\n--- PASS: TestA (0s)\n=== RUN   TestB\n    --- FAIL: TestB/x (0s)\n--- FAIL: TestB (0s)\n", "TestB"},
		{"=== RUN   TestA\n=== RUN   TestA/x\npanic: all is lost\n", "TestA (dies)"},
		{"=== RUN   TestA\npanic: test timed out after 1s\n", "TestA (hangs)"},
		{"--- PASS: TestA (0s)\nPASS\ngoleak: Errors on successful test run\n", "goleak"},
	} {
		if got := culprit(test.output); got != test.want {
			t.Errorf("%q: %s, want %s", strings.ReplaceAll(test.output, "\n", "|"), got, test.want)
		}
	}
}
