// Tests of parquay recover on a disk that fails it at the end.

package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"parquay/buffer/journal/vfs"
)

// stuckFS is the real file system, but that no segment of a journal can be removed, or
// moved to quarantine.
type stuckFS struct{ vfs.OS }

func (f stuckFS) Remove(name string) error {
	if strings.HasSuffix(name, ".journal") {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.EIO}
	}
	return f.OS.Remove(name)
}

// left leaves a window in the journal of a gateway that is gone.
func left(t *testing.T, dir string) {
	t.Helper()
	g := openTest(t, dir, vfs.OS{}, "PARQUAY_BUCKET", "file:///dev/null/none", "PARQUAY_SHUTDOWN", "1s")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.run(ctx, nil, nil) }()
	if status, text := request(t, "POST", "http://"+g.server.Addr().String()+"/v1/events", `{"type":"message.sent","id":"one"}`); status != 202 {
		t.Fatal(status, text)
	}
	stop()
	<-ended // it says that a window stays
}

// What is in the bucket and can't be taken out of the journal is left, and told: a 0 is
// leave to throw the disk away.
func TestRecoverCannotDelete(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		dir, bucket := t.TempDir(), t.TempDir()
		left(t, dir)
		segments := func() []string {
			names, err := filepath.Glob(filepath.Join(dir, "journal", "*.journal"))
			if err != nil {
				t.Fatal(err)
			}
			return names
		}
		names := segments()
		if len(names) != 1 {
			t.Fatalf("%d segments are left, want one", len(names))
		}
		if damaged { // its header, and with it all that could be read
			content, err := os.ReadFile(names[0])
			if err != nil {
				t.Fatal(err)
			}
			content[20] ^= 1
			if err := os.WriteFile(names[0], content, 0o600); err != nil {
				t.Fatal(err)
			}
		}

		s, _ := settingsOf(t, dir, "PARQUAY_BUCKET", "file://"+bucket)
		var out, log bytes.Buffer
		err := recoverJournal(t.Context(), s, stuckFS{}, console{&out, &log})
		if err == nil || !strings.Contains(err.Error(), "1 windows") || out.Len() > 0 || len(segments()) != 1 {
			t.Errorf("damaged %v: recover = %v, prints %q; %d segments are left", damaged, err, &out, len(segments()))
		}

		out.Reset()
		err = recoverJournal(t.Context(), s, vfs.OS{}, console{&out, &log})
		if damaged {
			if err == nil || !strings.Contains(err.Error(), "1 damaged segments") {
				t.Errorf("the next time: %v", err)
			}
		} else if err != nil || !strings.Contains(out.String(), "everything is in the bucket") {
			t.Errorf("the next time: %v, prints %q", err, &out)
		}
		if n := len(segments()); n != 0 {
			t.Errorf("damaged %v: %d segments are left in the end", damaged, n)
		}
		files, err := filepath.Glob(filepath.Join(bucket, "events", "*", "*", "*", "*.parquet"))
		if want := map[bool]int{false: 1, true: 0}[damaged]; len(files) != want || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("damaged %v: %d files, want %d: %v", damaged, len(files), want, err)
		}
	}
}
