// What the server counts before there is a request: connections and certificates.

package server

import "github.com/prometheus/client_golang/prometheus"

// gateMetrics are those of the listener for events.
type gateMetrics struct {
	connections     prometheus.Gauge
	connectionsFull prometheus.Counter

	tlsReloads *prometheus.CounterVec // result
	tlsFailed  prometheus.Gauge
	tlsExpiry  prometheus.Gauge
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
			Name: "parquay_tls_reload_total",
			Help: "Readings of TLS files that had changed, by result: ok or failed. The one at the start is counted.",
		}, []string{"result"}),
		tlsFailed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_tls_reload_failed",
			Help: "1 while the TLS files can't be used and the last good ones are in use, else 0.",
		}),
		tlsExpiry: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_tls_certificate_expiry_timestamp_seconds",
			Help: "Unix time at which the certificate in use expires; 0 without TLS.",
		}),
	}
}

func (m *gateMetrics) register(reg prometheus.Registerer) {
	for _, result := range []string{"ok", "failed"} {
		m.tlsReloads.WithLabelValues(result) // so that a rate sees the first one
	}
	reg.MustRegister(m.connections, m.connectionsFull, m.tlsReloads, m.tlsFailed, m.tlsExpiry)
}
