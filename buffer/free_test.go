// Whose the memory of batches is, and when it is given back.

package buffer

import (
	"fmt"
	"hash/crc32"
	"runtime"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// commitAll commits batches by themselves, waiting for room, and returns what the buffer
// was given: it knows then nothing of the caller's own.
func (g *gateway) commitAll(batches ...*schema.Batch) (given []*schema.Batch) {
	g.t.Helper()
	for _, b := range batches {
		s := sent(b)
		eventually(g.t, func() bool {
			r, err := g.Reserve(b.Tenant, 0, cost(b))
			if err != nil {
				return false
			}
			defer r.Release()
			if _, err := r.Commit(g.t.Context(), s); err != nil {
				g.t.Fatal(err)
			}
			return true
		})
		given = append(given, s...)
	}
	return given
}

// freed is how many batches were.
func freed(batches []*schema.Batch) (n int) {
	for _, b := range batches {
		if b.Bytes == nil {
			n++
		}
	}
	return n
}

// TestBatchesAreFreed: a batch's memory is given back when it is let go, and when its
// rows are encoded, whether the file took them or not; not before, as the poison in it
// would tell, and not when the encoder has panicked: who knows what refers to it.
func TestBatchesAreFreed(t *testing.T) {
	for _, test := range []struct {
		end  verdict // of the first append
		want int     // of the batches of the first file
	}{{done, 20}, {fails, 20}, {panics, 0}} {
		files := newFakeFiles(t)
		appends := 0
		files.step = func(_ int, what string, _ FileID) verdict {
			if what == "append" {
				if appends++; appends == 1 {
					return test.end
				}
			}
			return done
		}
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		cfg.Encoders = 1
		g := start(t, cfg)
		var all []*schema.Batch
		for range 20 {
			all = append(all, batch("acme", 1, 1, 40_000))
		}
		given := g.commitAll(all...)
		if n := freed(given); n > 0 {
			t.Errorf("%d batches that wait were freed", n)
		}
		g.finish()
		if n := freed(given); n != test.want {
			t.Errorf("after an append that ends with %d, %d batches of %d were freed, want %d", test.end, n, len(given), test.want)
		}
		once(t, files, all...)
	}
}

// TestShedIsFreed: what is let go gives its memory back at once, after its checksum was
// taken.
func TestShedIsFreed(t *testing.T) {
	g := start(t, small(t, t.TempDir(), newFakeFiles(t)))
	acme := g.tenants.pin(g.Buffer, "acme")
	defer acme.unpin()
	w := newWindow(journal.WindowID{Window: 1}, 1000, func(*window) {})
	p := &partition{key: partKey{w, schema.Events(), 1}}
	var all []*schema.Batch
	for range 3 {
		all = append(all, batch("acme", 1, 1, 40_000))
	}
	given := sent(all...)
	for _, b := range given {
		p.pieces = append(p.pieces, piece{batch: b})
		p.held += cost(b)
	}
	acme.letGo(p)
	if n := freed(given); n != len(given) {
		t.Errorf("%d batches were freed of %d that were let go", n, len(given))
	}
	for i, b := range all {
		if e := p.pieces[i]; e.batch != nil || int(e.bytes) != len(b.Bytes) || e.check != crc32.Checksum(b.Bytes, castagnoli) {
			t.Errorf("the journal is expected to have %d bytes with the checksum %x of a batch of %d", e.bytes, e.check, len(b.Bytes))
		}
	}
}

// TestShedComesBack: batches that were let go, and whose memory is others' meanwhile,
// are in their files.
func TestShedComesBack(t *testing.T) {
	files := newFakeFiles(t)
	g := start(t, small(t, t.TempDir(), files))
	var all []*schema.Batch
	for i := range 2000 {
		all = append(all, batch(fmt.Sprint("tenant-", i%200), 1, 1, 4000)) // 8 MB through 1 MiB
	}
	given := g.commitAll(all...)
	if n := testutil.ToFloat64(g.metrics.Shed); n == 0 {
		t.Error("nothing was let go")
	}
	g.finish()
	if n := freed(given); n != len(given) {
		t.Errorf("%d batches were freed of %d", n, len(given))
	}
	once(t, files, all...)
}

// TestPushedBatchIsTheDrainers: whoever drains the tenant may free a batch as soon as it
// is in the ring. The race detector notices a committer that looks at it after that.
func TestPushedBatchIsTheDrainers(t *testing.T) {
	g := start(t, config(t, vfs.OS{}, t.TempDir(), newFakeFiles(t)))
	acme := g.tenants.pin(g.Buffer, "acme")
	defer acme.unpin()
	w := newWindow(journal.WindowID{Window: 1}, 1000, func(*window) {})
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for {
			if e, ok := acme.ring.pop(); ok {
				e.batch.Free()
				return
			}
			runtime.Gosched()
		}
	}()
	b := sent(batch("acme", 1, 1, 40_000))[0]
	held := cost(b)
	w.push(acme, entry{batch: b, window: w})
	<-drained
	if acme.undrained != held || w.held.Load() != held {
		t.Errorf("%d bytes wait in the ring, %d in the window; the batch costs %d", acme.undrained, w.held.Load(), held)
	}
	acme.unpin() // the window's, which never ends
}
