package schema

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"
)

func BenchmarkDecode(b *testing.B) {
	array := func(n int) []byte {
		lines := bytes.TrimRight(sampleEvents(n), "\n")
		return append(append([]byte("["), bytes.ReplaceAll(lines, []byte("\n"), []byte(","))...), ']')
	}
	for _, bm := range []struct {
		name   string
		events int
		body   []byte
	}{
		{"body=ndjson/batch=500", 500, sampleEvents(500)},
		{"body=ndjson/batch=1", 1, sampleEvents(1)},
		{"body=array/batch=500", 500, array(500)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			d := NewDecoder(Events(), sampleLimits)
			b.ReportAllocs()
			b.SetBytes(int64(len(bm.body)))
			start := cpuTime()
			for b.Loop() {
				if err := d.Decode(bm.body, receipt, noLimit); err != nil {
					b.Fatal(err)
				}
				if len(d.Batches("default")) != 1 {
					b.Fatal("not one hour")
				}
			}
			if d.Accepted() != bm.events {
				b.Fatalf("accepted %d of %d: %v", d.Accepted(), bm.events, d.Errors()[:1])
			}
			b.ReportMetric(float64(cpuTime()-start)/float64(b.N*bm.events), "cpu-ns/event")
		})
	}
}

// cpuTime is the processor time that the process has used, which other load on
// the machine changes less than it does the time on the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkForm(b *testing.B) {
	for _, rows := range []int{1, 20, 500} {
		d := NewDecoder(Events(), sampleLimits)
		if err := d.Decode(sampleEvents(rows), receipt, noLimit); err != nil {
			b.Fatal(err)
		}
		form := d.Batches("default")[0].Bytes
		report := func(b *testing.B, start time.Duration) {
			b.ReportMetric(float64(cpuTime()-start)/float64(b.N*rows), "cpu-ns/event")
			b.ReportMetric(float64(len(form))/float64(rows), "form-B/event")
		}
		b.Run(fmt.Sprintf("AppendTo/batch=%d", rows), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(form)))
			var dst []byte
			start := cpuTime()
			for b.Loop() {
				dst = d.rows.AppendTo(dst[:0])
			}
			report(b, start)
		})
		b.Run(fmt.Sprintf("AppendBatch/batch=%d", rows), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(form)))
			c := NewColumns(Events())
			merge := func() {
				if c.Rows() >= 10_000 {
					c.Reset()
				}
				if err := c.AppendBatch(form); err != nil {
					b.Fatal(err)
				}
			}
			for range 10_000/rows + 1 {
				merge() // the columns' memory is there before the clock starts
			}
			start := cpuTime()
			for b.Loop() {
				merge()
			}
			report(b, start)
		})
	}
}
