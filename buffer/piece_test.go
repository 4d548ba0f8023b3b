package buffer

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// small is a configuration with little memory, whose tenants may take all of it.
func small(t *testing.T, dir string, files Files) Config {
	cfg := config(t, vfs.OS{}, dir, files)
	cfg.Memory, cfg.RingBytes = 1<<20, 1<<20
	cfg.Volatile = true // syncs are not what is tested
	cfg.Metrics = NewMetrics(nil)
	return cfg
}

// fill posts n batches of so many tenants in turns, and waits whenever memory is full.
func (g *gateway) fill(n, tenants, size int) (all []*schema.Batch) {
	g.t.Helper()
	for i := range n {
		b := batch(fmt.Sprint("tenant-", i%tenants), int64(i%2), 1+i%5, size) // an even number of tenants has one hour each
		eventually(g.t, func() bool { return g.post(b) == nil })
		all = append(all, b)
	}
	return all
}

// memoryWindows is how many windows were ended for want of memory.
func (g *gateway) memoryWindows() float64 {
	return testutil.ToFloat64(g.metrics.Windows.WithLabelValues("memory"))
}

// TestShed: a window holds many times the memory, and each tenant's hour is one
// file all the same (I3, I6).
func TestShed(t *testing.T) {
	files := newFakeFiles(t)
	cfg := small(t, t.TempDir(), files)
	cfg.Memory = 3 << 19 // a quarter has the places of all batches, and of 500 partitions
	g := start(t, cfg)
	all := g.fill(3000, 500, 4000) // 12 MB
	if n := g.memoryWindows(); n != 0 {
		t.Errorf("%v windows ended for want of memory", n)
	}
	if n := testutil.ToFloat64(g.metrics.Shed); n < 2000 {
		t.Errorf("%v batches were let go of 3000, of which an eighth fits the memory", n)
	}
	g.finish()
	once(t, files, all...)
	if n := testutil.ToFloat64(g.metrics.FlushFailures); n != 0 {
		t.Errorf("%v flushes have failed", n)
	}
	if n, _ := files.count(); n != 500 {
		t.Errorf("%d files of 500 tenants with an hour each", n)
	}
	if n := g.budget.used.Load(); n != 0 {
		t.Errorf("I6: %d bytes are taken in the end", n)
	}
}

// TestShedPlaces: batches so small that their places fill the memory end the window.
func TestShedPlaces(t *testing.T) {
	files := newFakeFiles(t)
	cfg := small(t, t.TempDir(), files)
	g := start(t, cfg)
	all := g.fill(int(cfg.Memory/placeBytes), 2000, 0)
	if g.memoryWindows() == 0 {
		t.Error("places alone fill the memory, and the window has not ended")
	}
	g.finish()
	once(t, files, all...)
}

// TestPlacesCost: what is let go is counted with no less than what it still takes: its
// places, and the partition that they are of (I6).
func TestPlacesCost(t *testing.T) {
	for _, n := range []int{1, 2, 100} {
		most := int64(2*n) * int64(unsafe.Sizeof(piece{})) // of a slice that has just grown
		if least := most + int64(unsafe.Sizeof(partition{})); placesOf(n) < least {
			t.Errorf("%d places of a partition count as %d bytes, and take %d", n, placesOf(n), least)
		}
	}
	if n := placesOf(0); n != 0 {
		t.Errorf("a partition that is in memory costs %d bytes more", n)
	}
}

// TestShedShare: a tenant that has filled its share goes on posting, while its rows
// wait for the end of the window in one file of each hour.
func TestShedShare(t *testing.T) {
	files := newFakeFiles(t)
	cfg := small(t, t.TempDir(), files)
	cfg.Memory, cfg.RingBytes = 64<<20, 256<<10
	g := start(t, cfg)
	all := g.fill(600, 1, 4000) // 2.4 MB
	if n := testutil.ToFloat64(g.metrics.Shed); n == 0 {
		t.Error("nothing was let go")
	}
	g.finish()
	once(t, files, all...)
	for _, rows := range files.mu.groups {
		if rows < 100 {
			t.Errorf("a row group of %d rows, of two hours with 900 each", rows)
		}
	}
}

// TestShedDamaged: bytes that the journal gives back altered never reach a file. The
// window is read again as a whole, which finds the damage.
func TestShedDamaged(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	g := start(t, small(t, dir, files))
	all := g.fill(1000, 200, 4000)
	name := segments(t, dir)[0]
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	damaged := all[20] // long since let go
	at := bytes.Index(content, damaged.Bytes)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{'#'}, int64(at+len(damaged.Bytes)/2)); err != nil {
		t.Fatal(err)
	}
	g.finish()
	if n := testutil.ToFloat64(g.metrics.FlushFailures); n == 0 {
		t.Error("no flush has failed")
	}
	if n := testutil.ToFloat64(g.metrics.Corrupt); n != 1 {
		t.Errorf("%v windows were found damaged", n)
	}
	once(t, files, append(all[:20:20], all[21:]...)...)
}

// TestShedReplayed: batches of a window that is replayed stay in memory, which was
// counted for all of them: nobody knows their places.
func TestShedReplayed(t *testing.T) {
	g := start(t, small(t, t.TempDir(), newFakeFiles(t)))
	acme := g.tenants.pin(g.Buffer, "acme")
	defer acme.unpin()
	b := batch("acme", 1, 1, 0)
	w := newWindow(journal.WindowID{Window: 1}, 1000, func(*window) {})
	w.replayed = true
	p := &partition{key: partKey{w, b.Table, b.Hour}, pieces: []piece{{batch: b}}, rows: 1, bytes: cost(b), held: cost(b)}
	if acme.relievePart(t.Context(), p) || p.pieces[0].batch == nil {
		t.Error("a replayed batch was let go")
	}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return names
}

// TestShedNotQueued: rows that are being encoded already don't make room, so those
// that wait beside them are left to become a whole row group.
func TestShedNotQueued(t *testing.T) {
	files := newFakeFiles(t)
	open := make(chan struct{})
	release := sync.OnceFunc(func() { close(open) })
	defer release()
	var queued atomic.Int64
	files.step = func(_ int, what string, _ FileID) verdict {
		if what == "append" {
			queued.Add(1)
			<-open
		}
		return done
	}
	cfg := small(t, t.TempDir(), files)
	cfg.Encoders = 3 // two of which wait, so that one drains
	g := start(t, cfg)
	full := int(g.groupBytes / cost(batch("acme", 0, 1, 1000)))
	var all []*schema.Batch
	for i := range 2*full + full/2 { // two row groups are queued, and half of one waits
		all = append(all, batch("acme", 0, 1, 1000))
		g.mustPost(all[i])
		if i > 2*full {
			eventually(t, func() bool { return queued.Load() == 2 })
			g.committer.press() // as requests of others do
		}
	}
	if n := testutil.ToFloat64(g.metrics.Shed); n != 0 {
		t.Errorf("%v batches were let go of a row group that is a fourth of what may wait", n)
	}
	release()
	g.finish()
	once(t, files, all...)
	short := 0
	for _, rows := range files.mu.groups {
		if rows < full-1 {
			short++
		}
	}
	if short > 1 { // the last one
		t.Errorf("row groups of %v rows, with room for %d each", files.mu.groups, full)
	}
}
