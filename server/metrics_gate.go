// What the server counts of those who come in: connections, certificates and
// credentials.

package server

import "github.com/prometheus/client_golang/prometheus"

// gateMetrics are counted before a request's handler runs.
type gateMetrics struct {
	connections     prometheus.Gauge
	connectionsFull prometheus.Counter

	tlsReloads *prometheus.CounterVec // result
	tlsExpiry  prometheus.Gauge

	unauthorized prometheus.Counter     // without the reason, which nobody is told
	limited      *prometheus.CounterVec // limit
}

func newGateMetrics() *gateMetrics {
	return &gateMetrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_connections", Help: "Open connections to the listener for events.",
		}),
		connectionsFull: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parquay_connections_full_total",
			Help: "Times that the listener for events stopped accepting, because PARQUAY_MAX_CONNECTIONS were open.",
		}),
		tlsReloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parquay_tls_reloads_total",
			Help: "Readings of TLS files that had changed, by result: ok, or failed, after which the last good ones stay.",
		}, []string{"result"}),
		tlsExpiry: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_tls_certificate_expiry_timestamp_seconds",
			Help: "Unix time at which the certificate in use expires; 0 without TLS.",
		}),
		unauthorized: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parquay_http_unauthorized_total",
			Help: "Requests without a valid credential.",
		}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parquay_http_limited_total",
			Help: "Requests refused over a tenant's rate, by limit (events, bytes), or over the failed credentials of an address (failures).",
		}, []string{"limit"}),
	}
}

func (m *gateMetrics) register(reg prometheus.Registerer) {
	for _, result := range []string{"ok", "failed"} {
		m.tlsReloads.WithLabelValues(result) // so that a rate sees the first one
	}
	for _, limit := range []string{"events", "bytes", "failures"} {
		m.limited.WithLabelValues(limit)
	}
	reg.MustRegister(m.connections, m.connectionsFull, m.tlsReloads, m.tlsExpiry, m.unauthorized, m.limited)
}
