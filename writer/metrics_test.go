package writer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"parquay/schema"
)

// metricValue sums a metric over its labels; of a histogram it is the count.
func metricValue(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		sum := 0.0
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		return sum
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestMetrics(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, func(c *Config) { c.MemoryFile = 10_000 })
	values := func() map[string]float64 {
		m := make(map[string]float64)
		for _, name := range []string{
			"parquay_files_total", "parquay_file_rows_total", "parquay_file_bytes_total", "parquay_encode_seconds",
			"parquay_spool_memory_bytes", "parquay_spool_disk_bytes", "parquay_spool_files",
		} {
			m[name] = metricValue(t, r.metrics, name)
		}
		return m
	}
	small, _ := r.Create(testID("kinds"), table)
	id := testID("kinds")
	id.Cut = 1
	large, _ := r.Create(id, table)
	for i := range 3 {
		if err := small.Append(t.Context(), []*schema.Batch{batchOf(table, someRows(1)...)}); err != nil {
			t.Fatal(err)
		}
		if err := large.Append(t.Context(), []*schema.Batch{batchOf(table, incompressible(i, 9000))}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []*Output{small, large} {
		if _, err := f.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if f == small {
			continue
		}
		if err := f.Put(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	size := float64(len(r.bucket.objects[id.Key()]))
	want := map[string]float64{
		"parquay_files_total": 1, "parquay_file_rows_total": 3, "parquay_file_bytes_total": size, "parquay_encode_seconds": 6,
		"parquay_spool_memory_bytes": float64(len(small.body.memory)), "parquay_spool_disk_bytes": size, "parquay_spool_files": 1,
	}
	if diff := cmp.Diff(want, values()); diff != "" {
		t.Errorf("metrics differ (-want +got):\n%s", diff)
	}
	small.Discard()
	large.Discard()
	for _, name := range []string{"parquay_spool_memory_bytes", "parquay_spool_disk_bytes", "parquay_spool_files"} {
		want[name] = 0
	}
	if diff := cmp.Diff(want, values()); diff != "" {
		t.Errorf("metrics differ after all files are gone (-want +got):\n%s", diff)
	}
}

// A second registration would panic: nothing is registered twice or left out.
func TestMetricsAreRegistered(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := NewMetrics(registry)
	m.stored("t", 1, 1)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) != 7 {
		t.Errorf("%d metrics are registered, want 7", len(families))
	}
}
