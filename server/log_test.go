package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"parquay/server/problems"
)

// mark is text of a client that no log line may repeat.
const mark = "5EKR1T"

// Whatever a client sends, and however much, a line of the log repeats none of it
// but the beginnings of the method and the path, and stays short. The log is at its
// most talkative.
func TestLogRepeatsNothing(t *testing.T) {
	long := strings.Repeat(mark, 2000)
	tries := []struct {
		path, body string
		header     []string
	}{
		{"/v1/events", `{"type":"` + mark + `.sent","message_id":"` + mark + `"}`, nil},
		{"/v1/events", `{"type":"a.b","` + mark + `":"` + long + `"}`, nil},
		{"/v1/events", `{"type":"` + long + `"}`, nil},
		{"/v1/events", `{"` + mark + `":` + mark + `}`, nil},
		{"/v1/events", `{"type":"a.b","attributes":{"` + long + `":{"` + mark + `":1}}}`, nil},
		{"/v1/events", mark + long, nil},
		{"/v1/events", event, []string{"Content-Encoding", mark + long}},
		{"/v1/events", mark, []string{"Content-Encoding", "gzip"}},
		{"/v1/events", mark, []string{"Content-Encoding", "zstd"}},
		{"/v1/events", event, []string{"Authorization", "Bearer " + long}},
		{"/v1/events", event, []string{"Authorization", mark, "X-API-Key", mark, "Cookie", mark, "User-Agent", long, "Referer", mark}},
		{"/v1/events", event, []string{"Prefer", mark + "=" + mark + ", wait=" + mark, "Idempotency-Key", long}},
		{"/v1/events", event, []string{"Idempotency-Key", mark, "Traceparent", mark, "Origin", "https://" + mark}},
		{"/v1/events", event, []string{"Content-Type", "application/cloudevents+json; charset=" + mark, "Ce-Id", mark, "Ce-Specversion", mark, "Ce-Type", mark}},
		{"/v1/events?" + mark + "=" + mark, event, nil},
		{"/v1/events?dry_run=" + long, event, nil},
		{"/v1/" + strings.Repeat("a", 200) + mark, event, nil},
		{"/" + strings.Repeat("a", 9000) + mark, event, nil},
		{"/v1/receipts/" + strings.Repeat("0", 200) + mark, "", nil},
	}
	var log lines
	cfg := testConfig(newFakeIntake(t))
	cfg.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := newServer(t, cfg)
	for _, method := range []string{"POST", "GET", "PUT", strings.Repeat("X", 16) + mark} {
		for _, try := range tries {
			r := httptest.NewRequest("POST", try.path, strings.NewReader(try.body))
			r.Method = method
			for i := 0; i < len(try.header); i += 2 {
				r.Header.Set(try.header[i], try.header[i+1])
			}
			s.events.Handler.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	n := 0
	for line := range strings.Lines(log.String()) {
		n++
		if strings.Contains(line, mark) || len(line) > 800 {
			t.Errorf("%d bytes: %.300s", len(line), line)
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
	if n != 4*len(tries) {
		t.Errorf("%d lines of %d requests", n, 4*len(tries))
	}
}

// What an operator should hear of is a warning, but never one for each request: of
// each kind one a second after the first few, with the number of the others.
func TestFloodsAreSummarised(t *testing.T) {
	const n = 30 * warningsBurst
	for _, kind := range problems.All() {
		warns := kind.Status() >= 500 || kind.Status() == 401 || kind.Status() == 429
		t.Run(kind.Type(), func(t *testing.T) {
			var log lines
			l := newAccessLog(log.logger(slog.LevelInfo), nil)
			r := httptest.NewRequest("POST", "/v1/events", nil)
			rec := &recorder{status: kind.Status(), notes: notes{problem: kind.Type(), err: errBoom}}
			for range n {
				l.request(r, rec, "/v1/{table}", 0)
			}
			got := strings.Count(log.String(), "level=WARN")
			if !warns {
				if log.String() != "" {
					t.Errorf("logged: %.300s", log.String())
				}
				return
			}
			if got < warningsBurst || got > n/2 {
				t.Errorf("%d warnings of %d answers", got, n)
			}
			// A crowd of one type does not hide another.
			for _, other := range []problems.Kind{problems.Internal, problems.Unauthorized} {
				if other == kind {
					continue
				}
				rec := &recorder{status: other.Status(), notes: notes{problem: other.Type(), err: errBoom}}
				if l.request(r, rec, "/v1/{table}", 0); !strings.Contains(log.String(), "problem="+other.Type()) {
					t.Errorf("%s is hidden", other.Type())
				}
			}
			// A second later the next one tells of those that were left out.
			throttle := l.warned[kind.Type()]
			left := throttle.suppressed.Load()
			throttle.limiter.SetBurst(2 * n)
			throttle.limiter.SetLimit(1e9)
			l.request(r, rec, "/v1/{table}", 0)
			if want := fmt.Sprintf("suppressed=%d", left); left != int64(n-got) || !strings.Contains(log.String(), want) {
				t.Errorf("%d were left out, and the log lacks %s", n-got, want)
			}
		})
	}
}

// A panic is logged with its stack, but neither for every request nor at length.
func TestPanicsAreSummarised(t *testing.T) {
	var log lines
	intake := newFakeIntake(t)
	intake.commit = func(context.Context) error { panic(errors.New(strings.Repeat("boom ", 10_000))) }
	cfg := testConfig(intake)
	cfg.Logger = log.logger(slog.LevelError)
	s := newServer(t, cfg)
	const n = 10 * warningsBurst
	for range n {
		w := httptest.NewRecorder()
		s.events.Handler.ServeHTTP(w, httptest.NewRequest("POST", "/v1/events", strings.NewReader(event)))
		if w.Code != 500 {
			t.Fatal(w.Code)
		}
	}
	if got := strings.Count(log.String(), "\n"); got < warningsBurst || got > n/2 {
		t.Errorf("%d lines of %d panics", got, n)
	}
	for line := range strings.Lines(log.String()) {
		if len(line) > 2*maxStack {
			t.Errorf("a line of %d bytes: %.100s", len(line), line)
		}
	}
}
