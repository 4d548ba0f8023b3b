// What the server counts.

package server

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the server's. Their labels come from closed sets: route patterns,
// status codes that the server sends, tables and codes of the contract.
type Metrics struct {
	requests  *prometheus.CounterVec   // route, code
	duration  *prometheus.HistogramVec // route
	inFlight  prometheus.Gauge
	panics    prometheus.Counter
	body      *prometheus.CounterVec // form
	accepted  *prometheus.CounterVec // table
	rejected  *prometheus.CounterVec // table, code
	abandoned *prometheus.CounterVec // table

	wireBytes, textBytes prometheus.Counter // of body
}

// NewMetrics makes the metrics and registers them with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "parquay_" + name, Help: help}, labels)
	}
	m := &Metrics{
		requests: counter("http_requests_total", "Requests answered, by route and status.", "route", "code"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parquay_http_request_duration_seconds",
			Help: "Time from a request's header to its answer, by route.",
			// 0.25 ms, less than any sync takes, to 65 s, doubling.
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 19),
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_http_requests_in_flight", Help: "Requests being served.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parquay_http_panics_total", Help: "Requests whose handler panicked.",
		}),
		body:      counter("http_body_bytes_total", "Bytes of bodies: as sent (wire), and decompressed (text).", "form"),
		accepted:  counter("events_accepted_total", "Events that were acknowledged as accepted, by table.", "table"),
		rejected:  counter("events_rejected_total", "Events that the schema refused and that were kept as such, by table and code. Events beyond those an answer lists count as unlisted.", "table", "code"),
		abandoned: counter("events_abandoned_total", "Events whose client went away before their commit ended: they may be durable, and were not acknowledged.", "table"),
	}
	m.wireBytes, m.textBytes = m.body.WithLabelValues("wire"), m.body.WithLabelValues("text")
	reg.MustRegister(m.requests, m.duration, m.inFlight, m.panics, m.body, m.accepted, m.rejected, m.abandoned)
	return m
}

func (m *Metrics) request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}

// table returns the counters of one table.
func (m *Metrics) table(name string) tableMetrics {
	return tableMetrics{
		accepted:  m.accepted.WithLabelValues(name),
		abandoned: m.abandoned.WithLabelValues(name),
		rejected:  m.rejected.MustCurryWith(prometheus.Labels{"table": name}),
	}
}

// tableMetrics are the counters of one table's events.
type tableMetrics struct {
	accepted, abandoned prometheus.Counter
	rejected            *prometheus.CounterVec // code
}

// committed counts events whose batches are durable.
func (m *tableMetrics) committed(out outcome) {
	m.accepted.Add(float64(out.Accepted))
	for _, e := range out.Errors {
		m.rejected.WithLabelValues(string(e.Code)).Inc()
	}
	if out.Omitted > 0 {
		m.rejected.WithLabelValues("unlisted").Add(float64(out.Omitted))
	}
}

// uncommitted counts events of which nobody knows, because nobody waited.
func (m *tableMetrics) uncommitted(out outcome, err error) {
	if errors.Is(err, context.Canceled) {
		m.abandoned.Add(float64(out.Accepted + out.Rejected))
	}
}
