// The real gateway, for tests.

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// folder is where the gateway is built, when the first test needs it.
var folder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "loadtest-gateway-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		return m.Run()
	}())
}

// gatewayBinary is the gateway, built once.
var gatewayBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "parquay")
	output, err := exec.Command("go", "build", "-o", path, "../cmd/parquay").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build the gateway: %w\n%s", err, output)
	}
	return path, err
})

// gateway is a process of it.
type gateway struct {
	cmd           *exec.Cmd
	events, admin string // its listeners
	ended         chan struct{}
}

// start starts a gateway in a folder, on free ports unless env says otherwise.
func start(t *testing.T, dir string, env ...string) *gateway {
	t.Helper()
	binary, err := gatewayBinary()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{cmd: exec.Command(binary), ended: make(chan struct{})}
	g.cmd.Dir = dir
	g.cmd.Env = append([]string{
		"PARQUAY_LISTEN=127.0.0.1:0", "PARQUAY_ADMIN_LISTEN=127.0.0.1:0", "PARQUAY_LOG_FORMAT=json", "PARQUAY_FLUSH_INTERVAL=1s",
	}, env...)
	log, err := g.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.kill)
	type addresses struct{ Events, Admin string }
	found := make(chan addresses, 1)
	var tail []string
	go func() {
		defer close(g.ended)
		in := bufio.NewScanner(log)
		for in.Scan() {
			var a addresses
			if json.Unmarshal(in.Bytes(), &a) == nil && a.Admin != "" {
				select {
				case found <- a:
				default: // named before
				}
			}
			tail = append(tail[max(0, len(tail)-20):], in.Text())
		}
		_ = g.cmd.Wait() // killed, as a rule
	}()
	select {
	case a := <-found:
		g.events, g.admin = "http://"+a.Events, "http://"+a.Admin
	case <-g.ended:
		t.Fatalf("the gateway ended: %q", tail)
	case <-time.After(time.Minute):
		t.Fatal("the gateway did not name its addresses within a minute")
	}
	return g
}

func (g *gateway) kill() {
	_ = g.cmd.Process.Signal(syscall.SIGKILL) // it may have ended
	<-g.ended
}
