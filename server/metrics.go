// What the server counts.

package server

import (
	"context"
	"errors"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/schema"
	"parquay/server/problems"
)

// Metrics are the server's. Their labels come from closed sets (I6): patterns of
// routes, statuses that HTTP knows, and the tables and codes of the contract. So
// nothing that a client sends can add a series beyond their product.
type Metrics struct {
	answers  *answerMetrics
	gate     *gateMetrics
	problems map[string]prometheus.Counter // by type; never changes
	inFlight prometheus.Gauge
	waiting  prometheus.Gauge
	panics   prometheus.Counter
	replayed prometheus.Counter

	accepted  *prometheus.CounterVec // table
	rejected  *prometheus.CounterVec // table, code
	abandoned *prometheus.CounterVec // table

	wireBytes, textBytes prometheus.Counter // of bodies

	reg prometheus.Registerer
}

// NewMetrics makes the metrics and registers them with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &Metrics{
		reg:      reg,
		answers:  newAnswerMetrics(),
		gate:     newGateMetrics(),
		problems: make(map[string]prometheus.Counter),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_http_requests_in_flight", Help: "Requests being served.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_http_requests_waiting", Help: "Requests, of those being served, whose client waits for the bucket (Prefer: wait).",
		}),
		panics:   counter("parquay_http_panics_total", "Requests whose handler panicked."),
		replayed: counter("parquay_http_replayed_total", "Requests that repeat an Idempotency-Key and were answered as the first one was."),

		accepted: counterVec("parquay_events_accepted_total",
			"Events that were acknowledged as accepted, by table.", "table"),
		rejected: counterVec("parquay_events_rejected_total",
			"Events that the schema refused and that are kept as rows of the table rejected, by table and code.", "table", "code"),
		abandoned: counterVec("parquay_events_abandoned_total",
			"Events whose client went away before their commit ended: they may be durable, and were not acknowledged.", "table"),

		wireBytes: counter("parquay_http_request_body_bytes_total",
			"Bytes of bodies of events as sent, those of refused requests included."),
		textBytes: counter("parquay_http_request_text_bytes_total",
			"Bytes of bodies of events once decompressed, of those that decompress."),
	}
	reg.MustRegister(m.inFlight, m.waiting, m.panics, m.replayed, m.accepted, m.rejected, m.abandoned, m.wireBytes, m.textBytes)
	m.answers.register(reg)
	m.gate.register(reg)
	byType := counterVec("parquay_http_problems_total", "Answers with a problem, by its type (docs/http-api.md).", "type")
	for _, kind := range problems.All() { // so that a rate sees the first one
		m.problems[kind.Type()] = byType.WithLabelValues(strings.TrimPrefix(kind.Type(), "/problems/"))
	}
	reg.MustRegister(byType)
	return m
}

// watch registers the gauges that are read from the server when they are asked for.
func (m *Metrics) watch(s *Server) {
	gauge := func(name, help string, value func() float64) {
		m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("parquay_idempotency_keys", "Idempotency keys that are remembered, long answers counted as several.",
		func() float64 { return float64(s.keys.Held()) })
	gauge("parquay_idempotency_keys_limit", "Idempotency keys over which a new one is refused (PARQUAY_IDEMPOTENCY_KEYS).",
		func() float64 { return float64(s.cfg.IdempotencyKeys) })
	gauge("parquay_connections_limit", "Connections for events over which further ones wait (PARQUAY_MAX_CONNECTIONS).",
		func() float64 { return float64(s.cfg.MaxConnections) })
}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// table returns the counters of one table. They exist from the start, so that a
// rate sees the first event.
func (m *Metrics) table(name string) tableMetrics {
	t := tableMetrics{
		accepted:  m.accepted.WithLabelValues(name),
		abandoned: m.abandoned.WithLabelValues(name),
		rejected:  make(map[schema.Code]prometheus.Counter),
	}
	for _, code := range schema.Codes() {
		t.rejected[code] = m.rejected.WithLabelValues(name, string(code))
	}
	return t
}

// tableMetrics are the counters of one table's events.
type tableMetrics struct {
	accepted, abandoned prometheus.Counter
	rejected            map[schema.Code]prometheus.Counter // never changes
}

// committed counts events whose batches are durable.
func (m *tableMetrics) committed(out outcome) {
	m.accepted.Add(float64(out.Accepted))
	for code, n := range out.counts {
		m.rejected[code].Add(float64(n))
	}
}

// uncommitted counts events of which nobody knows, because nobody waited.
func (m *tableMetrics) uncommitted(out outcome, err error) {
	if errors.Is(err, context.Canceled) {
		m.abandoned.Add(float64(out.Accepted + out.Rejected))
	}
}
