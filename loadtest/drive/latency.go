// Latencies, as reports have them.

package drive

import (
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is what a histogram says, in microseconds.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	P50   int64   `json:"p50"`
	P90   int64   `json:"p90"`
	P99   int64   `json:"p99"`
	P999  int64   `json:"p99_9"`
	Max   int64   `json:"max"`
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	at := h.ValueAtPercentiles([]float64{50, 90, 99, 99.9})
	return Latency{h.TotalCount(), h.Mean(), at[50], at[90], at[99], at[99.9], h.Max()}
}

// OwnCPU is what this process has used of the processors so far.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
