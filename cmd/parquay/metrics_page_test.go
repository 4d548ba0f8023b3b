// docs/metrics.md, written from what the gateway gathers.

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
)

const metricsPage = "../../docs/metrics.md"

// section is a part of the page.
type section struct {
	title   string
	metrics []entry
}

// entry is a metric with what the registry does not know of it.
type entry struct {
	name  string
	quiet bool   // it is 0 while all is well and nothing is under way
	watch string // what to watch for
}

const quiet = true

// guide has every metric of the gateway once.
var guide = []section{
	{"Requests", []entry{
		{"parquay_http_requests_total", false, "a share of `5xx` above what a restart explains: `sum by (status) (rate(parquay_http_requests_total{route=\"/v1/{table}\"}[5m]))`"},
		{"parquay_http_request_duration_seconds", false, "`class=\"2xx\"` of the route that takes events: with `PARQUAY_ACK=disk` it is mostly `parquay_journal_append_seconds`"},
		{"parquay_http_problems_total", false, "`busy` and `journal-full`: the bucket or the disk does not keep up; `rate-limited` and `tenant-full`: one tenant is over its limits, and the log of level warn names it; `unauthorized` and `too-many-failures` beyond what mistyped keys explain; `internal`"},
		{"parquay_http_requests_in_flight", quiet, ""},
		{"parquay_http_requests_waiting", quiet, ""},
		{"parquay_http_panics_total", quiet, "anything but 0: it is a defect, and the log has its stack"},
		{"parquay_http_replayed_total", false, ""},
		{"parquay_http_request_body_bytes_total", false, ""},
		{"parquay_http_request_text_bytes_total", false, ""},
		{"parquay_http_response_body_bytes_total", false, ""},
		{"parquay_idempotency_keys", false, "its limit: over it, requests with a new key are refused"},
		{"parquay_idempotency_keys_limit", false, ""},
	}},
	{"Connections", []entry{
		{"parquay_connections", quiet, "its limit: there idle connections are closed to make room, and where none is idle further clients wait without an answer"},
		{"parquay_connections_limit", false, ""},
		{"parquay_connections_full_total", quiet, ""},
		{"parquay_tls_certificate_expiry_timestamp_seconds", quiet, "less than two weeks from now"},
		{"parquay_tls_reload_total", quiet, ""},
		{"parquay_tls_reload_failed", quiet, "1: new files are refused, and the certificate in use expires"},
	}},
	{"Events", []entry{
		{"parquay_events_accepted_total", false, "a fall to 0: nothing arrives any more"},
		{"parquay_events_rejected_total", false, "a code whose rate rises with a sender's release; the rows of the table `rejected` say which events"},
		{"parquay_events_abandoned_total", quiet, "a steady rate: clients' timeouts are shorter than the disk needs"},
		{"parquay_tenant_events_total", false, "`late` of a tenant whose clock or queue lags"},
		{"parquay_tenant_pending_events", quiet, ""},
		{"parquay_tenant_held_bytes", quiet, ""},
		{"parquay_event_stored_seconds", false, "a 99th percentile beyond a few flush intervals"},
	}},
	{"Tenants", []entry{
		{"parquay_tenants_active", quiet, ""},
		{"parquay_tenants_provisioned", false, ""},
		{"parquay_tenants_reload_failed", quiet, "1: the file of tenants is refused, so that new keys and revocations are not in effect"},
		{"parquay_tenants_reload_total", false, ""},
		{"parquay_tenants_last_reload_timestamp_seconds", false, ""},
	}},
	{"Memory and admission", []entry{
		{"parquay_memory_used_bytes", quiet, "more than nine tenths of the limit: 503 is near"},
		{"parquay_memory_limit_bytes", false, ""},
		{"parquay_ring_fullest_ratio", quiet, "1: a tenant gets 429"},
		{"parquay_admission_refused_total", quiet, "`memory` and `journal_full`; `tenant_full` is one tenant's affair"},
	}},
	{"Journal and windows", []entry{
		{"parquay_journal_failed", quiet, "1: the process is about to exit with status 3"},
		{"parquay_journal_append_seconds", false, "a 99th percentile beyond 100 ms: a disk that is slow to sync"},
		{"parquay_journal_frames_total", false, ""},
		{"parquay_journal_written_bytes_total", false, ""},
		{"parquay_journal_backlog_bytes", quiet, "steady growth towards its limit: the bucket does not keep up"},
		{"parquay_journal_limit_bytes", false, ""},
		{"parquay_journal_free_bytes", false, "256 MiB, which are kept for the spool: at that nothing is admitted"},
		{"parquay_journal_corrupt_windows_total", quiet, "anything but 0: a disk has damaged what it had confirmed; the window is in `journal/quarantine/`"},
		{"parquay_buffer_batches_total", false, ""},
		{"parquay_buffer_rows_total", false, ""},
		{"parquay_windows_total", false, "`bytes` or `memory` beside `age`: windows end early, and files get smaller (`memory` takes close to a million requests in an interval)"},
		{"parquay_windows_postponed_total", quiet, ""},
		{"parquay_batches_shed_total", quiet, "more than some: `PARQUAY_MEMORY` is less than what comes in a flush interval, which costs a second reading and no more"},
		{"parquay_pending_windows", quiet, "more than three"},
		{"parquay_oldest_pending_seconds", quiet, "many flush intervals: nothing has reached the bucket for so long"},
		{"parquay_window_flush_seconds", false, "the flush interval: beyond it windows queue up"},
		{"parquay_flush_failures_total", quiet, "anything but 0: a full spool or a defect; the window is read again from the journal"},
		{"parquay_recovered_rows_total", quiet, ""},
	}},
	{"Files and the bucket", []entry{
		{"parquay_file_size_bytes", false, "many files under 1 MiB, which make queries slow: a longer `PARQUAY_FLUSH_INTERVAL` makes fewer"},
		{"parquay_file_rows", false, ""},
		{"parquay_row_group_encode_seconds", false, "`rate(parquay_row_group_encode_seconds_sum[5m])`, the encoders that are busy, near the number of cores"},
		{"parquay_file_close_seconds", false, ""},
		{"parquay_spool_memory_bytes", quiet, ""},
		{"parquay_spool_disk_bytes", quiet, ""},
		{"parquay_spool_files", quiet, ""},
		{"parquay_uploads_waiting", quiet, "growth: the bucket does not keep up"},
		{"parquay_bucket_check_pending", quiet, "1: the bucket has not answered since the start"},
		{"parquay_bucket_puts_in_flight", quiet, ""},
		{"parquay_bucket_puts_failing", quiet, "more than 0 for minutes: the outcome of the attempts says why, and so does the log"},
		{"parquay_bucket_put_attempts_total", false, "`denied` and `missing`, which nothing but an operator mends"},
		{"parquay_bucket_put_attempt_seconds", false, ""},
	}},
	{"Process", []entry{
		{"parquay_build_info", false, ""},
	}},
}

// openLabels have values that are no list in the source.
var openLabels = map[string]string{
	"route":     "the pattern of a route of [http-api.md](http-api.md), or `none`",
	"status":    "a status of HTTP, `other`, or `none` for a connection that was closed without an answer",
	"class":     "`2xx`, `3xx`, `4xx`, `5xx`, `other`, `none`",
	"table":     "a table",
	"tenant":    "a tenant, or `_other` for all beyond the first 1,000",
	"version":   "of Parquay",
	"goversion": "of Go",
}

// recipes are questions that take more than one metric.
var recipes = []struct{ question, query string }{
	{"Events a second", `sum by (table) (rate(parquay_events_accepted_total[5m]))`},
	{"The share that is rejected, and why", `sum by (code) (rate(parquay_events_rejected_total[1h])) / scalar(sum(rate(parquay_events_accepted_total[1h])) + sum(rate(parquay_events_rejected_total[1h])))`},
	{"Time to the answer, 99th percentile", `histogram_quantile(0.99, sum by (le) (rate(parquay_http_request_duration_seconds_bucket{route="/v1/{table}",class="2xx"}[5m])))`},
	{"Time from receipt to the bucket, 99th percentile", `histogram_quantile(0.99, sum by (le) (rate(parquay_event_stored_seconds_bucket[15m])))`},
	{"Bytes of Parquet an event", `sum by (table) (rate(parquay_file_size_bytes_sum[1h])) / sum by (table) (rate(parquay_file_rows_sum[1h]))`},
	{"Bytes of JSON an event", `sum(rate(parquay_http_request_text_bytes_total[1h])) / (sum(rate(parquay_events_accepted_total[1h])) + sum(rate(parquay_events_rejected_total[1h])))`},
	{"How far bodies are compressed", `sum(rate(parquay_http_request_text_bytes_total[1h])) / sum(rate(parquay_http_request_body_bytes_total[1h]))`},
	{"Files an hour", `sum by (table) (increase(parquay_file_size_bytes_count[1h]))`},
	{"Bytes of a file, on average", `sum by (table) (rate(parquay_file_size_bytes_sum[1h])) / sum by (table) (rate(parquay_file_size_bytes_count[1h]))`},
	{"Retries of puts by cause", `sum by (outcome) (rate(parquay_bucket_put_attempts_total{outcome!~"stored|cancelled"}[5m]))`},
	{"How full the journal is", `parquay_journal_backlog_bytes / parquay_journal_limit_bytes`},
	{"Late events by tenant", `sum by (tenant) (rate(parquay_tenant_events_total{outcome="late"}[1h]))`},
	{"Events that no account explains (always 0)", unexplained},
}

const unexplained = `sum by (instance, tenant) (parquay_tenant_events_total{outcome=~"accepted|rejected|recovered"}) - sum by (instance, tenant) (parquay_tenant_events_total{outcome="stored"}) - sum by (instance, tenant) (parquay_tenant_pending_events)`

const pageHead = `# Metrics

<!-- go test ./cmd/parquay -run Metrics -update -->

` + "`GET /metrics`" + ` on the admin listener (` + "`PARQUAY_ADMIN_LISTEN`" + `), in Prometheus's text format. [Operating Parquay](operations.md#alerts) has
alerts made of them.

Counters begin with the process and, where their labels are known, at 0, so that ` + "`rate`" + ` sees the first of everything. Labels come
from closed sets: nothing that a client sends adds a series. Replicas share nothing, so sums over ` + "`instance`" + ` are a fleet's.
What HTTP itself refuses before there is a path (a header over 16 KiB, a failed handshake) is counted as a connection alone. A
histogram is the series ` + "`_bucket`, `_sum` and `_count`" + `.
`

// testPage compares the page with what was gathered, or writes it.
func (m *metered) testPage(t *testing.T) {
	families := map[string]*dto.MetricFamily{}
	for _, f := range m.families(t) {
		families[f.GetName()] = f
	}
	var b strings.Builder
	b.WriteString(pageHead)
	b.WriteString("\n## Questions\n\n| question | query |\n|---|---|\n")
	for _, r := range recipes {
		fmt.Fprintf(&b, "| %s | `%s` |\n", r.question, strings.ReplaceAll(r.query, "|", `\|`))
	}
	told := map[string]bool{}
	for _, s := range guide {
		fmt.Fprintf(&b, "\n## %s\n\n| name | type | labels | meaning |\n|---|---|---|---|\n", s.title)
		for _, e := range s.metrics {
			f := families[e.name]
			if f == nil || told[e.name] {
				t.Errorf("%s is not gathered, or told twice", e.name)
				continue
			}
			told[e.name] = true
			b.WriteString(row(f, e.watch))
		}
	}
	b.WriteString("\nBeside these are `go_` and `process_`, the collectors that every Go program has: memory, garbage collection, goroutines, CPU, " +
		"open files, start time.\n")
	for name := range families {
		if strings.HasPrefix(name, "parquay_") && !told[name] {
			t.Errorf("the guide lacks %s", name)
		}
	}
	page, err := os.ReadFile(metricsPage)
	if *update {
		err = os.WriteFile(metricsPage, []byte(b.String()), 0o644)
	} else if diff := cmp.Diff(b.String(), string(page)); diff != "" {
		t.Errorf("docs/metrics.md is out of date (-want +got); `go test ./cmd/parquay -run Metrics -update` writes it:\n%s", diff)
	}
	if err != nil {
		t.Error(err)
	}
}

// row is a metric's line.
func row(f *dto.MetricFamily, watch string) string {
	meaning := strings.ReplaceAll(f.GetHelp(), "|", `\|`)
	if watch != "" {
		meaning += "<br>**Watch for** " + strings.TrimSuffix(watch, ".") + "."
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(labelsOf(f), "<br>"), meaning)
}

// labelsOf describes the labels of a metric.
func labelsOf(f *dto.MetricFamily) (list []string) {
	values := map[string][]string{}
	for _, s := range f.GetMetric() {
		for _, l := range s.GetLabel() {
			values[l.GetName()] = append(values[l.GetName()], "`"+l.GetValue()+"`")
		}
	}
	for name, met := range values {
		about, ok := openLabels[name]
		if !ok {
			slices.Sort(met)
			about = strings.Join(slices.Compact(met), ", ")
		}
		list = append(list, fmt.Sprintf("`%s`: %s", name, about))
	}
	slices.Sort(list)
	return list
}
