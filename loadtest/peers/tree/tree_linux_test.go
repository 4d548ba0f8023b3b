package tree

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// role names what this test program does when it is started by one of its own tests.
const role = "PARQUAY_TREE_ROLE"

func TestMain(m *testing.M) {
	if play, ok := map[string]func(){"burn": burn, "parent": parent, "deserter": deserter, "idle": idle, "large": large}[os.Getenv(role)]; ok {
		play()
		return
	}
	os.Exit(m.Run())
}

const (
	burned = 300 * time.Millisecond // of CPU
	filled = 96 << 20               // bytes
)

// burn uses CPU, says so, and ends when its input does.
func burn() {
	for {
		var u syscall.Rusage
		if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil || time.Duration(u.Utime.Nano()+u.Stime.Nano()) > burned {
			break
		}
	}
	fmt.Println("burned")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// parent waits for a child that burns.
func parent() {
	if err := play("burn").Run(); err != nil {
		panic(err)
	}
}

// deserter starts a child in a session of its own, and ends before it.
func deserter() {
	cmd := play("burn")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	say(cmd)
}

// idle starts a child that waits for ever, says which, and waits for ever.
func idle() {
	if os.Getenv("DEPTH") == "1" {
		fmt.Println("here")
	} else {
		cmd := play("idle")
		cmd.Env = append(cmd.Env, "DEPTH=1")
		say(cmd)
		fmt.Println("child", cmd.Process.Pid)
	}
	time.Sleep(2 * patience) // nobody waits so long
}

// large has a child that fills memory, and fills its own meanwhile.
func large() {
	memory := make([]byte, filled)
	for i := range memory {
		memory[i] = 1
	}
	if os.Getenv("DEPTH") == "1" {
		fmt.Println("filled")
	} else {
		cmd := play("large")
		cmd.Env = append(cmd.Env, "DEPTH=1")
		say(cmd)
		fmt.Println("both filled", memory[len(memory)-1])
	}
	time.Sleep(2 * patience) // nobody waits so long
}

// play makes a command that starts this program in a role.
func play(name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+name)
	return cmd
}

// say starts a command, whose input stays open, and waits for its first line.
func say(cmd *exec.Cmd) {
	_, err := cmd.StdinPipe()
	if err != nil {
		panic(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		panic(err)
	}
}

// begin starts this program in a role.
func begin(t *testing.T, name string) *Process {
	t.Helper()
	p, err := Start(play(name), filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// patience bounds every wait for a process that hangs.
const patience = time.Minute

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// said waits until a process has printed a text, and returns all that it has printed.
func said(t *testing.T, p *Process, text string) string {
	t.Helper()
	for ctx := patient(t); ; {
		if tail := p.Tail(); strings.Contains(tail, text) {
			return tail
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-p.Ended():
			t.Fatalf("it ended; it printed %s", p.Tail())
		case <-ctx.Done():
			t.Fatalf("it never printed %q but %s", text, p.Tail())
		}
	}
}

func TestCPUOfDescendants(t *testing.T) {
	for _, name := range []string{"parent", "deserter"} {
		t.Run(name, func(t *testing.T) {
			p := begin(t, name)
			usage, err := p.Wait(patient(t))
			if err != nil || usage.Code != 0 {
				t.Fatalf("exit code %d, %v: it printed %s", usage.Code, err, p.Tail())
			}
			if usage.CPU < burned {
				t.Errorf("%v are counted, and its child alone has used %v", usage.CPU, burned)
			}
			p.watch.look()
			if n := len(p.watch.members); n != 0 {
				t.Errorf("%d of its processes are left", n)
			}
		})
	}
}

func TestPeakOfAll(t *testing.T) {
	p := begin(t, "large")
	said(t, p, "both filled")
	ctx, cancel := context.WithCancel(patient(t))
	// The watcher looks ten times a second; the memory stays filled until it has.
	p.watchOnce(t)
	cancel()
	usage, err := p.Wait(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if usage.Peak < 2*filled {
		t.Errorf("the peak is %d MiB, and both have filled %d", usage.Peak>>20, filled>>20)
	}
}

// watchOnce waits until the watcher has looked once more.
func (p *Process) watchOnce(t *testing.T) {
	t.Helper()
	before := p.watch.looks.Load()
	for ctx := patient(t); p.watch.looks.Load() < before+2; { // the first may have begun before
		select {
		case <-time.After(every / 10):
		case <-ctx.Done():
			t.Fatal("nobody looks")
		}
	}
}

func TestNoneIsLeft(t *testing.T) {
	why := errors.New("enough")
	for name, end := range map[string]func(*testing.T, *Process){
		"killed": func(_ *testing.T, p *Process) { p.Kill() },
		"waited for in vain": func(t *testing.T, p *Process) {
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(why)
			if usage, err := p.Wait(ctx); !errors.Is(err, why) || usage.Code != -1 {
				t.Errorf("the exit code is %d, the error %v", usage.Code, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := begin(t, "idle")
			_, text, _ := strings.Cut(said(t, p, "child"), "child ")
			child, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				t.Fatal(err)
			}
			end(t, p)
			for _, pid := range []int{p.PID(), child} {
				if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
					t.Errorf("process %d is left (%v)", pid, err)
				}
			}
		})
	}
}

func TestParseStat(t *testing.T) {
	fields := make([]string, 50)
	for i := range fields {
		fields[i] = strconv.Itoa(i + 3)
	}
	fields[0] = "S"
	line := "42 (a) b (c) " + strings.Join(fields, " ")
	m, ok := parseStat(42, []byte(line))
	want := member{pid: 42, parent: 4, session: 6, began: "22", resident: 24 * int64(os.Getpagesize())}
	if !ok || m != want {
		t.Errorf("%+v, %v; want %+v", m, ok, want)
	}
	for _, bad := range []string{"", "42", "42 (a) S 1", "42 (a) " + strings.Join(fields[:21], " ")} {
		if _, ok := parseStat(42, []byte(bad)); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}
