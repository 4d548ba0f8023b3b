// The import rule: who may know whom among the module's packages.

package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which of our packages each one may import, besides its own
// sub-packages. cmd/parquay is the one that knows everybody.
var mayImport = map[string][]string{
	"schema":         {},
	"buffer/journal": {},
	"buffer":         {"schema"},
	"writer":         {"schema"},
	"server":         {"schema"},
	"cmd/parquay":    {"schema", "buffer", "writer", "server"},
	"loadtest":       {}, // a black box test: HTTP in, the bucket out
}

func TestImports(t *testing.T) {
	imports, err := readImports("../..")
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range mayImport {
		if _, ok := imports[pkg]; !ok {
			t.Errorf("package %s is in the rule and has no files", pkg)
		}
	}
	for _, broken := range checkImports(imports) {
		t.Error(broken)
	}
}

// The rule itself, on imports that keep it and imports that break it.
func TestImportRule(t *testing.T) {
	for _, test := range []struct {
		pkg, imports string
		ok           bool
	}{
		{"buffer", "schema", true},
		{"buffer", "buffer/journal", true},
		{"writer/s3test", "writer", true},
		{"writer/s3test", "schema", true},
		{"cmd/parquay", "buffer/journal", true},
		{"buffer", "writer", false},
		{"server", "buffer", false},
		{"server", "writer/s3test", false},
		{"schema", "buffer", false},
		{"buffer/journal", "schema", false},
		{"buffer/journal/crashfs", "buffer", false},
		{"writer", "cmd/parquay", false},
		{"loadtest", "loadtest/scenario", true},
		{"loadtest/prove", "loadtest/drive", true},
		{"loadtest/prove", "writer", false},
		{"loadtest/scenario", "schema", false},
		{"newcomer", "schema", false},
	} {
		got := checkImports(map[string][]string{test.pkg: {test.imports}})
		if (len(got) == 0) != test.ok {
			t.Errorf("%s imports %s: %q", test.pkg, test.imports, got)
		}
	}
}

// checkImports lists the imports that break the rule. A sub-package is bound by
// the nearest package above it that the rule names.
func checkImports(imports map[string][]string) (broken []string) {
	for pkg, list := range imports {
		rule := pkg
		for mayImport[rule] == nil && rule != "." {
			rule = path.Dir(rule)
		}
		for _, imported := range list {
			within := func(p string) bool { return imported == p || strings.HasPrefix(imported, p+"/") }
			if rule == "." || (!within(rule) && !slices.ContainsFunc(mayImport[rule], within)) {
				broken = append(broken, fmt.Sprintf("%s imports %s", pkg, imported))
			}
		}
	}
	slices.Sort(broken)
	return broken
}

// readImports lists, for each package folder under root, those of our packages
// that its files import, tests aside. Folders with a go.mod of their own are
// other modules.
func readImports(root string) (map[string][]string, error) {
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(file, "go.mod"))
			if file != root && (err == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		list := imports[filepath.ToSlash(dir)]
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(name, "parquay/"); ok && !slices.Contains(list, ours) {
				list = append(list, ours)
			}
		}
		imports[filepath.ToSlash(dir)] = list
		return nil
	})
	return imports, err
}
