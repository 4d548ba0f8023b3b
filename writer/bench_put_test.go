package writer

// This file measures the way of small files from batches to where they are durable:
// what many tenants cost.

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/buffer/journal/vfs"
	"parquay/schema"
	"parquay/writer/s3test"
)

// BenchmarkPut makes files of few rows and puts them, 32 at once as the gateway does:
// each tenant's one a window, in the same folder for an hour. The processor time of S3 is this process's alone, and not the store's.
func BenchmarkPut(b *testing.B) {
	buckets := map[string]func(b *testing.B) Bucket{
		"nowhere": func(*testing.B) Bucket { return nil },
		"dir":     func(b *testing.B) Bucket { return newDir(vfs.OS{}, filepath.Join(b.TempDir(), "bucket")) },
		"s3": func(b *testing.B) Bucket {
			store := s3test.Start(b)
			store.Setenv(b)
			bucket, err := openS3(b.Context(), store.Bucket, "", S3Options{Endpoint: store.Endpoint, PathStyle: true, Conditional: true})
			if err != nil {
				b.Fatal(err)
			}
			return bucket
		},
	}
	for _, name := range []string{"nowhere", "dir", "s3"} {
		for _, rows := range []int{100, 1000} {
			b.Run(fmt.Sprintf("bucket=%s/rows=%d", name, rows), func(b *testing.B) {
				bucket := buckets[name](b)
				r := newRig(b, func(c *Config) {
					c.Metrics, c.Putter = NewMetrics(prometheus.NewRegistry()), nowhere{}
					if bucket != nil {
						c.Putter = NewPutter(bucket, 32, slog.New(slog.DiscardHandler), NewPutMetrics(prometheus.NewRegistry()))
					}
				})
				benchmarkSmallFiles(b, r.Writer, rows)
			})
		}
	}
}

// BenchmarkPutFolders puts objects into a directory, each the first of its tenant, 32 at
// once: what a window costs that has something of everybody.
func BenchmarkPutFolders(b *testing.B) {
	bucket := newDir(vfs.OS{}, filepath.Join(b.TempDir(), "bucket"))
	body := bytes.NewReader(make([]byte, 15_000))
	var next atomic.Int64
	b.SetParallelism(16)
	begin := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key := fmt.Sprintf("events/tenant=%d/dt=2026-11-23/hour=07/name.parquet", next.Add(1))
			if err := bucket.Put(b.Context(), key, body); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64((cpuTime()-begin).Nanoseconds())/1000/float64(b.N), "cpu-µs/file")
}

func benchmarkSmallFiles(b *testing.B, w *Writer, rows int) {
	const tenants = 100
	batches := make([][]*schema.Batch, tenants)
	for i := range batches {
		batches[i] = messageBatches(uint64(i), rows, 100)
		for _, batch := range batches[i] {
			batch.Tenant = fmt.Sprintf("tenant-%d", i)
		}
	}
	file := func(ctx context.Context, n int64) error {
		id := testID("events")
		group := batches[n%tenants]
		id.Tenant, id.Window = group[0].Tenant, uint64(n/tenants)
		f, err := w.Create(id, schema.Events())
		if err != nil {
			return err
		}
		defer f.Discard()
		if err := f.Append(ctx, group); err != nil {
			return err
		}
		if _, err := f.Close(ctx); err != nil {
			return err
		}
		return f.Put(ctx)
	}
	var next atomic.Int64
	for range tenants { // folders and the encoders' memory are made once
		if err := file(b.Context(), next.Add(1)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.SetParallelism(16)
	b.ResetTimer()
	begin := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := file(b.Context(), next.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64((cpuTime()-begin).Nanoseconds())/1000/float64(b.N), "cpu-µs/file")
}
