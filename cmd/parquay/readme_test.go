// The README is kept true: its settings are the struct's, its links lead somewhere,
// and its console examples are run.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const (
	readme        = "../../README.md"
	settingsBegin = "<!-- settings: go test ./cmd/parquay -run README -update -->\n"
	settingsEnd   = "<!-- end of settings -->\n"
)

func TestREADMESettings(t *testing.T) {
	text := readDocument(t, readme)
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
	checkDocument(t, readme, text, before+settingsBegin+table+settingsEnd+after)
}

func TestREADMELinks(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("the documents were not found: %v", err)
	}
	for _, file := range append(files, readme, "../../CONTRIBUTING.md") {
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(readDocument(t, file), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, link[1], err)
			}
		}
	}
}

// Every command of the README is run as it stands there, but for the port, on a
// gateway of its own. It is stopped before the first one that looks at files.
func TestREADMEConsole(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the README's examples need curl, which is not installed")
	}
	dir := t.TempDir()
	setEnvironment(t, nil)
	p, address := startExample(t, dir, "PARQUAY_FLUSH_INTERVAL=1h")
	local := strings.NewReplacer("127.0.0.1:8080", address, "bin/parquay", "parquay")
	text := readDocument(t, readme)
	want := runConsole(text, func(command string) string {
		if !strings.Contains(command, "curl") {
			p.cmd.Process.Signal(syscall.SIGTERM) // in vain if it has ended
			<-p.done
		}
		return shell(t, dir, local.Replace(command))
	})
	if masked(want) != masked(text) {
		checkDocument(t, readme, text, want)
	}
}

// startExample starts a gateway in dir, on a free port, and returns its address.
func startExample(t *testing.T, dir string, env ...string) (p *process, address string) {
	t.Helper()
	p = new(process)
	err := p.start(dir, append(append(os.Environ(), "PARQUAY_LOG_FORMAT=json",
		"PARQUAY_LISTEN=127.0.0.1:0", "PARQUAY_ADMIN_LISTEN=127.0.0.1:0"), env...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	line, ok := p.log.await(servingMessage, p.done)
	if !ok {
		t.Fatalf("it ended before it served:\n%s", p.log.text())
	}
	return p, line.Events
}
