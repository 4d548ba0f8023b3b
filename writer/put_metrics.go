package writer

// This file counts puts.

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// PutMetrics are the metrics of a [Putter].
type PutMetrics struct {
	attempts *prometheus.CounterVec // by kind
	seconds  prometheus.Histogram
	inFlight prometheus.Gauge
	failing  prometheus.Gauge
}

// NewPutMetrics returns the metrics, registered with r.
func NewPutMetrics(r prometheus.Registerer) *PutMetrics {
	m := &PutMetrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parquay_bucket_put_attempts_total",
			Help: "Attempts to put an object into the bucket, by outcome. All but stored, and cancelled at the end of the process, are retried.",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "parquay_bucket_put_attempt_seconds",
			Help:    "How long an attempt to put an object took, whatever its outcome.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 15), // 5 ms to 82 s
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_bucket_puts_in_flight",
			Help: "Attempts to put an object that are under way.",
		}),
		failing: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_bucket_puts_failing",
			Help: "Objects whose last attempt failed and that are to be tried again.",
		}),
	}
	for _, kind := range Kinds() {
		m.attempts.WithLabelValues(string(kind)) // so that a rate can start from 0
	}
	r.MustRegister(m.attempts, m.seconds, m.inFlight, m.failing)
	return m
}

func (m *PutMetrics) observe(kind Kind, took time.Duration) {
	m.attempts.WithLabelValues(string(kind)).Inc()
	m.seconds.Observe(took.Seconds())
}
