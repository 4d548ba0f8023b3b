// The published guarantees are kept true: every fault has its row, and every test
// that is named exists.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const guaranteesPage = "../../docs/guarantees.md"

// faults is how many rows the matrix has: F1, F2 and so on.
const faults = 24

var namedTest = regexp.MustCompile("`([a-z0-9/]+\\.(?:Test|Fuzz)\\w+|[a-z-]+\\.txtar)`")

func TestGuarantees(t *testing.T) {
	page := readDocument(t, guaranteesPage)
	for _, name := range namedTest.FindAllStringSubmatch(page, -1) {
		if !testIsThere(t, name[1]) {
			t.Errorf("there is no test %s", name[1])
		}
	}
	targets := readDocument(t, "../../Makefile")
	for _, target := range regexp.MustCompile("`make ([a-z]+)`").FindAllStringSubmatch(page, -1) {
		if !strings.Contains(targets, "\n"+target[1]+":") {
			t.Errorf("there is no target %s", target[1])
		}
	}
	for n := 1; n <= faults; n++ {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| F%d \|(.*)\|$`, n)).FindAllStringSubmatch(page, -1)
		if len(row) != 1 {
			t.Errorf("F%d has %d rows", n, len(row))
			continue
		}
		cells := strings.Split(row[0][1], "|")
		if len(cells) != 5 {
			t.Errorf("F%d has %d cells", n, len(cells))
			continue
		}
		if n == faults {
			if !strings.Contains(cells[2], "`make mutants`") {
				t.Errorf("F%d names no command", n)
			}
		} else if !namedTest.MatchString(cells[2]) {
			t.Errorf("F%d names no test", n)
		}
		if strings.TrimSpace(cells[4]) == "" {
			t.Errorf("F%d has no number of runs", n)
		}
	}
}

// testIsThere looks for folder.TestName, or for a script of this package.
func testIsThere(t *testing.T, name string) bool {
	t.Helper()
	folder, function, _ := strings.Cut(name, ".")
	if function == "txtar" {
		_, err := os.Stat(filepath.Join("testdata/script", name))
		return err == nil
	}
	files, err := filepath.Glob(filepath.Join("../..", filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.Contains(readDocument(t, file), "\nfunc "+function+"(") {
			return true
		}
	}
	return false
}
