// The command line and the running gateway, told as text scripts (testdata/script).

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts start this test's binary as `parquay`.
func TestMain(m *testing.M) {
	// With the race detector every process sleeps for a second before it ends, and
	// the scripts start hundreds of them.
	os.Setenv("GORACE", "atexit_sleep_ms=20 "+os.Getenv("GORACE"))
	testscript.Main(m, map[string]func(){"parquay": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Setenv("PARQUAY_LISTEN", "127.0.0.1:0")
			env.Setenv("PARQUAY_ADMIN_LISTEN", "127.0.0.1:0")
			env.Values[processKey{}] = new(process)
			return nil
		},
		Condition: curlHas,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": cmdExits,
			"serve": cmdServe,
			"halt":  cmdHalt,
			"post":  cmdPost,
			"get":   cmdGet,
			"curl":  cmdCurl,
			"spoil": cmdSpoil,
			"hup":   cmdHup,
			"cert":  cmdCert,
			"begin": cmdBegin,
		},
	})
}

// cmdExits runs a program and checks its exit code: exits 2 parquay bogus.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Check(err)
		}
		got = exit.ExitCode()
	}
	if got != want {
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
	line, ok := p.log.await(servingMessage, p.done)
	if !ok {
		ts.Fatalf("it ended before it served:\n%s", p.log.text())
	}
	ts.Setenv("EVENTS", line.Events)
	ts.Setenv("ADMIN", line.Admin)
}

// cmdHalt sends a signal, waits for the end and prints the log. Its argument is
// TERM (also without one), TWICE for a second one once the first is being obeyed,
// or KILL. Unless it is KILL the exit code must be 0.
func cmdHalt(ts *testscript.TestScript, neg bool, args []string) {
	p := ts.Value(processKey{}).(*process)
	kill := slices.Equal(args, []string{"KILL"})
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	ts.Check(p.cmd.Process.Signal(signal))
	if slices.Equal(args, []string{"TWICE"}) {
		if _, ok := p.log.await("stopping", p.done); !ok {
			ts.Fatalf("one signal was enough:\n%s", p.log.text())
		}
		ts.Check(p.cmd.Process.Signal(signal))
	}
	<-p.done
	io.WriteString(ts.Stdout(), p.log.text())
	if code := p.cmd.ProcessState.ExitCode(); !kill && (code != 0) != neg {
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

// cmdCurl runs curl with its own defaults: curl -d @events.ndjson URL. It prints the
// answer's body and, in a line of its own, its status and type. The answer's header
// is in the file head.
func cmdCurl(ts *testscript.TestScript, neg bool, args []string) {
	visible := []string{"-sS", "-D", "head", "-w", "%{http_code} %{content_type}\n"}
	if err := ts.Exec("curl", append(visible, args...)...); (err != nil) != neg {
		ts.Fatalf("curl: %v", err)
	}
}

// curlHas is the condition [http2], or [curl7.82] for a curl of that version at least.
func curlHas(name string) (bool, error) {
	text, err := exec.Command("curl", "--version").Output()
	if err != nil {
		return false, err
	}
	if name == "http2" {
		return bytes.Contains(text, []byte("HTTP2")), nil
	}
	var want, have [2]int
	if _, err := fmt.Sscanf(name, "curl%d.%d", &want[0], &want[1]); err != nil {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	if _, err := fmt.Sscanf(string(text), "curl %d.%d", &have[0], &have[1]); err != nil {
		return false, fmt.Errorf("read the version of curl: %w", err)
	}
	return slices.Compare(have[:], want[:]) >= 0, nil
}

// cmdBegin begins posts to EVENTS whose bodies do not come: it waits until each is
// admitted, and holds them until the script ends: begin COUNT BYTES [KEY]. With
// `begin end`, each then shuts its side; with `begin answer`, what the first is
// answered is printed.
func cmdBegin(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value(processKey{}).(*process)
	switch args[0] {
	case "end":
		for _, c := range p.begun {
			ts.Check(c.CloseWrite())
		}
		return
	case "answer":
		answer, err := http.ReadResponse(bufio.NewReader(p.begun[0]), nil)
		ts.Check(err)
		printAnswer(ts, answer)
		return
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	credential := ""
	if len(args) > 2 {
		credential = "X-API-Key: " + args[2] + "\r\n"
	}
	p.begun = nil
	for range count {
		c, err := net.Dial("tcp", ts.Getenv("EVENTS"))
		ts.Check(err)
		ts.Defer(func() { c.Close() })
		p.begun = append(p.begun, c.(*net.TCPConn))
		_, err = io.WriteString(c, "POST /v1/events HTTP/1.1\r\nHost: gateway\r\n"+credential+"Content-Length: "+args[1]+"\r\nExpect: 100-continue\r\n\r\n")
		ts.Check(err)
		const admitted = "HTTP/1.1 100 Continue\r\n\r\n"
		reply := make([]byte, len(admitted))
		if _, err := io.ReadFull(c, reply); err != nil || string(reply) != admitted {
			ts.Fatalf("it is not admitted: %q, %v", reply, err)
		}
	}
}

// cmdSpoil damages the last frame of a segment, or, in a segment that has grown
// since, the frame that was the last one in an earlier copy: spoil FILE [COPY].
func cmdSpoil(ts *testscript.TestScript, _ bool, args []string) {
	data := []byte(ts.ReadFile(args[0]))
	like := ts.ReadFile(args[len(args)-1])
	end := len(strings.TrimRight(like, "\x00")) // segments are written ahead with zeros
	data[end-20] ^= 0xff
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
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

	begun []*net.TCPConn // the latest posts whose bodies don't come
}

type processKey struct{} // of testscript.Env.Values

func (p *process) start(dir string, env []string) error {
	p.cmd = exec.Command("parquay", "serve")
	p.log = newLogTail()
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

// logTail keeps a gateway's log, which is JSON lines.
type logTail struct {
	mu      sync.Mutex
	all     bytes.Buffer
	changed chan struct{} // closed, and made anew, by every Write
}

// logLine is what a test looks for in the log.
type logLine struct{ Level, Msg, Events, Admin string }

func newLogTail() *logTail { return &logTail{changed: make(chan struct{})} }

// Write takes a part of the log.
func (l *logTail) Write(part []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.all.Write(part)
}

// await returns the first line with that message, as soon as there is one, and
// false if there is none when done is closed.
func (l *logTail) await(msg string, done <-chan struct{}) (logLine, bool) {
	for ended := false; ; {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		for text := range strings.Lines(l.text()) {
			var line logLine
			if json.Unmarshal([]byte(text), &line) == nil && line.Msg == msg {
				return line, true
			}
		}
		if ended {
			return logLine{}, false
		}
		select {
		case <-changed:
		case <-done:
			ended = true // all is written now
		}
	}
}

func (l *logTail) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
