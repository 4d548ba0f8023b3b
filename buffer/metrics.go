// What the buffer tells Prometheus.

package buffer

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/schema"
)

// Metrics are the buffer's counters. Labels come from closed sets.
type Metrics struct {
	Batches       prometheus.Counter
	Rows          *prometheus.CounterVec // table
	JournalBytes  prometheus.Counter
	Frames        prometheus.Counter
	Append        prometheus.Histogram
	Windows       *prometheus.CounterVec // reason
	Refused       *prometheus.CounterVec // reason
	Flush         prometheus.Histogram
	Latency       *latency
	FlushFailures prometheus.Counter
	Postponed     prometheus.Counter
	Shed          prometheus.Counter
	Recovered     prometheus.Counter
	Corrupt       prometheus.Counter
	Failed        prometheus.Gauge

	reg prometheus.Registerer
}

// NewMetrics returns the metrics, registered with reg unless it is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	m := &Metrics{
		Batches:      counter("parquay_buffer_batches_total", "Batches made durable."),
		Rows:         vec("parquay_buffer_rows_total", "Rows made durable, by table.", "table"),
		JournalBytes: counter("parquay_journal_written_bytes_total", "Bytes of frames appended to the journal."),
		Frames:       counter("parquay_journal_frames_total", "Frames (group commits) appended to the journal."),
		Append: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "parquay_journal_append_seconds",
			Help:    "Time to write and sync one frame.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18),
		}),
		Windows: vec("parquay_windows_total", "Windows ended, by reason.", "reason"),
		Refused: vec("parquay_admission_refused_total", "Reservations refused, by reason.", "reason"),
		Flush: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "parquay_window_flush_seconds",
			Help:    "Time from the end of a window, or of a part that is replayed, until its files were in the bucket.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 18),
		}),
		Latency: newLatency("parquay_event_stored_seconds", "Time from an event's commit until it was in the bucket, by event. For a recovered one: from the beginning of its window.",
			prometheus.ExponentialBuckets(0.25, 2, 18)),
		Postponed:     counter("parquay_windows_postponed_total", "Windows left in the journal because too many files waited for the bucket."),
		Shed:          counter("parquay_batches_shed_total", "Batches that memory let go while they waited, to be read back from the journal."),
		FlushFailures: counter("parquay_flush_failures_total", "Flushes of a window that failed and are done again from the journal."),
		Recovered:     counter("parquay_recovered_rows_total", "Rows read back from the journal and flushed."),
		Corrupt:       counter("parquay_journal_corrupt_windows_total", "Windows of the journal found damaged and kept in quarantine."),
		Failed:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "parquay_journal_failed", Help: "1 after a failed write or sync: nothing more is acknowledged."}),
		reg:           reg,
	}
	for _, reason := range []string{"age", "bytes", "memory", "shutdown", "failure"} {
		m.Windows.WithLabelValues(reason)
	}
	for _, r := range refusals {
		m.Refused.WithLabelValues(r.label)
	}
	if reg != nil {
		reg.MustRegister(m.Batches, m.Rows, m.JournalBytes, m.Frames, m.Append, m.Windows, m.Refused,
			m.Flush, m.Latency, m.FlushFailures, m.Postponed, m.Shed, m.Recovered, m.Corrupt, m.Failed)
	}
	return m
}

// watch registers the gauges that are read from the buffer when they are asked for.
func (m *Metrics) watch(b *Buffer) {
	if m.reg == nil {
		return
	}
	gauge := func(name, help string, value func() float64) {
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	m.reg.MustRegister(&accountCollector{b})
	gauge("parquay_journal_backlog_bytes", "Bytes of the journal on its medium.",
		func() float64 { return float64(b.cfg.Medium.Usage()) })
	gauge("parquay_journal_limit_bytes", "Bytes of the journal at which nothing more is admitted.",
		func() float64 { return float64(b.cfg.JournalLimit) })
	gauge("parquay_journal_free_bytes", "Bytes free on the journal's disk, at most a second old.",
		func() float64 { return float64(b.disk.free(b.cfg.Medium, b.cfg.Now())) })
	gauge("parquay_pending_windows", "Windows that are not wholly in the bucket.",
		func() float64 { n, _ := b.Pending(); return float64(n) })
	gauge("parquay_oldest_pending_seconds", "Age of the oldest event that is not in the bucket; 0 if none.", func() float64 {
		_, oldest := b.Pending()
		if oldest.IsZero() {
			return 0
		}
		return b.cfg.Now().Sub(oldest).Round(time.Millisecond).Seconds()
	})
	gauge("parquay_memory_used_bytes", "Bytes of bodies and batches held, of the budget.",
		func() float64 { return float64(b.budget.used.Load()) })
	gauge("parquay_memory_limit_bytes", "The byte budget for bodies and batches.",
		func() float64 { return float64(b.budget.limit) })
	gauge("parquay_ring_fullest_ratio", "How full the share of the tenant is that has the fullest one.",
		func() float64 { return b.tenants.fullest() })
	gauge("parquay_tenants_active", "Tenants with something in memory.",
		func() float64 { return float64(b.tenants.len()) })
	gauge("parquay_uploads_waiting", "Finished files that wait to be put.",
		func() float64 { return float64(b.uploads.len()) })
}

var refusals = []struct {
	err   error
	label string
}{
	{ErrTenantFull, "tenant_full"},
	{ErrBusy, "memory"},
	{ErrJournalFull, "journal_full"},
	{ErrTooLarge, "too_large"},
	{ErrFailed, "failed"},
	{ErrStopping, "stopping"},
}

func (m *Metrics) refused(err error) {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			m.Refused.WithLabelValues(r.label).Inc()
			return
		}
	}
}

// committed counts a frame.
func (m *Metrics) committed(commits []*commit, bytes int) {
	m.Frames.Inc()
	m.JournalBytes.Add(float64(bytes))
	for _, c := range commits {
		m.Batches.Add(float64(len(c.batches)))
		for _, b := range c.batches {
			m.rows(b)
		}
	}
}

func (m *Metrics) rows(b *schema.Batch) { m.Rows.WithLabelValues(b.Table.Name()).Add(float64(b.Rows)) }
