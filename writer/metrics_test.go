package writer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"parquay/schema"
)

// metricValue adds a metric up over its labels; of a histogram it is the count, or
// with the suffix _sum the sum.
func metricValue(t *testing.T, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	family, ofSum := strings.CutSuffix(name, "_sum")
	for _, f := range families {
		if f.GetName() != family {
			continue
		}
		total := 0.0
		for _, m := range f.GetMetric() {
			if ofSum {
				total += m.GetHistogram().GetSampleSum()
				continue
			}
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		return total
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
			"parquay_file_size_bytes", "parquay_file_size_bytes_sum", "parquay_file_rows", "parquay_file_rows_sum",
			"parquay_row_group_encode_seconds", "parquay_file_close_seconds",
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
		"parquay_file_size_bytes": 1, "parquay_file_size_bytes_sum": size, "parquay_file_rows": 1, "parquay_file_rows_sum": 3,
		"parquay_row_group_encode_seconds": 6, "parquay_file_close_seconds": 2,
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

// Every name is as Prometheus wants it, nothing is registered twice, and every
// table has its series before its first file.
func TestMetricsAreWellFormed(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	NewMetrics(registry, schema.Events(), schema.Rejected())
	NewPutMetrics(registry)
	complaints, err := testutil.GatherAndLint(registry)
	if err != nil || len(complaints) > 0 {
		t.Errorf("%v, %v", complaints, err)
	}
	if n, err := testutil.GatherAndCount(registry, "parquay_file_rows"); n != 2 || err != nil {
		t.Errorf("%d tables have rows, want 2 (%v)", n, err)
	}
}
