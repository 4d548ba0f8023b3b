package buffer

import (
	"context"
	"errors"
	"testing"
	"time"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// TestFailClosed: after a failed append nothing more is acknowledged by this
// process, what was acknowledged is flushed, and Run says why it ends (I5).
func TestFailClosed(t *testing.T) {
	for _, applied := range []bool{false, true} {
		for _, at := range []int{0, 1, 5} {
			files := newFakeFiles(t)
			dir := t.TempDir()
			cfg := config(t, vfs.OS{}, dir, files)
			cfg.Medium = &failingMedium{Medium: cfg.Medium, at: at, applied: applied}
			g := start(t, cfg)
			var acknowledged []*schema.Batch
			for i := range 10 {
				b := batch("acme", int64(i%2), 1, 0)
				err := g.post(b)
				if i < at {
					if err != nil {
						t.Fatalf("post %d: %v", i, err)
					}
					acknowledged = append(acknowledged, b)
				} else if !errors.Is(err, ErrFailed) {
					t.Errorf("post %d after the failure: %v, want ErrFailed", i, err)
				}
			}
			if !errors.Is(g.Ready(), ErrFailed) {
				t.Errorf("Ready says %v", g.Ready())
			}
			if err := <-g.ended; !errors.Is(err, ErrFailed) {
				t.Errorf("Run returns %v, want ErrFailed", err)
			}
			if files.mu.hurried == 0 {
				t.Error("files that wait for their next put are not hurried")
			}
			g.ended <- nil
			g.crash()
			if used := g.budget.used.Load(); used != 0 {
				t.Errorf("%d bytes of the budget are still taken", used)
			}
			once(t, files, acknowledged...)
		}
	}
}

// failingMedium fails one append, and as the contract says every one after it.
type failingMedium struct {
	journal.Medium
	at      int
	applied bool
	count   int
}

func (m *failingMedium) Append(h *journal.Header, seq uint64, frame []byte, sync bool) (journal.Place, error) {
	n := m.count
	m.count++
	if n < m.at {
		return m.Medium.Append(h, seq, frame, sync)
	}
	if n == m.at && m.applied {
		if _, err := m.Medium.Append(h, seq, frame, sync); err != nil {
			return journal.Place{}, err
		}
	}
	return journal.Place{}, journal.ErrFailed
}

// TestFailedBesideALeftover: a window of an earlier process that can't be read does
// not keep a failed process from handing over to the next one.
func TestFailedBesideALeftover(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	g := start(t, config(t, vfs.OS{}, dir, files))
	left := batch("acme", 1, 1, 0)
	g.mustPost(left)
	g.crash()

	cfg := config(t, vfs.OS{}, dir, files)
	cfg.Medium = unreadable{&failingMedium{Medium: cfg.Medium, at: 1}}
	g = start(t, cfg)
	kept := batch("acme", 2, 1, 0)
	g.mustPost(kept)
	drained := make(chan error, 1)
	if err := g.post(batch("acme", 3, 1, 0)); !errors.Is(err, ErrFailed) {
		t.Errorf("post: %v, want ErrFailed", err)
	}
	go func() { drained <- g.Drain(context.Background()) }()
	select {
	case err := <-g.ended:
		if !errors.Is(err, ErrFailed) {
			t.Errorf("Run returns %v, want ErrFailed", err)
		}
		g.ended <- nil
	case <-time.After(time.Minute):
		t.Fatal("Run does not return")
	}
	select {
	case err := <-drained:
		if err == nil {
			t.Error("Drain says that everything is in the bucket")
		}
	case <-time.After(10 * time.Second):
		t.Error("Drain waits for what nobody does any more")
	}
	g.crash()
	once(t, files, kept)
	start(t, config(t, vfs.OS{}, dir, files)).finish()
	once(t, files, kept, left)
}

// unreadable is a journal whose windows can't be opened.
type unreadable struct{ journal.Medium }

func (unreadable) Open(journal.WindowID) (journal.Reader, error) {
	return nil, errors.New("input/output error")
}

// TestUnknownTable: batches of a table that the window's header would not name
// are refused, not written.
func TestUnknownTable(t *testing.T) {
	g := start(t, config(t, vfs.OS{}, t.TempDir(), newFakeFiles(t)))
	stranger, err := schema.Compile("stranger", []byte(`{"type":"object","properties":{"a":{"type":"string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	b := batch("acme", 1, 1, 0)
	b.Table = stranger
	if err := g.post(b); err == nil {
		t.Error("a batch of an unknown table is accepted")
	}
	g.finish()
}

// TestWindowKeepsItsSchema: a window that was written under another schema is
// flushed under that, beside new rows under the new one.
func TestWindowKeepsItsSchema(t *testing.T) {
	compile := func(doc string) *schema.Table {
		table, err := schema.Compile("orders", []byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	old := compile(`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}`)
	young := compile(`{"type":"object","properties":{"a":{"type":"string"},"c":{"type":"boolean"}}}`)
	dir, files := t.TempDir(), newFakeFiles(t)

	begin := func(table *schema.Table) (*gateway, *schema.Batch) {
		cfg := config(t, vfs.OS{}, dir, files)
		cfg.Tables = append(cfg.Tables, table)
		g := start(t, cfg)
		b := batch("acme", 1, 1, 0)
		b.Table = table
		g.mustPost(b)
		return g, b
	}
	g, first := begin(old)
	g.crash()
	g, second := begin(young)
	g.finish()
	once(t, files, first, second)

	// The fake has compared each batch's schema with its file's. The files must
	// have been made under both.
	seen := map[uint64]bool{}
	for _, table := range files.mu.tables {
		seen[table.Fingerprint()] = true
	}
	if !seen[old.Fingerprint()] || !seen[young.Fingerprint()] {
		t.Errorf("files were made under %d schemas, not both", len(seen))
	}
}

// TestVolatile: at the memory level batches are acknowledged without a sync, and
// still take the same road.
func TestVolatile(t *testing.T) {
	files := newFakeFiles(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	cfg.Volatile = true
	log := &syncMedium{Medium: cfg.Medium}
	cfg.Medium = log
	g := start(t, cfg)
	b := batch("acme", 1, 1, 0)
	g.mustPost(b)
	g.finish()
	once(t, files, b)
	if log.synced {
		t.Error("a frame was synced at the memory level")
	}
}

type syncMedium struct {
	journal.Medium
	synced bool
}

func (m *syncMedium) Append(h *journal.Header, seq uint64, frame []byte, sync bool) (journal.Place, error) {
	m.synced = m.synced || sync
	return m.Medium.Append(h, seq, frame, sync)
}
