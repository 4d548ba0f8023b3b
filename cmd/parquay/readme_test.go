// The README is kept true: its settings are the struct's, its links lead somewhere,
// and its console examples are run.

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the README's settings and the output of its examples")

const (
	readme        = "../../README.md"
	settingsBegin = "<!-- settings: go test ./cmd/parquay -run README -update -->\n"
	settingsEnd   = "<!-- end of settings -->\n"
)

func readREADME(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// check compares the README with what it should be, or writes that.
func checkREADME(t *testing.T, got, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README.md is out of date (-want +got); `go test ./cmd/parquay -run README -update` writes it:\n%s", diff)
	}
}

func TestREADMESettings(t *testing.T) {
	text := readREADME(t)
	before, rest, ok := strings.Cut(text, settingsBegin)
	_, after, ok2 := strings.Cut(rest, settingsEnd)
	if !ok || !ok2 {
		t.Fatal("the README lacks the marks around its settings")
	}
	table := "| variable | default | meaning |\n|---|---|---|\n"
	for _, v := range variables() {
		def := ""
		if v.def != "" {
			def = "`" + v.def + "`"
		}
		table += fmt.Sprintf("| `%s` | %s | %s |\n", v.name, def, v.meaning)
	}
	checkREADME(t, text, before+settingsBegin+table+settingsEnd+after)
}

func TestREADMELinks(t *testing.T) {
	for _, file := range []string{readme, "../../CONTRIBUTING.md", "../../docs/ARCHITECTURE.md", "../../docs/operations.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, link[1], err)
			}
		}
	}
}

// consoleBlock is an example; each of its commands begins with "$ ".
var consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

// unstable is what differs from run to run in the output of an example.
var unstable = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`[0-9a-f]{32}`), "INCARNATION"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`dt=\d{4}-\d\d-\d\d/hour=\d\d`), "HOUR"},
}

func masked(s string) string {
	for _, u := range unstable {
		s = u.pattern.ReplaceAllString(s, u.mask)
	}
	return s
}

// Every command of the README is run as it stands there, but for the port, on a
// gateway of its own. It is stopped before the first one that looks at files.
func TestREADMEConsole(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the README's examples need curl, which is not installed")
	}
	dir := t.TempDir()
	var p process
	setEnvironment(t, nil)
	err := p.start(dir, append(os.Environ(), "PARQUAY_LOG_FORMAT=json", "PARQUAY_FLUSH_INTERVAL=1h",
		"PARQUAY_LISTEN=127.0.0.1:0", "PARQUAY_ADMIN_LISTEN=127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	line, ok := p.log.await(servingMessage, p.done)
	if !ok {
		t.Fatalf("it ended before it served:\n%s", p.log.text())
	}
	local := strings.NewReplacer("127.0.0.1:8080", line.Events, "bin/parquay", "parquay")
	text := readREADME(t)
	want := consoleBlock.ReplaceAllStringFunc(text, func(block string) string {
		var b strings.Builder
		b.WriteString("```console\n")
		for command := range strings.Lines(block) {
			command, ok := strings.CutPrefix(command, "$ ")
			if !ok {
				continue // the output of the last one
			}
			if !strings.Contains(command, "curl") {
				p.cmd.Process.Signal(syscall.SIGTERM) // in vain if it has ended
				<-p.done
			}
			fmt.Fprintf(&b, "$ %s%s", command, shell(t, dir, local.Replace(command)))
		}
		return b.String() + "```"
	})
	if masked(want) != masked(text) {
		checkREADME(t, text, want)
	}
}

// shell runs a command line and returns what it prints, ending with a line feed.
func shell(t *testing.T, dir, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", command, err)
	}
	return strings.TrimSuffix(string(output), "\n") + "\n"
}
