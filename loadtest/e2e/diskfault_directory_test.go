//go:build linux

package e2e

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parquay/loadtest/e2e/disk"
	"parquay/loadtest/e2e/process"
)

// TestDirectoryIsDeleted deletes the journal's directory under the running gateway. It
// ends, with the journal's exit code, when it begins the next segment; what it had
// acknowledged it still has in memory, and puts it into the bucket first.
func TestDirectoryIsDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.keepFiles(s.work)
	s.start()
	l := s.gently()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })
	if err := os.RemoveAll(s.data); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	s.exits(exitJournal, flushWithin)
	if !s.gateway.Said("ERROR", "the journal has failed", "no such file or directory") {
		t.Error("the log does not tell why")
	}
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

// TestDiskTurnsReadOnly has the file system find an error in itself, under load. The
// gateway ends; no other starts there, and says why, until the disk is mended.
func TestDiskTurnsReadOnly(t *testing.T) {
	t.Parallel()
	d := disk.New(t, 1<<30)
	s := newSite(t)
	s.keep(d.Dir)
	s.keepFiles(s.work)
	s.start()
	l := s.gently()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })
	d.Break()
	s.await("the failure is answered", flushWithin, func() bool {
		return l.answered(http.StatusServiceUnavailable) > 2*connections || s.ended()
	})
	before := l.accepted()
	s.exits(exitJournal, flushWithin)
	if after := l.accepted(); after != before {
		t.Errorf("%d events were accepted after the failure", after-before)
	}
	s.refusesToStart(exitFailed, s.data, "read-only file system")

	d.Unmount()
	d.Repair()
	d.Mount("ro")
	s.refusesToStart(exitFailed, s.data, "read-only file system")
	d.Unmount()
	d.Mount()
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

// TestDirectoryCannotBeUsed starts a gateway on directories that it can't use: it
// refuses, and says which and why.
func TestDirectoryCannotBeUsed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, s *site)
		says  []string
	}{
		{"another owner", func(t *testing.T, s *site) {
			chmod(t, s.data, 0o700)
		}, []string{"parquay-data", "permission denied"}},
		{"read only for us", func(t *testing.T, s *site) {
			chmod(t, s.data, 0o755)
			chmod(t, filepath.Join(s.data, "journal"), 0o755)
		}, []string{"journal", "permission denied"}},
		{"the journal is a file", func(t *testing.T, s *site) {
			own(t, s.data)
			journal := filepath.Join(s.data, "journal")
			if err := errors.Join(os.RemoveAll(journal), os.WriteFile(journal, nil, 0o644)); err != nil {
				t.Fatal(err)
			}
		}, []string{"journal", "exists"}},
		{"segments of another owner", func(t *testing.T, s *site) {
			own(t, s.data)
			own(t, filepath.Join(s.data, "journal"))
			own(t, filepath.Join(s.data, "journal", "LOCK"))
			own(t, filepath.Join(s.data, "spool"))
		}, []string{".journal", "permission denied"}},
		{"the spool of another owner", func(t *testing.T, s *site) {
			own(t, s.data)
			own(t, filepath.Join(s.data, "journal"))
			for _, segment := range s.journal() {
				own(t, segment)
			}
			own(t, filepath.Join(s.data, "journal", "LOCK"))
			chmod(t, filepath.Join(s.data, "spool"), 0o700)
		}, []string{"spool", "permission denied"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			nobody(t)
			s := newSite(t, "PARQUAY_FLUSH_INTERVAL=1h")
			s.keepFiles(s.work)
			s.start()
			if status, answer := s.post("/v1/events", `{"type":"message.sent"}`); status != http.StatusAccepted {
				t.Fatalf("%d %s", status, answer)
			}
			s.kill()
			test.spoil(t, s)
			s.asNobody()
			s.refusesToStart(exitFailed, test.says...)
		})
	}
}

// TestFullAtFirstStart starts a gateway in an empty directory on a full disk.
func TestFullAtFirstStart(t *testing.T) {
	t.Parallel()
	d := disk.New(t, 64<<20)
	s := newSite(t)
	s.keep(d.Dir)
	d.Fill(0)
	s.refusesToStart(exitFailed, s.data, "no space left on device")
}

// TestSecondProcessElsewhere starts a second gateway that knows the directory by
// another name.
func TestSecondProcessElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	link := filepath.Join(s.work, "link")
	if err := os.Symlink(s.data, link); err != nil {
		t.Fatal(err)
	}
	first := s.gateway
	defer first.Kill()
	s.how = func(o *process.Options) { o.Env = append(o.Env[:len(o.Env):len(o.Env)], "PARQUAY_DIR="+link) }
	s.refusesToStart(exitFailed, "journal is in use by another process", link)
	if status, body, err := first.Get(t.Context(), first.Admin+"/readyz"); err != nil || status != http.StatusOK {
		t.Errorf("the first one answers %d %s, %v", status, body, err)
	}
}

// refusesToStart starts a gateway that must end at once, with a code and a last line
// that says all of this.
func (s *site) refusesToStart(code int, says ...string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), startWithin)
	defer cancel()
	if err := s.tryStart(ctx); !errors.Is(err, process.ErrEnded) {
		s.Fatalf("it has started: %v", err)
	}
	s.exits(code, stopWithin)
	lines := s.gateway.Tail()
	last := lines[len(lines)-1]
	s.Log(last)
	for _, text := range says {
		if !strings.Contains(last, text) {
			s.Errorf("it does not say %q: %s", text, last)
		}
	}
}

// nobodysID is a user without rights.
const nobodysID = 65534

// nobody skips the test where a process can't be given to that user.
func nobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("missing: root, to run as another user")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("missing: setpriv, to run as another user")
	}
}

// asNobody has the next gateways run as a user without rights, who may pass through
// the test's folders.
func (s *site) asNobody() {
	s.Helper()
	for _, dir := range []string{built, filepath.Dir(s.work), s.work} {
		chmod(s.T, dir, 0o755)
	}
	s.how = func(o *process.Options) {
		o.Args = []string{"--reuid=65534", "--regid=65534", "--clear-groups", o.Binary}
		o.Binary = "setpriv"
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// own gives a file to the user without rights.
func own(t *testing.T, name string) {
	t.Helper()
	if err := os.Chown(name, nobodysID, nobodysID); err != nil {
		t.Fatal(err)
	}
}
