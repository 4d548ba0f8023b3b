package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
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
	for _, want := range []string{"parquay_http_panics_total 1", "parquay_http_requests_in_flight 1", `{route="/v1/{table}",status="500"} 1`} {
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
	for _, want := range []string{"level=DEBUG", "method=POST", "route=/v1/{table}", "path=/v1/events", "status=202", "bytes_in=44", "bytes_out=28", "tenant=default", "accepted=1", "rejected=0", "receipt=", "problem=/problems/unknown-table", "remote=127.0.0.1:"} {
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
	if s.log.warned["/problems/internal"].suppressed.Load() == 0 {
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
