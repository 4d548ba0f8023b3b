// Every metric there is, gathered from a gateway that was given every kind of
// request.

package main

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"parquay/buffer/journal/vfs"
	"parquay/server/tenants"
)

// TestMetrics gives one gateway every kind of request, waits until all that was
// accepted is in the bucket, and looks at what it tells of that.
func TestMetrics(t *testing.T) {
	m := startMetered(t)
	m.traffic()
	t.Run("values", m.testValues)
	t.Run("names", m.testNames)
	t.Run("sources", m.testSources)
	t.Run("page", m.testPage)
	t.Run("queries", m.testQueries)
	t.Run("conservation", m.testConservation)
	t.Run("cardinality", m.testCardinality)
	t.Run("log", m.testLog)
}

// metered is a running gateway whose metrics are looked at.
type metered struct {
	*gateway
	t    *testing.T
	keys map[string]string // by tenant
	log  *logTail          // of level debug
}

// startMetered runs a gateway with three tenants, of which one has a rate of one
// event a second.
func startMetered(t *testing.T) *metered {
	t.Helper()
	dir := t.TempDir()
	m := &metered{t: t, keys: map[string]string{}, log: newLogTail()}
	var list []string
	for _, name := range []string{"acme", "globex", "slow"} {
		key, id, sum := tenants.NewKey()
		m.keys[name] = key
		limits := ""
		if name == "slow" {
			limits = `,"limits":{"events_per_second":1,"burst":"1s"}`
		}
		list = append(list, fmt.Sprintf(`{"name":%q,"keys":[{"id":%q,"sha256":%q}]%s}`, name, id, sum, limits))
	}
	file := filepath.Join(dir, "tenants.json")
	if err := os.WriteFile(file, []byte(`{"tenants":[`+strings.Join(list, ",")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, tables := settingsOf(t, dir, "PARQUAY_FLUSH_INTERVAL", "1s", "PARQUAY_TENANTS", file)
	log := slog.New(slog.NewJSONHandler(m.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if m.gateway, err = openGateway(t.Context(), s, tables, vfs.OS{}, log); err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	ended := make(chan error, 1)
	go func() { ended <- m.run(t.Context(), signals, nil) }()
	t.Cleanup(func() {
		signals <- syscall.SIGTERM
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return m
}

// do sends a request as a tenant and returns the status.
func (m *metered) do(method, path, tenant, body string, header ...string) int {
	m.t.Helper()
	address := m.server.Addr().String()
	if path == "/metrics" || strings.HasPrefix(path, "/debug") || strings.HasPrefix(path, "/admin") {
		address = m.server.AdminAddr().String()
	}
	req, err := http.NewRequestWithContext(m.t.Context(), method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		m.t.Error(err)
		return 0
	}
	req.Close = true
	if tenant != "" {
		req.Header.Set("Authorization", "Bearer "+m.keys[tenant])
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Error(err)
		return 0
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		m.t.Error(err)
	}
	return answer.StatusCode
}

// What traffic posts and has stored.
const (
	secret    = "5EKR1T" // of an event
	goodEvent = `{"type":"message.sent","message_id":"` + secret + `"}`
	badEvent  = `{"kind":"` + secret + `"}`
	manyBad   = 1200 // more than an answer lists

	acmeAccepted, acmeRejected     = 1 + 1 + 1 + 1, 1 + manyBad
	globexAccepted, globexRejected = 2, 0
	slowAccepted                   = 9
)

// traffic returns when all that was accepted is in the bucket.
func (m *metered) traffic() {
	m.t.Helper()
	late := fmt.Sprintf(`{"type":"a.b","time":%q}`, time.Now().Add(-2*time.Hour).UTC().Format(time.RFC3339))
	const events = "/v1/events"
	for _, r := range []struct {
		status       int
		method, path string
		tenant, body string
		header       []string
	}{
		{202, "POST", events, "acme", goodEvent, nil},
		{207, "POST", events, "acme", late + badEvent, nil},
		{422, "POST", events, "acme", strings.Repeat(badEvent, manyBad), nil},
		{422, "POST", events, "acme", goodEvent + badEvent, []string{"Prefer", "handling=strict"}},
		{200, "POST", events + "?dry_run=true", "acme", goodEvent, nil},
		{202, "POST", events, "acme", goodEvent, []string{"Idempotency-Key", "k-1"}},
		{202, "POST", events, "acme", goodEvent, []string{"Idempotency-Key", "k-1"}},
		{202, "POST", events, "globex", goodEvent + "\n" + goodEvent, nil},
		{202, "POST", events, "slow", strings.Repeat(goodEvent, slowAccepted), nil},
		{429, "POST", events, "slow", goodEvent, nil},
		{401, "POST", events, "", goodEvent, nil},
		{400, "POST", events, "acme", "nonsense", nil},
		{415, "POST", events, "acme", goodEvent, []string{"Content-Encoding", "br"}},
		{404, "POST", "/v1/nothing", "acme", goodEvent, nil},
		{404, "GET", "/nowhere", "", "", nil},
		{405, "DELETE", events, "acme", "", nil},
		{404, "GET", "/v1/receipts/unknown", "acme", "", nil},
		{200, "GET", "/healthz", "", "", nil},
		{200, "GET", "/readyz", "", "", nil},
		{200, "GET", "/metrics", "", "", nil},
		{200, "GET", "/admin/tenants", "", "", nil},
		{200, "GET", "/debug/pprof/cmdline", "", "", nil},
		// The last one waits for the bucket, and so for the others.
		{200, "POST", events, "acme", goodEvent, []string{"Prefer", "wait=60"}},
	} {
		if got := m.do(r.method, r.path, r.tenant, r.body, r.header...); got != r.status {
			m.t.Errorf("%s %s of %.60q (%v): %d, want %d", r.method, r.path, r.body, r.header, got, r.status)
		}
	}
}

// families gathers what /metrics shows.
func (m *metered) families(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	all, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// series returns every series by its name and labels. A histogram is two: of its
// count and of its sum.
func (m *metered) series(t *testing.T) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, f := range m.families(t) {
		for _, s := range f.GetMetric() {
			labels := ""
			for _, l := range s.GetLabel() {
				labels += fmt.Sprintf(",%s=%s", l.GetName(), l.GetValue())
			}
			labels = "{" + strings.TrimPrefix(labels, ",") + "}"
			if h := s.GetHistogram(); h != nil {
				all[f.GetName()+"_count"+labels] = float64(h.GetSampleCount())
				all[f.GetName()+"_sum"+labels] = h.GetSampleSum()
				continue
			}
			all[f.GetName()+labels] = s.GetCounter().GetValue() + s.GetGauge().GetValue()
		}
	}
	return all
}

// testValues compares what can be foretold exactly, and wants something of every
// metric but of those of troubles that there were none of.
func (m *metered) testValues(t *testing.T) {
	m.awaitRest(t)
	want := map[string]float64{
		"parquay_events_accepted_total{table=events}":               acmeAccepted + globexAccepted + slowAccepted,
		"parquay_events_rejected_total{code=required,table=events}": acmeRejected,
		"parquay_events_rejected_total{code=pattern,table=events}":  0,
		"parquay_buffer_rows_total{table=events}":                   acmeAccepted + globexAccepted + slowAccepted,
		"parquay_file_rows_sum{table=events}":                       acmeAccepted + globexAccepted + slowAccepted,
		"parquay_file_rows_sum{table=rejected}":                     acmeRejected,
		"parquay_event_stored_seconds_count{}":                      acmeAccepted + acmeRejected + globexAccepted + slowAccepted,

		"parquay_tenant_events_total{outcome=received,tenant=acme}":   acmeAccepted + acmeRejected,
		"parquay_tenant_events_total{outcome=accepted,tenant=acme}":   acmeAccepted,
		"parquay_tenant_events_total{outcome=rejected,tenant=acme}":   acmeRejected,
		"parquay_tenant_events_total{outcome=late,tenant=acme}":       1,
		"parquay_tenant_events_total{outcome=stored,tenant=acme}":     acmeAccepted + acmeRejected,
		"parquay_tenant_events_total{outcome=stored,tenant=globex}":   globexAccepted + globexRejected,
		"parquay_tenant_events_total{outcome=accepted,tenant=globex}": globexAccepted,
		"parquay_tenant_pending_events{tenant=slow}":                  0,
		"parquay_tenants_provisioned{}":                               3,

		"parquay_http_requests_total{route=/v1/{table},status=202}": 5,
		"parquay_http_requests_total{route=/v1/{table},status=401}": 1,
		"parquay_http_requests_total{route=/v1/{table},status=429}": 1,
		"parquay_http_requests_total{route=none,status=404}":        1,
		"parquay_http_problems_total{type=strict}":                  1,
		"parquay_http_problems_total{type=rate-limited}":            1,
		"parquay_http_problems_total{type=unauthorized}":            1,
		"parquay_http_replayed_total{}":                             1,
		"parquay_idempotency_keys{}":                                1,
		"parquay_bucket_put_attempts_total{outcome=timeout}":        0,
	}
	got := m.series(t)
	for name, v := range want {
		if g, ok := got[name]; !ok || g != v {
			t.Errorf("%s is %v (%v), want %v", name, g, ok, v)
		}
	}
}

// awaitRest waits for the gauges of what is under way to fall to 0.
func (m *metered) awaitRest(t *testing.T) {
	quiet := map[string]bool{}
	for _, s := range guide {
		for _, e := range s.metrics {
			quiet[e.name] = e.quiet
		}
	}
	wrong := func() []string {
		sums := map[string]float64{}
		for name, v := range m.series(t) {
			family, _, _ := strings.Cut(name, "{")
			sums[strings.TrimSuffix(strings.TrimSuffix(family, "_sum"), "_count")] += v
		}
		var list []string
		for name, sum := range sums {
			if strings.HasPrefix(name, "parquay_") && quiet[name] != (sum == 0) {
				list = append(list, fmt.Sprintf("%s: %v", name, sum))
			}
		}
		slices.Sort(list)
		return list
	}
	for range 1000 {
		if len(wrong()) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond) // until the last window is deleted and its memory let go
	}
	t.Errorf("these are 0 and should not be, or the other way round:\n%s", strings.Join(wrong(), "\n"))
}

// testNames holds the names to Prometheus's customs. What is not registered is not
// here, and what is registered twice has stopped the gateway from opening.
func (m *metered) testNames(t *testing.T) {
	complaints, err := promlint.NewWithMetricFamilies(m.families(t)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range complaints {
		t.Errorf("%s: %s", c.Metric, c.Text)
	}
}

// testSources finds each name that the source has among those gathered: a metric
// that is made and not registered, or has no series, is not.
func (m *metered) testSources(t *testing.T) {
	gathered := map[string]bool{}
	for _, f := range m.families(t) {
		gathered[f.GetName()] = true
	}
	literal := regexp.MustCompile(`"(parquay_[a-z_]+)"`)
	found := map[string]int{}
	for _, dir := range []string{"../../buffer", "../../schema", "../../server", "../../writer", "."} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, name := range literal.FindAllSubmatch(text, -1) {
				found[string(name[1])]++
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 50 {
		t.Errorf("only %d names are in the sources", len(found))
	}
	for name, n := range found {
		if strings.HasSuffix(name, "_") { // the beginning of names
			continue
		}
		if !gathered[name] || n > 1 {
			t.Errorf("%s is in the sources %d times; gathered: %v", name, n, gathered[name])
		}
	}
}
