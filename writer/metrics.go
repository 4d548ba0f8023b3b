package writer

// This file is what the encoding and spooling side of the writer tells Prometheus.

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts files from their encoding to the bucket. Tables are its only
// label: their number is the operator's.
type Metrics struct {
	files       *prometheus.CounterVec
	rows        *prometheus.CounterVec
	bytes       *prometheus.CounterVec
	encoding    prometheus.Histogram
	spoolMemory prometheus.Gauge
	spoolBytes  prometheus.Gauge
	spoolFiles  prometheus.Gauge
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"table"})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		files: counter("parquay_files_total", "Files that are durable in the bucket."),
		rows:  counter("parquay_file_rows_total", "Rows of files that are durable in the bucket."),
		bytes: counter("parquay_file_bytes_total", "Bytes of files that are durable in the bucket."),
		encoding: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "parquay_encode_seconds",
			Help:    "Time to encode a row group, without the wait for an encoder.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8), // 0.1 ms to 1.6 s
		}),
		spoolMemory: gauge("parquay_spool_memory_bytes", "Bytes of files in memory that are not in the bucket yet."),
		spoolBytes:  gauge("parquay_spool_disk_bytes", "Bytes of files in the spool folder."),
		spoolFiles:  gauge("parquay_spool_files", "Files in the spool folder."),
	}
	r.MustRegister(m.files, m.rows, m.bytes, m.encoding, m.spoolMemory, m.spoolBytes, m.spoolFiles)
	return m
}

// stored counts a file that is in the bucket.
func (m *Metrics) stored(table string, rows, bytes int64) {
	m.files.WithLabelValues(table).Inc()
	m.rows.WithLabelValues(table).Add(float64(rows))
	m.bytes.WithLabelValues(table).Add(float64(bytes))
}
