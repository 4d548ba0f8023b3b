package journal_test

// This file measures what a commit and a replay cost, and pins their allocations.

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
)

// batchesOf is one batch a tenant, size bytes in all.
func batchesOf(tenants, size int) []journal.Batch {
	batches := make([]journal.Batch, tenants)
	for i := range batches {
		batches[i] = journal.Batch{Tenant: fmt.Sprint("tenant-", i), Hour: 498_775, Rows: 10, Bytes: make([]byte, size/tenants)}
	}
	return batches
}

var shapes = []struct{ tenants, size int }{{1, 300}, {1, 64 << 10}, {100, 64 << 10}, {100, 1 << 20}, {1000, 8 << 20}}

func BenchmarkAppendFrame(b *testing.B) {
	for _, s := range shapes {
		b.Run(fmt.Sprintf("batches=%d/size=%d", s.tenants, s.size), func(b *testing.B) {
			inc, batches := journal.NewIncarnation(), batchesOf(s.tenants, s.size)
			frame := make([]byte, 0, journal.FrameSize(batches))
			b.SetBytes(int64(cap(frame)))
			b.ReportAllocs()
			for b.Loop() {
				frame = journal.AppendFrame(frame[:0], inc, 1, batches)
			}
		})
	}
}

// appender appends the same batches over and over, a window every 512 MiB, of which
// it keeps one.
type appender struct {
	*journal.Disk
	inc      journal.Incarnation
	header   journal.Header
	sequence uint64
	size     int
	batches  []journal.Batch
	frame    []byte
}

func newAppender(tb testing.TB, fsys vfs.FS, dir string, batches []journal.Batch) *appender {
	tb.Helper()
	a := &appender{inc: journal.NewIncarnation(), batches: batches}
	var err error
	if a.Disk, err = journal.OpenDisk(fsys, dir, a.inc, journal.Options{}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = a.Close() })
	a.header = journal.Header{Incarnation: a.inc, Window: 1, Tables: []journal.Table{{Name: "events", Document: []byte("{}")}}}
	return a
}

func (a *appender) append(sync bool) error {
	if a.size > 512<<20 {
		if err := a.Delete(a.header.ID()); err != nil {
			return err
		}
		a.header.Window++
		a.size = 0
	}
	a.sequence++
	a.frame = journal.AppendFrame(a.frame[:0], a.inc, a.sequence, a.batches)
	a.size += len(a.frame)
	_, err := a.Append(&a.header, a.sequence, a.frame, sync)
	return err
}

func BenchmarkAppend(b *testing.B) {
	for _, sync := range []bool{true, false} {
		for _, s := range shapes {
			b.Run(fmt.Sprintf("sync=%v/batches=%d/size=%d", sync, s.tenants, s.size), func(b *testing.B) {
				a := newAppender(b, vfs.OS{}, b.TempDir(), batchesOf(s.tenants, s.size))
				b.SetBytes(int64(s.size))
				b.ReportAllocs()
				for b.Loop() {
					if err := a.append(sync); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, s := range shapes {
		b.Run(fmt.Sprintf("batches=%d/size=%d", s.tenants, s.size), func(b *testing.B) {
			a := newAppender(b, vfs.OS{}, b.TempDir(), batchesOf(s.tenants, s.size))
			const most = 64 << 20
			for size := 0; size < most && a.sequence < 10_000; size += s.size {
				if err := a.append(false); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(s.size))
			b.ReportAllocs()
			var r journal.Reader
			for b.Loop() {
				if r == nil {
					var err error
					if r, err = a.Open(a.header.ID()); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := r.Next(); errors.Is(err, io.EOF) {
					_ = r.Close()
					r = nil
				} else if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A frame costs no allocation, to make, to append and to read.
func TestAllocations(t *testing.T) {
	a := newAppender(t, vfs.OS{}, t.TempDir(), batchesOf(100, 64<<10))
	const frames = 200
	failed := false
	if n := testing.AllocsPerRun(frames, func() { failed = failed || a.append(true) != nil }); n != 0 || failed {
		t.Errorf("%v allocations an append; failed: %v", n, failed)
	}
	r, err := a.Open(a.header.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n := testing.AllocsPerRun(frames-1, func() {
		_, err := r.Next()
		failed = failed || err != nil
	}); n != 0 || failed {
		t.Errorf("%v allocations a frame read; failed: %v", n, failed)
	}
}

// A frame whose header promises more than the file holds costs no memory.
func TestPromisedLength(t *testing.T) {
	m := newMedium(t)
	large := journal.AppendFrame(nil, m.inc, 46, []journal.Batch{{Bytes: make([]byte, journal.MaxFrame/2)}})
	m.append(large[:100])
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, damage := m.read(3, 34, 45)
	runtime.ReadMemStats(&after)
	if got.Torn != 100 {
		t.Errorf("%+v, %v", got, damage)
	}
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<20 {
		t.Errorf("%d bytes were allocated", bytes)
	}
}
