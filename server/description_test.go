package server

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"parquay/schema"
)

// The description names exactly what the events' listener serves.
func TestDescriptionHasEveryRoute(t *testing.T) {
	s := newServer(t, testConfig(newFakeIntake(t)))
	served := map[string]bool{}
	err := chi.Walk(s.eventRoutes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served[method+" "+strings.ReplaceAll(route, "{table}", "events")] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := s.description.Write(&text, []string{"events"}); err != nil {
		t.Fatal(err)
	}
	var d struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal([]byte(text.String()), &d); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, methods := range d.Paths {
		for method := range methods {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	if diff := cmp.Diff(served, described); diff != "" || len(served) < 7 {
		t.Errorf("operations (-served +described):\n%s", diff)
	}
}

func TestGetDescription(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	got := s.do(http.MethodGet, s.url+"/openapi.json", nil)
	if got.status != 200 || got.header.Get("Content-Type") != "application/json" || !json.Valid([]byte(got.body)) {
		t.Errorf("%d %v %.100s", got.status, got.header, got.body)
	}
}

func TestGetSchema(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	got := s.do(http.MethodGet, s.url+"/v1/events/schema", nil)
	if got.status != 200 || got.header.Get("Content-Type") != "application/schema+json" || got.body != string(schema.Events().Document()) {
		t.Errorf("%d %v %.100s", got.status, got.header, got.body)
	}
	tag := got.header.Get("ETag")
	for _, test := range []struct {
		field  string
		status int
	}{
		{tag, 304},
		{"W/" + tag, 304},
		{`"other", ` + tag, 304},
		{"*", 304},
		{`"other"`, 200},
		{strings.Trim(tag, `"`), 200},
		{"", 200},
	} {
		got := s.do(http.MethodGet, s.url+"/v1/events/schema", nil, "If-None-Match", test.field)
		if got.status != test.status || got.header.Get("ETag") != tag || (got.body == "") != (got.status == 304) {
			t.Errorf("If-None-Match %s: %d %v", test.field, got.status, got.header)
		}
	}
	for _, path := range []string{"/v1/rejected/schema", "/v1/nothing/schema"} {
		if got := s.do(http.MethodGet, s.url+path, nil); got.status != 404 || !strings.Contains(got.body, `"/problems/unknown-table"`) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestGetWelcome(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	s := start(t, cfg)
	got := s.do(http.MethodGet, s.url+"/", nil)
	at := s.url
	if got.status != 200 || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %v", got.status, got.header)
	}
	for _, want := range []string{
		`curl -d '{"type":"message.sent"}' ` + at + "/v1/events\n", at + "/v1/events/schema\n", at + "/openapi.json\n",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s in\n%s", want, got.body)
		}
	}
	if n := strings.Count(got.body, "\n"); n > 12 {
		t.Errorf("%d lines", n)
	}
	if head := s.do(http.MethodHead, s.url+"/", nil); head.status != 200 || head.body != "" {
		t.Errorf("HEAD: %d %s", head.status, head.body)
	}
}

// The first lines fit a table of the operator's and a gateway with credentials.
func TestGetWelcomeElsewhere(t *testing.T) {
	events, err := schema.Compile("events", []byte(`{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(newFakeIntake(t))
	cfg.Tables = []*schema.Table{events}
	s := start(t, withTenants(t, cfg, "acme"))
	got := s.do(http.MethodGet, s.url+"/", nil)
	if want := "curl -H 'Authorization: Bearer KEY' -d @event.json http://"; got.status != 200 || !strings.Contains(got.body, want) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// What a Host field may put into a line that people paste into a shell.
func TestAddress(t *testing.T) {
	for host, want := range map[string]string{
		"parquay.example:8080":   "http://parquay.example:8080",
		"[::1]:8080":             "http://[::1]:8080",
		"":                       "http://localhost",
		"a;reboot":               "http://localhost",
		"$(reboot)":              "http://localhost",
		"a'b":                    "http://localhost",
		strings.Repeat("a", 256): "http://localhost",
	} {
		if got := new(Server).address(&http.Request{Host: host}); got != want {
			t.Errorf("Host %q: %s", host, got)
		}
	}
}

// Only a balancer of ours is believed that there is TLS before it.
func TestAddressBehindABalancer(t *testing.T) {
	s := &Server{proxies: proxies{netip.MustParsePrefix("10.0.0.0/8")}}
	r := &http.Request{Host: "parquay.example", Header: http.Header{"X-Forwarded-Proto": {"https"}}}
	for peer, want := range map[string]string{
		"10.1.2.3:4567":          "https://parquay.example",
		"[::ffff:10.1.2.3]:4567": "https://parquay.example",
		"192.0.2.1:4567":         "http://parquay.example",
		"":                       "http://parquay.example",
	} {
		r.RemoteAddr = peer
		if got := s.address(r); got != want {
			t.Errorf("from %q: %s", peer, got)
		}
	}
	r.RemoteAddr, r.TLS = "192.0.2.1:4567", &tls.ConnectionState{}
	if got := s.address(r); got != "https://parquay.example" {
		t.Errorf("with TLS: %s", got)
	}
}
