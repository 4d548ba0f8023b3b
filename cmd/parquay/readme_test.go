// The README is kept true: its settings are the struct's, its links lead somewhere,
// and its console examples are run.

package main

import (
	"errors"
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

// Every command of the README is run as it stands there, but for the ports. The first
// gateway is the one of `make run`; a command with & starts the next one. A gateway is
// stopped before a command that looks at files, and before the next one.
func TestREADMEConsole(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("the README's examples need curl, which is not installed")
	}
	dir := t.TempDir()
	writeCertificate(t, dir)
	setEnvironment(t, nil)
	p, address := startExample(t, dir, "PARQUAY_FLUSH_INTERVAL=1h")
	local := map[string]string{"127.0.0.1:8080": address}
	text := readDocument(t, readme)
	want := runConsole(text, func(command string) string {
		if !strings.Contains(command, "curl") {
			p.cmd.Process.Signal(syscall.SIGTERM) // in vain if it has ended
			<-p.done
		}
		if settings, ok := strings.CutSuffix(command, " bin/parquay serve &\n"); ok {
			settings, port, _ := strings.Cut(settings, " PARQUAY_LISTEN=0.0.0.0:")
			p, address = startExample(t, dir, strings.Fields(settings)...)
			local["127.0.0.1:"+port] = address
			return ""
		}
		command = strings.ReplaceAll(command, "bin/parquay", "parquay")
		for documented, address := range local {
			command = strings.ReplaceAll(command, documented, address)
		}
		return shell(t, dir, command)
	})
	if masked(want) != masked(text) {
		checkDocument(t, readme, text, want)
	}
}

// writeCertificate writes dir/tls.crt and dir/tls.key.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	cert, key, err := selfSigned("parquay")
	if err == nil {
		err = errors.Join(
			os.WriteFile(filepath.Join(dir, "tls.crt"), cert, 0o600),
			os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600))
	}
	if err != nil {
		t.Fatal(err)
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
