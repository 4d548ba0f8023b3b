package buffer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// gateway is a running buffer over a journal and the fake of Files.
type gateway struct {
	*Buffer
	t      testing.TB
	stop   context.CancelFunc
	ended  chan error // Run's result
	stoped bool
}

// config is what tests start from: windows end only when the test says so.
func config(t *testing.T, fsys vfs.FS, dir string, files Files) Config {
	t.Helper()
	inc := journal.NewIncarnation()
	medium, err := journal.OpenDisk(fsys, dir, inc, journal.Options{Reserve: 1})
	if err != nil {
		t.Fatalf("open the journal: %v", err)
	}
	return Config{
		Medium:        medium,
		Incarnation:   inc,
		Files:         files,
		Tables:        []*schema.Table{schema.Events(), schema.Rejected()},
		FlushInterval: time.Hour,
		MinFree:       1,
		Encoders:      2,
		Uploads:       2,
		Logger:        slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func start(t *testing.T, cfg Config) *gateway {
	t.Helper()
	b, err := Open(cfg)
	if err != nil {
		t.Fatalf("open the buffer: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &gateway{Buffer: b, t: t, stop: stop, ended: make(chan error, 1)}
	go func() { g.ended <- b.Run(ctx) }()
	t.Cleanup(func() { g.crash() })
	return g
}

// crash stops the buffer where it stands, as the end of the process would.
func (g *gateway) crash() error {
	if g.stoped {
		return nil
	}
	g.stoped = true
	g.stop()
	err := <-g.ended
	if closed := g.Close(); err == nil && closed != nil && !errors.Is(closed, journal.ErrFailed) {
		g.t.Logf("close: %v", closed)
	}
	return err
}

// finish drains the buffer and stops it.
func (g *gateway) finish() {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := g.Drain(ctx); err != nil {
		g.t.Errorf("drain: %v", err)
	}
	if used := g.budget.used.Load(); used != 0 {
		g.t.Errorf("I6: %d bytes of the budget are still taken after all is flushed", used)
	}
	if n := g.tenants.len(); n != 0 {
		g.t.Errorf("%d tenants are still there after all is flushed", n)
	}
	if err := g.crash(); err != nil {
		g.t.Errorf("run: %v", err)
	}
}

var serial atomic.Int64

// batch makes a batch whose bytes nobody else's are.
func batch(tenant string, hour int64, rows, size int) *schema.Batch {
	b := fmt.Appendf(nil, "%s/%d/%d#%d ", tenant, hour, rows, serial.Add(1))
	for len(b) < size {
		b = append(b, '.')
	}
	return &schema.Batch{Table: schema.Events(), Tenant: tenant, Hour: hour, Rows: rows, Bytes: b}
}

// post does what the server does with a request.
func (g *gateway) post(batches ...*schema.Batch) error {
	_, err := g.commit(batches...)
	return err
}

func (g *gateway) commit(batches ...*schema.Batch) (Receipt, error) {
	n := int64(0)
	for _, b := range batches {
		n += cost(b)
	}
	r, err := g.Reserve(batches[0].Tenant, 0, n)
	if err != nil {
		return Receipt{}, err
	}
	defer r.Release()
	return r.Commit(context.Background(), sent(batches...))
}

// memory is what the batches come from that the tests commit.
var memory = &schema.Memory{Poison: true}

// sent copies batches as a request would have them: what is committed is the buffer's,
// which frees it, and from then on nothing but poison is found in it.
func sent(batches ...*schema.Batch) []*schema.Batch {
	copies := make([]*schema.Batch, len(batches))
	for i, b := range batches {
		c := *b
		c.Memory = memory
		c.Bytes = append(memory.Take(len(b.Bytes)), b.Bytes...)
		copies[i] = &c
	}
	return copies
}

func (g *gateway) mustPost(batches ...*schema.Batch) {
	g.t.Helper()
	if err := g.post(batches...); err != nil {
		g.t.Fatalf("post: %v", err)
	}
}

// once checks that each of the batches is in exactly one file, of its own tenant,
// table and hour, and nothing else is anywhere.
func once(t *testing.T, files *fakeFiles, batches ...*schema.Batch) {
	t.Helper()
	found := files.batches()
	for _, b := range batches {
		ids := found[string(b.Bytes)]
		if len(ids) != 1 {
			t.Errorf("I1, I3: an acknowledged batch is in %d files: %.30s %v", len(ids), b.Bytes, ids)
			continue
		}
		if id := ids[0]; id.Tenant != b.Tenant || id.Hour != b.Hour || id.Table != b.Table.Name() {
			t.Errorf("I8: batch %.30s is in %v", b.Bytes, id)
		}
		delete(found, string(b.Bytes))
	}
	for bytes, ids := range found {
		t.Errorf("%v holds a batch that was not acknowledged: %.30s", ids, bytes)
	}
}
