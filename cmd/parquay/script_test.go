// The command line and the running gateway, told as text scripts (testdata/script).

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts start this test's binary as `parquay`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"parquay": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PARQUAY_LISTEN", "127.0.0.1:0")
			env.Setenv("PARQUAY_ADMIN_LISTEN", "127.0.0.1:0")
			env.Values[processKey{}] = new(process)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": cmdExits,
			"serve": cmdServe,
			"halt":  cmdHalt,
			"post":  cmdPost,
			"get":   cmdGet,
		},
	})
}

// cmdExits runs a program and checks its exit code: exits 2 parquay bogus.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); err != nil && !errors.As(err, &exit) {
		ts.Check(err)
	}
	if got := exit.ExitCode(); exit != nil && got != want || exit == nil && want != 0 {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdServe starts the gateway with the script's settings and the variables given,
// waits until it serves, and sets EVENTS and ADMIN to its addresses: serve A=b.
func cmdServe(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value(processKey{}).(*process)
	env := append(os.Environ(), args...)
	for _, name := range variableNames() {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	ts.Check(p.start(ts.MkAbs("."), env))
	ts.Defer(p.kill)
	select {
	case <-p.log.serving:
		ts.Setenv("EVENTS", p.log.line.Events)
		ts.Setenv("ADMIN", p.log.line.Admin)
	case <-p.done:
		ts.Fatalf("it ended before it served:\n%s", p.log.text())
	}
}

// cmdHalt sends SIGTERM or the signal that is named, waits for the end and prints
// the log: halt, halt KILL. After SIGTERM the exit code must be 0.
func cmdHalt(ts *testscript.TestScript, neg bool, args []string) {
	p := ts.Value(processKey{}).(*process)
	signal := syscall.SIGTERM
	if len(args) > 0 && args[0] == "KILL" {
		signal = syscall.SIGKILL
	}
	ts.Check(p.cmd.Process.Signal(signal))
	<-p.done
	io.WriteString(ts.Stdout(), p.log.text())
	if code := p.cmd.ProcessState.ExitCode(); signal == syscall.SIGTERM && (code != 0) != neg {
		ts.Fatalf("exit code %d:\n%s", code, p.log.text())
	}
}

// cmdPost posts a file's bytes and prints the status and the answer: post URL FILE.
func cmdPost(ts *testscript.TestScript, _ bool, args []string) {
	answer, err := http.Post(args[0], "application/octet-stream", strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	printAnswer(ts, answer)
}

// cmdGet gets a URL and prints the status and the answer: get URL.
func cmdGet(ts *testscript.TestScript, _ bool, args []string) {
	answer, err := http.Get(args[0])
	ts.Check(err)
	printAnswer(ts, answer)
}

func printAnswer(ts *testscript.TestScript, answer *http.Response) {
	defer answer.Body.Close()
	io.WriteString(ts.Stdout(), answer.Status+"\n")
	ts.Check(answer.Header.Write(ts.Stdout()))
	_, err := io.Copy(ts.Stdout(), answer.Body)
	ts.Check(err)
}

// process is a script's gateway. A script has one at a time.
type process struct {
	cmd  *exec.Cmd
	log  *logTail
	done chan struct{} // closed when it has exited
}

type processKey struct{} // of testscript.Env.Values

func (p *process) start(dir string, env []string) error {
	p.cmd = exec.Command("parquay", "serve")
	p.log = &logTail{serving: make(chan struct{})}
	p.done = make(chan struct{})
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = dir, env, p.log
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		defer close(done)
		cmd.Wait() // its code is read from ProcessState
	}(p.cmd, p.done)
	return nil
}

func (p *process) kill() {
	p.cmd.Process.Kill() // in vain if it has exited
	<-p.done
}

// logTail keeps a gateway's log, and finds the line that says that it serves.
type logTail struct {
	serving chan struct{} // closed after line was set
	line    struct{ Msg, Events, Admin string }

	mu struct {
		sync.Mutex
		all  bytes.Buffer
		seen int // bytes that were searched
	}
}

// Write takes a part of the log.
func (l *logTail) Write(part []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.all.Write(part)
	for l.line.Msg != servingMessage {
		line, _, whole := bytes.Cut(l.mu.all.Bytes()[l.mu.seen:], []byte("\n"))
		if !whole {
			break
		}
		l.mu.seen += len(line) + 1
		if json.Unmarshal(line, &l.line) == nil && l.line.Msg == servingMessage {
			close(l.serving)
		}
	}
	return len(part), nil
}

func (l *logTail) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.all.String()
}
