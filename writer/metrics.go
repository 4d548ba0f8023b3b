package writer

// This file is what the encoding and spooling side of the writer tells Prometheus.

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/schema"
)

// Metrics follow files from their encoding to the bucket. Tables are their only
// label: their number is the operator's.
type Metrics struct {
	bytes  *prometheus.HistogramVec // table
	rows   *prometheus.HistogramVec // table
	encode prometheus.Histogram
	finish prometheus.Histogram

	spoolMemory prometheus.Gauge
	spoolBytes  prometheus.Gauge
	spoolFiles  prometheus.Gauge
}

// NewMetrics makes the metrics and registers them. Those of the tables named are
// there from the start, so that a rate sees the first file.
func NewMetrics(r prometheus.Registerer, tables ...*schema.Table) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	perFile := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"table"})
	}
	m := &Metrics{
		bytes: perFile("parquay_file_size_bytes",
			"Size of each file that is durable in the bucket, by table: the count is of files, the sum of bytes.",
			prometheus.ExponentialBuckets(4<<10, 4, 10)), // 4 KiB to 1 GiB
		rows: perFile("parquay_file_rows",
			"Rows of each file that is durable in the bucket, by table: the sum is of rows.",
			prometheus.ExponentialBuckets(1, 4, 12)), // to 4 million
		encode: histogram("parquay_row_group_encode_seconds",
			"Time to encode a row group, without the wait for an encoder.",
			prometheus.ExponentialBuckets(0.0001, 4, 8)), // 0.1 ms to 1.6 s
		finish: histogram("parquay_file_close_seconds",
			"Time to write a file's footer and to read the file back.",
			prometheus.ExponentialBuckets(0.0001, 4, 8)),

		spoolMemory: gauge("parquay_spool_memory_bytes", "Bytes of files in memory that are not in the bucket yet."),
		spoolBytes:  gauge("parquay_spool_disk_bytes", "Bytes of files in the spool folder."),
		spoolFiles:  gauge("parquay_spool_files", "Files in the spool folder."),
	}
	for _, t := range tables {
		m.bytes.WithLabelValues(t.Name())
		m.rows.WithLabelValues(t.Name())
	}
	r.MustRegister(m.bytes, m.rows, m.encode, m.finish, m.spoolMemory, m.spoolBytes, m.spoolFiles)
	return m
}

// stored counts a file that is in the bucket.
func (m *Metrics) stored(table string, rows, bytes int64) {
	m.bytes.WithLabelValues(table).Observe(float64(bytes))
	m.rows.WithLabelValues(table).Observe(float64(rows))
}

// since is how long something has taken, in the unit of Prometheus.
func since(begin time.Time) float64 { return time.Since(begin).Seconds() }
