package buffer

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// BenchmarkCommit measures the road from a decoded batch to a durable answer and
// on through ring and drainer, with files that cost nothing. The disk's sync is in
// it: compare the levels and the numbers of connections, not absolute figures.
func BenchmarkCommit(b *testing.B) {
	for _, volatile := range []bool{false, true} {
		level := map[bool]string{false: "disk", true: "memory"}[volatile]
		for _, rows := range []int{1, 500} {
			for _, connections := range []int{1, 64} {
				b.Run(fmt.Sprintf("ack=%s/rows=%d/connections=%d", level, rows, connections), func(b *testing.B) {
					benchmarkCommit(b, volatile, rows, connections)
				})
			}
		}
	}
}

func benchmarkCommit(b *testing.B, volatile bool, rows, connections int) {
	inc := journal.NewIncarnation()
	medium, err := journal.OpenDisk(vfs.OS{}, b.TempDir(), inc, journal.Options{Reserve: 1})
	if err != nil {
		b.Fatal(err)
	}
	buf, err := Open(Config{
		Medium: medium, Incarnation: inc, Files: freeFiles{}, Tables: []*schema.Table{schema.Events()},
		Volatile: volatile, WindowBytes: 256 << 20, MinFree: 1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- buf.Run(ctx) }()

	bytes := make([]byte, 250*rows)
	b.SetBytes(int64(len(bytes)))
	b.ReportAllocs()
	b.SetParallelism(connections)
	b.ResetTimer()
	var refused atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			batch := &schema.Batch{Table: schema.Events(), Tenant: "acme", Hour: 1, Rows: rows, Bytes: bytes}
			for {
				r, err := buf.Reserve("acme", 0, cost(batch))
				if err != nil { // the share is full: the drainer is behind
					refused.Add(1)
					continue
				}
				_, err = r.Commit(ctx, []*schema.Batch{batch})
				r.Release()
				if err != nil {
					b.Error(err)
				}
				break
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(refused.Load())/float64(b.N), "refusals/op")
	if err := buf.Drain(context.Background()); err != nil {
		b.Error(err)
	}
	stop()
	<-ended
	if err := buf.Close(); err != nil {
		b.Error(err)
	}
}

// freeFiles makes files that cost nothing.
type freeFiles struct{}

func (freeFiles) Create(FileID, *schema.Table) (File, error) { return &freeFile{}, nil }
func (freeFiles) Hurry()                                     {}

type freeFile struct{ rows atomic.Int64 }

func (f *freeFile) Append(_ context.Context, batches []*schema.Batch) error {
	for _, b := range batches {
		f.rows.Add(int64(b.Rows))
	}
	return nil
}
func (f *freeFile) Close(context.Context) (int64, error) { return f.rows.Load(), nil }
func (*freeFile) Put(context.Context) error              { return nil }
func (*freeFile) Discard()                               {}
