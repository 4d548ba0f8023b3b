package writer

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"parquay/schema"
)

// eventBatches returns n events as a messaging platform sends them, about 430 bytes
// of JSON each, in batches of 500 as they come in one request after the other.
func eventBatches(n int) []*schema.Batch {
	table := schema.Events()
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	columns := schema.NewColumns(table)
	var batches []*schema.Batch
	for i := range n {
		received := testTime(int64(i) * 3600_000_000 / int64(n))
		at := max(received-int64(r.IntN(2000))*1000, testTime(0)) / 1000 * 1000
		kind := pick("enqueued", "sent", "sent", "delivered", "delivered", "read", "failed")
		e := row{
			"id":              fmt.Sprintf("%08x-%04x-7%03x-a%03x-%012x", at/1000>>16, at/1000&0xffff, r.Uint32N(1<<12), r.Uint32N(1<<12), r.Uint64N(1<<48)),
			"type":            "message." + kind,
			"time":            at,
			"message_id":      fmt.Sprintf("wamid.HBgL%016X%08X", r.Uint64(), r.Uint32()),
			"conversation_id": fmt.Sprintf("c-%07d", r.IntN(1e7)),
			"channel":         pick("whatsapp", "whatsapp", "sms", "rcs"),
			"direction":       "outbound",
			"sender":          fmt.Sprintf("15550%06d", r.IntN(50)),
			"recipient":       fmt.Sprintf("4915%09d", r.IntN(1e9)),
			"country":         pick("DE", "FR", "ES", "BR", "IN"),
			"provider":        pick("meta", "twilio", "infobip"),
			"template_id":     fmt.Sprintf("order_update_v%d", r.IntN(20)),
			"segments":        int64(1 + r.IntN(2)),
			"price":           int64(r.IntN(900)) * 100,
			"currency":        "EUR",
			"attributes":      []string{"order", fmt.Sprint(r.IntN(1e6)), "shop", pick("eu-1", "eu-2", "us-1")},
			"received_at":     received,
		}
		if kind == "failed" {
			e["error_code"], e["error_reason"] = fmt.Sprint(131000+r.IntN(60)), "Message undeliverable"
		}
		addRow(columns, e)
		if columns.Rows() == 500 || i == n-1 {
			batches = append(batches, &schema.Batch{
				Table: table, Tenant: "acme", Hour: testHour, Rows: columns.Rows(), Bytes: columns.AppendTo(nil),
			})
			columns.Reset()
		}
	}
	return batches
}

// nowhere takes objects and forgets them.
type nowhere struct{}

func (nowhere) Put(_ context.Context, _ string, b Body) error {
	_, err := io.Copy(io.Discard, io.NewSectionReader(b, 0, b.Size()))
	return err
}

// cpuTime is the processor time that the process has used: what other processes do
// meanwhile changes it less than it changes the clock's.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFile makes whole files of one row group, from batches to the bucket.
func BenchmarkFile(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, maxGroupRows} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			batches := eventBatches(n)
			r := newRig(b, func(c *Config) {
				c.Putter, c.MemoryFile, c.Memory = nowhere{}, 1<<30, 1<<30
				c.Metrics = NewMetrics(prometheus.NewRegistry())
			})
			var size int64
			file := func() {
				f, err := r.Create(testID("events"), schema.Events())
				if err != nil {
					b.Fatal(err)
				}
				if err := f.Append(b.Context(), batches); err != nil {
					b.Fatal(err)
				}
				if _, err := f.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
				if err := f.Put(b.Context()); err != nil {
					b.Fatal(err)
				}
				size = f.body.length()
				if name := os.Getenv("KEEP"); name != "" {
					os.WriteFile(fmt.Sprintf("%s-%d.parquet", name, n), f.body.memory, 0o644)
				}
				f.Discard()
			}
			file() // the encoders' memory is made once
			b.ReportAllocs()
			begin := cpuTime()
			for b.Loop() {
				file()
			}
			cpu := cpuTime() - begin
			b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(n)*float64(b.N)/cpu.Seconds(), "events/cpu-s")
			b.ReportMetric(float64(size)/float64(n), "B/event")
		})
	}
}
