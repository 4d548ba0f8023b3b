// Tests of a spool that does not give back what it was given.

package main

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"parquay/buffer/journal/vfs"
	"parquay/writer"
)

// losingFS is the real file system, but that the first spool file loses a page, or all,
// between its reading back and its put.
type losingFS struct {
	vfs.OS
	lose func(name string) error

	mu    sync.Mutex
	opens map[string]int
}

func (f *losingFS) Open(name string) (vfs.File, error) {
	if strings.HasSuffix(name, ".spool") {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.opens[name]++; f.opens[name] == 2 && len(f.opens) == 1 {
			if err := f.lose(name); err != nil {
				return nil, err
			}
		}
	}
	return f.OS.Open(name)
}

// What the spool has lost is made again of the journal, by the same process: no event is
// lost, none is there twice, and no file is damaged (I4).
func TestGatewaySpoolLosesBytes(t *testing.T) {
	for name, lose := range map[string]func(string) error{
		"a page": func(name string) error {
			f, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			if _, err := f.WriteAt(make([]byte, 4096), 1<<20); err != nil {
				return err
			}
			return f.Close()
		},
		"the file":   os.Remove,
		"the folder": func(name string) error { return os.RemoveAll(filepath.Dir(name)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, fsys := t.TempDir(), &losingFS{lose: lose, opens: map[string]int{}}
			g := openTest(t, dir, fsys, "PARQUAY_FLUSH_INTERVAL", "1h", "PARQUAY_SHUTDOWN", "1m")
			events := "http://" + g.server.Addr().String() + "/v1/events"
			stop, _ := running(t, g)
			n := postLong(t, events)
			if err := stop(); err != nil {
				t.Error(err)
			}
			if fsys.opens[filepath.Join(dir, "spool", "0000000000000001.spool")] < 2 {
				t.Fatalf("no spool file was put: %v", fsys.opens)
			}
			bucket, err := g.settings.openBucket(t.Context(), vfs.OS{})
			if err != nil {
				t.Fatal(err)
			}
			var lines strings.Builder
			report, err := writer.Verify(t.Context(), bucket, writer.Verification{Lines: &lines})
			if err != nil || !report.OK() || report.Rows != n {
				t.Errorf("%d rows of %d, %v\n%s", report.Rows, n, err, &lines)
			}
		})
	}
}

// postLong posts so many events that their file is spooled, and returns how many.
func postLong(t *testing.T, url string) (n int64) {
	t.Helper()
	const events = 75 // a body
	text := make([]byte, 40<<10)
	for size := 0; size < 5<<20; size += events * len(text) {
		var body strings.Builder
		for range events {
			rand.Read(text) // never fails
			fmt.Fprintf(&body, `{"type":"message.sent","attributes":{"text":%q}}`+"\n", base64.StdEncoding.EncodeToString(text))
		}
		if status, answer := request(t, "POST", url, body.String()); status != 202 {
			t.Fatalf("%d %s", status, answer)
		}
		n += events
	}
	return n
}
