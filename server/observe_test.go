package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// lines collects a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}

// Every metric that the struct holds is registered and shows up once used.
func TestMetricsAreRegistered(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg)
	m.request("/v1/{table}", 202, 1)
	m.panics.Inc()
	events := m.table("events")
	events.committed(outcome{Accepted: 1, Rejected: 1, Omitted: 1})
	events.uncommitted(outcome{Accepted: 1}, context.Canceled)

	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	gathered := map[string]bool{}
	for _, f := range families {
		gathered[f.GetName()] = true
		if !strings.HasPrefix(f.GetName(), "parquay_") || f.GetHelp() == "" {
			t.Errorf("metric %q, help %q", f.GetName(), f.GetHelp())
		}
	}
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		// Describing is all that is done with the unexported field's value.
		field := reflect.NewAt(v.Field(i).Type(), v.Field(i).Addr().UnsafePointer()).Elem()
		c, ok := field.Interface().(prometheus.Collector)
		if !ok {
			t.Fatalf("field %s is no metric", v.Type().Field(i).Name)
		}
		descs := make(chan *prometheus.Desc, 10)
		c.Describe(descs)
		close(descs)
		for d := range descs {
			name := strings.Split(d.String(), `"`)[1]
			if !gathered[name] {
				t.Errorf("%s (%s) is not gathered", name, v.Type().Field(i).Name)
			}
		}
	}
}

// Labels come from closed sets, whatever clients ask for.
func TestLabelsAreClosed(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	for _, path := range []string{"/", "/v1/x", "/v1/y", "/v1/z/z", "/debug/pprof/heap", "/" + strings.Repeat("a/", 100)} {
		for _, method := range []string{"GET", "POST", "BREW", "OPTIONS"} {
			s.do(method, s.url+path, nil)
			s.do(method, s.admin+path, nil)
		}
	}
	s.do("GET", s.admin+"/debug/pprof/heap", nil)
	families, err := s.cfg.Gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"none": true, "/v1/{table}": true, "/debug/pprof/*": true, "/healthz": true, "/readyz": true, "/metrics": true}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "route" && !known[l.GetValue()] {
					t.Errorf("%s has the route %q", f.GetName(), l.GetValue())
				}
			}
		}
	}
}

func TestPanicIsAnswered(t *testing.T) {
	var log lines
	intake := newFakeIntake(t)
	intake.commit = func(context.Context) error { panic("the sky fell") }
	cfg := testConfig(intake)
	cfg.Logger = log.logger(slog.LevelInfo)
	s := start(t, cfg)
	got := s.post(event)
	if f := got.fields(t); got.status != 500 || f.Type != "/problems/internal" || strings.Contains(got.body, "sky") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if !strings.Contains(log.String(), "the sky fell") || !strings.Contains(log.String(), "events.go") {
		t.Errorf("the log has no panic with its stack: %s", log.String())
	}
	intake.commit = nil
	if got := s.post(event); got.status != 202 {
		t.Errorf("%d after the panic", got.status)
	}
	metrics := s.do("GET", s.admin+"/metrics", nil).body
	for _, want := range []string{"parquay_http_panics_total 1", "parquay_http_requests_in_flight 1", `{code="500",route="/v1/{table}"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}

// An answer that had begun can't be taken back: its connection is closed.
func TestPanicAfterTheAnswerBegan(t *testing.T) {
	s := newServer(t, testConfig(newFakeIntake(t)))
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("panic %v, want the one that closes the connection", v)
		}
	}()
	rec := &recorder{status: 200}
	s.recover(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("late") })).ServeHTTP(rec, new(http.Request))
}

// One line a request at debug, without what the client sent.
func TestAccessLog(t *testing.T) {
	var log lines
	cfg := testConfig(newFakeIntake(t))
	cfg.Logger = log.logger(slog.LevelDebug)
	s := start(t, cfg)
	s.post(`{"type":"a.b","message_id":"secret-payload"}`, "Authorization", "Bearer secret-token")
	s.do("POST", s.url+"/v1/"+strings.Repeat("long", 1000)+"?key=secret-query", nil)
	eventually(t, "both requests are logged", func() bool { return strings.Count(log.String(), "\n") == 2 })
	got := log.String()
	for _, want := range []string{"level=DEBUG", "method=POST", "route=/v1/{table}", "path=/v1/events", "status=202", "bytes=28", "remote=127.0.0.1:"} {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %q: %s", want, got)
		}
	}
	if strings.Contains(got, "secret") || len(got) > 1500 {
		t.Errorf("the log repeats what clients sent: %s", got)
	}
}

// Server errors are warnings with their cause, but not one for each request.
func TestServerErrorsAreWarnings(t *testing.T) {
	var log lines
	intake := newFakeIntake(t)
	intake.reserve = func(int64) error { return errBoom }
	cfg := testConfig(intake)
	cfg.Logger = log.logger(slog.LevelInfo)
	s := start(t, cfg)
	const n = 10 * warningsBurst
	for range n {
		s.post(event)
	}
	got := strings.Count(log.String(), "level=WARN")
	if got < warningsBurst || got > n/2 || !strings.Contains(log.String(), "boom") {
		t.Errorf("%d warnings of %d errors: %.500s", got, n, log.String())
	}
	if s.log.suppressed.Load() == 0 {
		t.Error("nothing says how many were left out")
	}
}

func TestOrdinaryAnswersAreNotWarnings(t *testing.T) {
	var log lines
	cfg := testConfig(newFakeIntake(t))
	cfg.Ready = func() error { return errBoom }
	cfg.Logger = log.logger(slog.LevelInfo)
	s := start(t, cfg)
	s.post("nonsense")
	s.post(bad)
	s.do("GET", s.url+"/nowhere", nil)
	s.do("GET", s.url+"/readyz", nil)
	if log.String() != "" {
		t.Errorf("logged: %s", log.String())
	}
}
