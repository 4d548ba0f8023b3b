package server

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

// Every answer names its request: as the client does, if that can stand in a log.
func TestRequestID(t *testing.T) {
	var log lines
	cfg := testConfig(newFakeIntake(t))
	cfg.Logger = log.logger(slog.LevelDebug)
	s := start(t, cfg)
	for sent, kept := range map[string]bool{
		"":                       false,
		"a":                      true,
		"Trace-1.2_3":            true,
		strings.Repeat("x", 64):  true,
		strings.Repeat("x", 65):  false,
		"two words":              false,
		"a/b":                    false,
		"é":                      false,
		"pqy_abcd_SECRETSECRET":  false,
		"x-pqy_abcd_SECRETSECRE": false,
	} {
		got := s.post(event, "Parquay-Request-Id", sent).header.Values("Parquay-Request-Id")
		if len(got) != 1 {
			t.Fatalf("ids %q", got)
		}
		made := regexp.MustCompile("^[0-9a-f]{16}$").MatchString(got[0])
		if kept != (got[0] == sent) || kept == made {
			t.Errorf("sent %q, answered %q", sent, got[0])
		}
		eventually(t, "the id is logged", func() bool { return strings.Contains(log.String(), "id="+got[0]+" ") })
	}
	if strings.Contains(log.String(), "SECRET") {
		t.Error("a key sent as an id is logged")
	}
	first, second := s.post("nonsense"), s.do("GET", s.url+"/nowhere", nil)
	a, b := first.header.Get("Parquay-Request-Id"), second.header.Get("Parquay-Request-Id")
	if a == "" || b == "" || a == b {
		t.Errorf("the ids of problems: %q and %q", a, b)
	}
	if s.do("GET", s.admin+"/healthz", nil).header.Get("Parquay-Request-Id") == "" {
		t.Error("no id on the admin listener")
	}
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"/v1/events":                     "/v1/events",
		"/v1/pqy_abcd_SECRET":            "/v1/pqy_…",
		"/v1/pqy_abcd_SECRET/x":          "/v1/pqy_…/x",
		"a pqy_a_S, b pqy_b_S":           "a pqy_…, b pqy_…",
		"pqy_pqy_a_S":                    "pqy_…",
		"/v1/pqy":                        "/v1/pqy",
		`no events can go to "pqy_a_S…"`: `no events can go to "pqy_……"`,
	} {
		if got := redact(text); got != want {
			t.Errorf("redact(%q) = %q, want %q", text, got, want)
		}
	}
}
