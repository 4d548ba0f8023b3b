package server

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// gathered returns every series with its value; a histogram's is its count.
func gathered(t testing.TB, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			series[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = m.GetCounter().GetValue() + m.GetGauge().GetValue() +
				float64(m.GetHistogram().GetSampleCount())
		}
	}
	return series
}

// Every answer counts once, under a status that HTTP knows.
func TestAnswersAreCounted(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		status  string
		class   string
	}{
		{"a status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }, "202", "2xx"},
		{"a body without a status", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, "200", "2xx"},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, "200", "2xx"},
		{"100 and 103 before the answer", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(100)
			w.WriteHeader(103)
			w.WriteHeader(413)
		}, "413", "4xx"},
		{"two statuses", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503); w.WriteHeader(200) }, "503", "5xx"},
		{"a client that is gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(499) }, "499", "4xx"},
		{"a status that nobody knows", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(987) }, "other", "other"},
		{"a connection that is closed", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "none", "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig(newFakeIntake(t))
			s := newServer(t, cfg)
			r := s.newRouter()
			r.Get("/thing/{id}", c.handler)
			w := httptest.NewRecorder()
			func() {
				defer func() { _ = recover() }()
				r.ServeHTTP(w, httptest.NewRequest("GET", "/thing/7", nil))
			}()
			got := gathered(t, cfg.Gatherer)
			for name, want := range map[string]float64{
				"parquay_http_requests_total{route=/thing/{id},status=" + c.status + "}":         1,
				"parquay_http_request_duration_seconds{class=" + c.class + ",route=/thing/{id}}": 1,
				"parquay_http_response_body_bytes_total{route=/thing/{id}}":                      float64(w.Body.Len()),
				"parquay_http_requests_in_flight{}":                                              0,
			} {
				if v, ok := got[name]; !ok || v != want {
					t.Errorf("%s is %v, want %v", name, v, want)
				}
			}
		})
	}
}

// A body counts as many bytes as have arrived, also when it is refused.
func TestBodiesAreCounted(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	s := start(t, cfg)
	s.post(event)
	packed := string(gzipped(t, []byte(event)))
	s.post(packed, "Content-Encoding", "gzip")
	s.post("no JSON")
	s.post("no gzip", "Content-Encoding", "gzip")
	got := gathered(t, cfg.Gatherer)
	for problem, n := range map[string]float64{"syntax": 1, "corrupt-body": 1, "busy": 0} {
		if v, ok := got["parquay_http_problems_total{type="+problem+"}"]; !ok || v != n {
			t.Errorf("%v problems %s, want %v", v, problem, n)
		}
	}
	wire, text := float64(len(event)+len(packed)+2*len("no JSON")), float64(2*len(event)+len("no JSON"))
	if g := got["parquay_http_request_body_bytes_total{}"]; g != wire {
		t.Errorf("%v bytes as sent, want %v", g, wire)
	}
	if g := got["parquay_http_request_text_bytes_total{}"]; g != text {
		t.Errorf("%v bytes of text, want %v", g, text)
	}
}

// So does the part of a body that was read before it was too much.
func TestRefusedBodiesAreCounted(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	s := newServer(t, cfg)
	r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(strings.Repeat(event, 1<<16)))
	r.ContentLength = -1 // chunked
	w := httptest.NewRecorder()
	s.events.Handler.ServeHTTP(w, r)
	got := gathered(t, cfg.Gatherer)["parquay_http_request_body_bytes_total{}"]
	if w.Code != 413 || got <= float64(cfg.MaxBody) || got > float64(2*cfg.MaxBody) {
		t.Errorf("%d, %v bytes, want a little more than %d", w.Code, got, cfg.MaxBody)
	}
}

// A client that leaves is counted once, whether it closes its connection or resets
// its stream, and whether its body had arrived or not.
func TestAbortedRequestsAreCounted(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			committing := make(chan struct{})
			intake := newFakeIntake(t)
			intake.commit = func(ctx context.Context) error {
				close(committing)
				<-ctx.Done()
				return ctx.Err()
			}
			cfg := testConfig(intake)
			s := start(t, cfg)
			var protocols http.Protocols
			protocols.SetHTTP1(proto == "HTTP/1.1")
			protocols.SetUnencryptedHTTP2(proto == "HTTP/2.0")
			transport := &http.Transport{Protocols: &protocols}
			defer transport.CloseIdleConnections()

			send := func(ctx context.Context, body io.Reader) {
				r, err := http.NewRequestWithContext(ctx, "POST", s.url+"/v1/events", body)
				if err != nil {
					t.Error(err)
					return
				}
				if res, err := transport.RoundTrip(r); err == nil {
					_ = res.Body.Close()
				}
			}
			ctx, leave := context.WithCancel(t.Context())
			left := make(chan struct{})
			go func() { defer close(left); send(ctx, strings.NewReader(event)) }()
			<-committing
			leave()
			<-left
			send(t.Context(), io.MultiReader(strings.NewReader(event), iotest.ErrReader(errBoom)))
			want := map[string]float64{
				"parquay_http_requests_total{route=/v1/{table},status=499}": 1,
				"parquay_http_requests_total{route=/v1/{table},status=400}": 1,
				"parquay_http_problems_total{type=client-gone}":             1,
				"parquay_http_problems_total{type=incomplete-body}":         1,
				"parquay_events_abandoned_total{table=events}":              1,
				"parquay_http_requests_in_flight{}":                         0,
			}
			eventually(t, "both requests are counted", func() bool {
				got := gathered(t, cfg.Gatherer)
				for name, v := range want {
					if got[name] != v {
						return false
					}
				}
				return true
			})
		})
	}
}

// The time that a client wished to wait is no part of a request's duration: it tells
// of the client. In the bubble no other time passes.
func TestTheWaitIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig(newFakeIntake(t))
		s := newServer(t, cfg)
		r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(event))
		r.Header.Set("Prefer", "wait=20")
		began, w := time.Now(), httptest.NewRecorder()
		s.events.Handler.ServeHTTP(w, r)
		if waited := time.Since(began); w.Code != 202 || waited != 20*time.Second {
			t.Fatalf("%d after %v", w.Code, waited)
		}
		families, err := cfg.Gatherer.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != "parquay_http_request_duration_seconds" {
				continue
			}
			if h := f.GetMetric()[0].GetHistogram(); h.GetSampleCount() != 1 || h.GetSampleSum() != 0 {
				t.Errorf("%d requests took %v s", h.GetSampleCount(), h.GetSampleSum())
			}
		}
		if n := gathered(t, cfg.Gatherer)["parquay_http_requests_waiting{}"]; n != 0 {
			t.Errorf("%v requests still wait", n)
		}
	})
}

// Whatever a client makes up, no series comes of it: the second thousand requests
// of the same kinds add none to those of the first (I6).
func TestHostileRequestsAddNoSeries(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	s := newServer(t, cfg)
	handlers := []http.Handler{s.events.Handler, s.admin.Handler}
	wild := func(n int) string { // of any bytes that a request line or a header may have
		b := make([]byte, 1+rand.IntN(n))
		for i := range b {
			b[i] = byte('!' + rand.IntN('~'-'!'))
		}
		return string(b)
	}
	paths := []func() string{
		func() string { return "/" + wild(200) },
		func() string { return "/v1/" + wild(100) },
		func() string { return "/v1/events/" + wild(30) },
		func() string { return "/v1/receipts/" + wild(30) },
		func() string { return "/v1/events?" + wild(50) },
		func() string { return "/debug/pprof/" + wild(30) },
		func() string { return "/" }, // in each round, or the last could be the first that has it
		func() string { return "/" + strings.Repeat("/", 1+rand.IntN(50)) },
		func() string { return "*" },
	}
	methods := []func() string{
		func() string { return "GET" }, func() string { return "POST" }, func() string { return "HEAD" },
		func() string { return "OPTIONS" }, func() string { return "PATCH" },
		func() string { return strings.ToUpper(fmt.Sprintf("X%x", rand.Uint64())) },
	}
	bodies := []func() string{
		func() string { return event },
		func() string {
			return `{"type":"` + strings.Trim(wild(50), `"\`) + `","` + fmt.Sprint(rand.Uint64()) + `":1}`
		},
		func() string { return wild(300) },
	}
	round := func() []string {
		for _, path := range paths {
			for _, method := range methods {
				for _, body := range bodies {
					for range 8 {
						r := httptest.NewRequest("POST", "/", strings.NewReader(body()))
						r.Method, r.URL.Path, r.RequestURI = method(), path(), "/"
						r.Host, r.RemoteAddr = wild(50), wild(50)
						for _, h := range []string{"Content-Encoding", "Content-Type", "Authorization", "Prefer", "Idempotency-Key", "Origin", "Parquay-Request-Id", wild(20)} {
							if rand.IntN(4) == 0 {
								r.Header.Set(h, wild(100))
							}
						}
						for _, h := range handlers {
							h.ServeHTTP(httptest.NewRecorder(), r)
						}
					}
				}
			}
		}
		var names []string
		for name := range gathered(t, cfg.Gatherer) {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	round()
	first := round() // rare combinations too have occurred
	if diff := cmp.Diff(first, round()); diff != "" {
		t.Errorf("series differ (-before +after):\n%s", diff)
	}
}

// Every name is as Prometheus wants it, and a registry that checks everything takes
// what is collected.
func TestMetricsAreWellFormed(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg)
	m.answers.observe("/", 200, 1, 1)
	m.table("events")
	complaints, err := testutil.GatherAndLint(reg)
	if err != nil || len(complaints) > 0 {
		t.Errorf("%v, %v", complaints, err)
	}
}
