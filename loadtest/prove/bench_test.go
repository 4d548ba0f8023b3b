package prove

import (
	"path/filepath"
	"testing"
	"time"

	"parquay/loadtest/drive"
	"parquay/loadtest/scenario"
)

// BenchmarkVerify reads one file of a tenant and an hour, as most of a large run's are.
func BenchmarkVerify(b *testing.B) {
	const rows = 50_000
	w := &world{dir: b.TempDir(), plan: &scenario.Plan{Run: 1, Seed: 1, Table: "events", Tenants: []string{"acme"}}}
	w.maker = scenario.NewMaker(w.plan)
	now := time.Date(2026, 11, 23, 7, 30, 0, 0, time.UTC)
	var all []eventRow
	for sequence := range int64(rows) {
		text, valid := w.maker.Append(nil, 0, sequence, 0, now.UnixMilli())
		all = append(all, *w.store(b, text, valid, "acme", now).event)
	}
	writeFile(b, filepath.Join(w.dir, "events", "tenant=acme", "dt=2026-11-23", "hour=07", "f.parquet"), all, rows)
	fates := []drive.Fates{{Sent: rows, Acked: []drive.Range{{To: rows}}}}
	b.ReportAllocs()
	for b.Loop() {
		p, err := Verify(b.Context(), Options{Plan: w.plan, Fates: fates, Bucket: directory(w.dir), Begin: now})
		if err != nil || !p.OK() {
			b.Fatal(err, p)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
