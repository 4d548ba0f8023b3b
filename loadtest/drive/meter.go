// What is measured while a run goes on.

package drive

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies from a microsecond to an hour, to three digits.
const longest = time.Hour

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), 3)
}

// Counts are sums over a traffic, or a part of its time.
type Counts struct {
	Events     int64 `json:"events"`     // acknowledged
	Rejected   int64 `json:"rejected"`   // of these, as rows of rejected
	Bodies     int64 `json:"bodies"`     // acknowledged
	TextBytes  int64 `json:"text_bytes"` // of JSON
	SentBytes  int64 `json:"sent_bytes"` // of acknowledged requests, headers too
	Refused    int64 `json:"refused"`    // attempts that were answered as not kept, and made again
	Unanswered int64 `json:"unanswered"` // attempts whose fate is unknown, and made again
	Failed     int64 `json:"failed"`     // connections that could not be made
	Wrong      int64 `json:"wrong"`      // answers that don't fit what was sent
	GivenUp    int64 `json:"given_up"`   // events that were not acknowledged when the run had to end
}

func (c *Counts) add(d Counts) {
	c.Events += d.Events
	c.Rejected += d.Rejected
	c.Bodies += d.Bodies
	c.TextBytes += d.TextBytes
	c.SentBytes += d.SentBytes
	c.Refused += d.Refused
	c.Unanswered += d.Unanswered
	c.Failed += d.Failed
	c.Wrong += d.Wrong
	c.GivenUp += d.GivenUp
}

// meter measures a traffic. Its lock is held for a moment for each body.
type meter struct {
	mu struct {
		sync.Mutex
		total, since Counts // since is of the interval that goes on
		// From the moment a body was to leave until it was acknowledged.
		latency, interval *hdrhistogram.Histogram
		// How late bodies left although a worker was free: the fault of this program.
		lag        *hdrhistogram.Histogram
		statuses   map[int]int64
		durability map[string]int64
		wrong      []string // the first of them
	}
}

const keptWrong = 10

func newMeter() *meter {
	m := new(meter)
	m.mu.latency, m.mu.interval, m.mu.lag = newHistogram(), newHistogram(), newHistogram()
	m.mu.statuses, m.mu.durability = map[int]int64{}, map[string]int64{}
	return m
}

func (m *meter) count(c Counts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.since.add(c)
}

// left notes how late a body left that a worker has waited for.
func (m *meter) left(late time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.mu.lag.RecordValue(clamp(late))
}

// status notes an answer.
func (m *meter) status(a *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.statuses[a.status]++
}

// acked notes a body that was acknowledged.
func (m *meter) acked(r *request, a *answer, took time.Duration, wrong error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := Counts{
		Events: r.To - r.From, Rejected: int64(r.invalid), Bodies: 1,
		TextBytes: int64(r.size), SentBytes: int64(len(r.bytes)),
	}
	if wrong != nil {
		c.Wrong = 1
		if len(m.mu.wrong) < keptWrong {
			m.mu.wrong = append(m.mu.wrong, wrong.Error())
		}
	}
	m.mu.since.add(c)
	m.mu.durability[a.durability]++
	// Both can't fail for a value within their range.
	_ = m.mu.interval.RecordValue(clamp(took))
}

func clamp(d time.Duration) int64 {
	return min(max(d.Microseconds(), 1), longest.Microseconds())
}

// interval ends the interval that goes on, and returns its counts and latencies.
func (m *meter) interval() (Counts, *hdrhistogram.Histogram) {
	fresh := newHistogram()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, h := m.mu.since, m.mu.interval
	m.mu.since, m.mu.interval = Counts{}, fresh
	m.mu.total.add(c)
	m.mu.latency.Merge(h)
	return c, h
}
