// The console examples of the documents: each is run as it stands there, and what it
// prints must be what stands below it.

package main

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the README's settings, and what examples and scripts print")

// consoleBlock is an example; each of its commands begins with "$ ".
var consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

// runConsole returns text with the output of its commands as run returns it. A
// command goes on in the next line after a backslash.
func runConsole(text string, run func(command string) string) string {
	return consoleBlock.ReplaceAllStringFunc(text, func(block string) string {
		var b strings.Builder
		b.WriteString("```console\n")
		command := ""
		for line := range strings.Lines(block) {
			if command == "" && !strings.HasPrefix(line, "$ ") {
				continue // the output of the last one
			}
			if command += line; strings.HasSuffix(command, "\\\n") {
				continue
			}
			b.WriteString(command + run(strings.TrimPrefix(command, "$ ")))
			command = ""
		}
		return b.String() + "```"
	})
}

// shell runs a command line and returns what it prints, ending with a line feed if
// it is anything.
func shell(t *testing.T, dir, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", command, err)
	}
	if len(output) == 0 {
		return ""
	}
	return strings.TrimSuffix(string(output), "\n") + "\n"
}

// unstable is what differs from run to run in the output of an example.
var unstable = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`[0-9a-f]{32}\.\d+\.\d+`), "RECEIPT"},
	{regexp.MustCompile(`[0-9a-f]{32}-\d{12}`), "INCARNATION-WINDOW"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`dt=\d{4}-\d\d-\d\d/hour=\d\d`), "HOUR"},
}

func masked(s string) string {
	for _, u := range unstable {
		s = u.pattern.ReplaceAllString(s, u.mask)
	}
	return s
}

func readDocument(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkDocument compares a document with what it should be, or writes that.
func checkDocument(t *testing.T, file, got, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s is out of date (-want +got); `go test ./cmd/parquay -run %s -update` writes it:\n%s", file, t.Name(), diff)
	}
}
