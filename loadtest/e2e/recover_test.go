package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parquay/loadtest/e2e/ledger"
)

// parquay runs a command of the binary with the site's settings, and returns what it
// printed and its exit code.
func (s *site) parquay(args ...string) (out, notes string, code int) {
	s.Helper()
	o := s.options()
	cmd := exec.CommandContext(s.Context(), o.Binary, args...)
	cmd.Dir, cmd.Env = o.Work, append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + o.Work}, o.Env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// TestRecoverElsewhere loses the gateway's machine while its store is down. Its disk
// is attached to another one, where `parquay recover` puts all that was acknowledged
// into the bucket; on a copy of the disk it does so once more, and nothing doubles.
func TestRecoverElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_FILE_ROWS=1000", "PARQUAY_WINDOW_BYTES=1MiB")
	store := s.useStore()
	s.start()
	l := s.loadOf("default", s.seed, &ledger.Client{Rate: min(number(t, "E2E_RATE", 3000), 3000)})
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })
	if err := store.Stop(); err != nil {
		t.Fatal(err)
	}
	before, down := l.accepted(), time.Now()
	s.await("events are accepted while the store is down", flushWithin, func() bool {
		return time.Since(down) > 2*time.Second && l.accepted() > before+1000
	})
	l.end() // before the machine is gone: no other one takes what the client repeats
	s.kill()
	attached, copied := filepath.Join(s.work, "attached"), filepath.Join(s.work, "copied")
	if err := os.Rename(s.data, attached); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(copied, os.DirFS(attached)); err != nil {
		t.Fatal(err)
	}

	if out, notes, code := s.parquay("recover", "-within", "1s", attached); code != 1 || !strings.Contains(notes, "stay in the journal") {
		t.Errorf("without a store: exit code %d\n%s%s", code, out, notes)
	}
	if err := store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	pending, _, code := s.parquay("recover", "-n", attached)
	if code != 0 || !strings.Contains(pending, "default: rows ") {
		t.Errorf("dry run: exit code %d\n%s", code, pending)
	}
	var proof struct{ Rows, Pending int64 }
	for _, dir := range []string{attached, copied} {
		out, _, code := s.parquay("verify", "-json", "-journal", dir)
		sum := proof.Rows + proof.Pending
		if err := json.Unmarshal([]byte(out), &proof); err != nil || code != 0 {
			t.Fatalf("verify: exit code %d, %v\n%s", code, err, out)
		}
		if sum != 0 && proof.Rows+proof.Pending != sum {
			t.Errorf("before %d rows were in files or pending, now %d + %d", sum, proof.Rows, proof.Pending)
		}
		if out, notes, code := s.parquay("recover", dir); code != 0 {
			t.Errorf("recover: exit code %d\n%s%s", code, out, notes)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "journal", "*.journal")); len(left) > 0 {
			t.Errorf("recover has left %q", left)
		}
	}
	if report := s.check(l); int64(report.Rows) != proof.Rows {
		t.Errorf("%d rows are in files, and %d were before the second recovery", report.Rows, proof.Rows)
	}
}

// TestVerifyWhileRunning proves from outside, again and again under load and while
// the store is down, that what the gateway has accepted is in files or pending (I7).
// Then a file is taken away, and it is missed.
func TestVerifyWhileRunning(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_FILE_ROWS=1000", "PARQUAY_WINDOW_BYTES=1MiB")
	store := s.useStore()
	s.start()
	l := s.loadOf("default", s.seed, &ledger.Client{Rate: min(number(t, "E2E_RATE", 3000), 3000)})
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 500 })
	sawPending, sawFiles := false, false
	for i := 0; i < 6 || i < 200 && !(sawPending && sawFiles); i++ {
		out, notes, code := s.parquay("verify", "-json", "-admin", s.gateway.Admin)
		var report struct {
			Rows, Pending, Problems int64
			ByKind                  map[string]int64 `json:"by_kind"`
			Listed                  []any
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatalf("verify: exit code %d, %v\n%s%s", code, err, out, notes)
		}
		if report.Problems > 0 {
			t.Errorf("problems %v: %.2000v", report.ByKind, report.Listed)
		}
		sawPending, sawFiles = sawPending || report.Pending > 0, sawFiles || report.Rows > 0
	}
	if !sawPending || !sawFiles {
		t.Errorf("rows pending: %t, in files: %t: the test shows little", sawPending, sawFiles)
	}
	l.end()
	s.await("all is in files", flushWithin, func() bool { return len(s.journal()) == 0 })
	if out, notes, code := s.parquay("verify", "-admin", s.gateway.Admin); code != 0 {
		t.Errorf("at rest: exit code %d\n%s%s", code, out, notes)
	}
	files, err := filepath.Glob(filepath.Join(store.Objects(), "prefix", "events", "*", "*", "*", "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	aside := filepath.Join(s.work, "aside.parquet")
	if err := os.Rename(files[0], aside); err != nil {
		t.Fatal(err)
	}
	if out, _, code := s.parquay("verify", "-admin", s.gateway.Admin); code != 1 || !strings.Contains(out, "events, and ") {
		t.Errorf("without a file: exit code %d\n%s", code, out)
	}
	if err := os.Rename(aside, files[0]); err != nil {
		t.Fatal(err)
	}
	s.stop(stopWithin)
	s.check(l)
}
