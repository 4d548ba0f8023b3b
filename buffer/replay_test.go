package buffer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// leave commits batches, one a frame, in a process that ends without flushing them.
func leave(t *testing.T, dir string, files *fakeFiles, batches ...*schema.Batch) {
	t.Helper()
	g := start(t, config(t, vfs.OS{}, dir, files))
	for _, b := range batches {
		g.mustPost(b)
	}
	g.crash()
}

// TestQuarantineFails: a damaged window that can't be put aside is left to the next
// process, like one that can't be deleted. What it has is stored once, not once an
// attempt.
func TestQuarantineFails(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	lost, kept := batch("acme", 1, 5, 200), batch("acme", 1, 3, 200)
	leave(t, dir, files, lost, kept)
	damage(t, dir, lost.Bytes)

	cfg := config(t, vfs.OS{}, dir, files)
	cfg.Medium = &stubborn{Medium: cfg.Medium, fails: 1}
	g := start(t, cfg)
	eventually(t, func() bool { n, _ := g.Pending(); return n == 0 })
	want := Account{Tenant: "acme", Recovered: 3, Stored: 3}
	if got := g.Accounts(); len(got) != 1 || got[0] != want {
		t.Errorf("accounts %+v, want %+v", got, want)
	}
	if events := g.metrics.Latency.mu.events; events != 3 {
		t.Errorf("the latency of %d events is known", events)
	}
	g.finish()
	once(t, files, kept)
	start(t, config(t, vfs.OS{}, dir, files)).finish()
	once(t, files, kept)
	if aside, err := os.ReadDir(filepath.Join(dir, "quarantine")); err != nil || len(aside) == 0 {
		t.Errorf("nothing is in quarantine after the next process: %v", err)
	}
}

// TestNoHeader: a window of which not even the header can be read is put aside, and what
// else there is goes on.
func TestNoHeader(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	leave(t, dir, files, batch("acme", 1, 5, 0))
	segments, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("segments %v (%v)", segments, err)
	}
	content, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	clear(content[:200])
	if err := os.WriteFile(segments[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	other := batch("bolt", 1, 3, 0)
	leave(t, dir, files, other)
	start(t, config(t, vfs.OS{}, dir, files)).finish()
	once(t, files, other)
	if kept, err := os.ReadDir(filepath.Join(dir, "quarantine")); err != nil || len(kept) != 1 {
		t.Errorf("%d segments are in quarantine (%v), want the one that can't be read", len(kept), err)
	}
}

// damage changes a byte of the journal in the middle of some text.
func damage(t *testing.T, dir string, text []byte) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if at := bytes.Index(content, text); at >= 0 {
			found++
			content[at+len(text)/2] ^= 1
			return os.WriteFile(path, content, 0o600)
		}
		return nil
	})
	if err != nil || found != 1 {
		t.Fatalf("found the text in %d files of the journal (%v)", found, err)
	}
}

// stubborn is a journal that can't put windows aside at first.
type stubborn struct {
	journal.Medium
	fails int
}

func (m *stubborn) Quarantine(id journal.WindowID) error {
	if m.fails--; m.fails >= 0 {
		return errors.New("input/output error")
	}
	return m.Medium.Quarantine(id)
}

// TestDrainHurries: a window that waits after many failures is tried again when the
// gateway stops, which may be the last chance of its rows.
func TestDrainHurries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFakeFiles(t)
		var full atomic.Bool
		full.Store(true)
		files.step = func(int, string, FileID) verdict {
			if full.Load() {
				return fails
			}
			return done
		}
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.WindowBytes = 1
		g := start(t, cfg)
		b := batch("acme", 1, 1, 0)
		g.mustPost(b)
		for testutil.ToFloat64(g.metrics.FlushFailures) < 10 {
			time.Sleep(time.Second)
		}
		synctest.Wait()
		full.Store(false)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := g.Drain(ctx); err != nil {
			t.Error(err)
		}
		if files.mu.hurried == 0 {
			t.Error("files that wait for their next put are not hurried")
		}
		g.finish()
		once(t, files, b)
	})
}

// TestDrainKeepsHurrying: windows that fail again while the gateway stops do not wait
// for long, since the next moment may be its last.
func TestDrainKeepsHurrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const away = 200 * time.Second
		files := newFakeFiles(t)
		var since atomic.Pointer[time.Time]
		files.step = func(int, string, FileID) verdict {
			if at := since.Load(); at == nil || time.Since(*at) < away {
				return fails
			}
			return done
		}
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.WindowBytes = 1
		g := start(t, cfg)
		var all []*schema.Batch
		for hour := range int64(5) {
			all = append(all, batch("acme", hour, 1, 0))
			g.mustPost(all[hour])
		}
		now := time.Now()
		since.Store(&now)
		ctx, cancel := context.WithTimeout(t.Context(), away+retryHurried)
		defer cancel()
		if err := g.Drain(ctx); err != nil {
			t.Error(err)
		}
		g.finish()
		once(t, files, all...)
	})
}

// TestUnreadableAtFirst: frames that a disk gives back only when it is asked again
// are in the accounts once, and in their file.
func TestUnreadableAtFirst(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	all := []*schema.Batch{batch("acme", 1, 5, 0), batch("acme", 1, 3, 0), batch("bolt", 1, 2, 0)}
	leave(t, dir, files, all...)

	cfg := config(t, vfs.OS{}, dir, files)
	cfg.Medium = &flaky{Medium: cfg.Medium, frames: 1}
	g := start(t, cfg)
	eventually(t, func() bool {
		for _, a := range g.Accounts() {
			if err := a.adds(); err != nil {
				t.Fatal(err)
			}
		}
		n, _ := g.Pending()
		return n == 0
	})
	for _, a := range g.Accounts() {
		rows := map[string]int64{"acme": 8, "bolt": 2}[a.Tenant]
		if want := (Account{Tenant: a.Tenant, Recovered: rows, Stored: rows}); a != want {
			t.Errorf("account %+v, want %+v", a, want)
		}
	}
	g.finish()
	if n := len(g.replayer.mu.recovered); n > 0 {
		t.Errorf("%d windows that are done are remembered", n)
	}
	once(t, files, all...)
}

// flaky is a journal whose first reader finds only some of the frames.
type flaky struct {
	journal.Medium
	frames int
	opened bool
}

func (m *flaky) Open(id journal.WindowID) (journal.Reader, error) {
	r, err := m.Medium.Open(id)
	if m.opened || err != nil {
		return r, err
	}
	m.opened = true
	return &shortReader{r, m.frames}, nil
}

type shortReader struct {
	journal.Reader
	frames int
}

func (r *shortReader) Next() (journal.Frame, error) {
	if r.frames--; r.frames < 0 {
		return journal.Frame{}, io.EOF
	}
	return r.Reader.Next()
}
