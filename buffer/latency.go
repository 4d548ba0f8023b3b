// Latency: how long events take from the journal to the bucket.

package buffer

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// arrivals says how many of a window's rows came when, to a sixtieth of the flush
// interval: a histogram of what took about that long can't show more.
type arrivals []arrival

type arrival struct {
	at   time.Time // of the first
	rows int64
}

const arrivalsPerInterval = 60

func (a *arrivals) add(at time.Time, step time.Duration, commits []*commit) {
	if n := len(*a); n == 0 || at.Sub((*a)[n-1].at) >= step {
		*a = append(*a, arrival{at: at})
	}
	last := &(*a)[len(*a)-1]
	for _, c := range commits {
		last.rows += c.tally.events()
	}
}

// all says that every row came at one moment, or not before it.
func (a *arrivals) all(at time.Time, rows int64) { *a = arrivals{{at, rows}} }

// latency is a histogram in which every event counts, not every file.
type latency struct {
	desc   *prometheus.Desc
	bounds []float64 // seconds
	mu     struct {
		sync.Mutex
		counts []uint64 // of each bound, and above all
		events uint64
		sum    float64
	}
}

func newLatency(name, help string, bounds []float64) *latency {
	l := &latency{desc: prometheus.NewDesc(name, help, nil, nil), bounds: bounds}
	l.mu.counts = make([]uint64, len(bounds)+1)
	return l
}

// observe counts rows that are stored now.
func (l *latency) observe(now time.Time, rows arrivals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range rows {
		seconds := max(0, now.Sub(a.at).Seconds())
		i := 0
		for i < len(l.bounds) && seconds > l.bounds[i] {
			i++
		}
		l.mu.counts[i] += uint64(a.rows)
		l.mu.events += uint64(a.rows)
		l.mu.sum += seconds * float64(a.rows)
	}
}

// Describe and Collect make it a prometheus.Collector.
func (l *latency) Describe(c chan<- *prometheus.Desc) { c <- l.desc }

// Collect sends the histogram as it is.
func (l *latency) Collect(c chan<- prometheus.Metric) {
	l.mu.Lock()
	defer l.mu.Unlock()
	buckets := make(map[float64]uint64, len(l.bounds))
	below := uint64(0)
	for i, bound := range l.bounds {
		below += l.mu.counts[i]
		buckets[bound] = below
	}
	c <- prometheus.MustNewConstHistogram(l.desc, l.mu.events, l.mu.sum, buckets)
}
