// What is counted of the file of tenants.

package tenants

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are those of one Registry.
type Metrics struct {
	readings    *prometheus.CounterVec // result
	failed      prometheus.Gauge
	inEffect    prometheus.Gauge
	provisioned prometheus.Gauge
}

// NewMetrics makes the metrics and registers them with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "parquay_tenants_" + name, Help: help})
	}
	m := &Metrics{
		readings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parquay_tenants_reload_total", Help: "Readings of the file of tenants, by result: ok or failed. The one at the start is counted.",
		}, []string{"result"}),
		failed:      gauge("reload_failed", "1 while the file of tenants can't be used and the last good one is in effect, else 0."),
		inEffect:    gauge("last_reload_timestamp_seconds", "When the file of tenants was last read and found good, in seconds since 1970."),
		provisioned: gauge("provisioned", "Tenants in effect."),
	}
	for _, result := range []string{"ok", "failed"} {
		m.readings.WithLabelValues(result)
	}
	reg.MustRegister(m.readings, m.failed, m.inEffect, m.provisioned)
	return m
}

// read counts one reading of the file, after which so many tenants are in effect.
func (m *Metrics) read(err error, provisioned int) {
	m.provisioned.Set(float64(provisioned))
	if err != nil {
		m.readings.WithLabelValues("failed").Inc()
		m.failed.Set(1)
		return
	}
	m.readings.WithLabelValues("ok").Inc()
	m.failed.Set(0)
	m.inEffect.Set(float64(time.Now().UnixMilli()) / 1000)
}
