package server

import (
	"net/http"
	"strings"
	"testing"
)

// crossOriginFields are those of CORS in an answer.
func crossOriginFields(h http.Header) []string {
	var found []string
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			found = append(found, name)
		}
	}
	return found
}

func TestCrossOriginIsOff(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	for _, got := range []reply{
		s.post(event, "Origin", "https://app.example"), // refused: TestForeignPages
		s.do("OPTIONS", s.url+"/v1/events", nil, "Origin", "https://app.example", "Access-Control-Request-Method", "POST"),
	} {
		if found := crossOriginFields(got.header); len(found) > 0 || got.header.Get("Vary") != "" {
			t.Errorf("status %d with %v, Vary %q", got.status, found, got.header.Get("Vary"))
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	cfg.CORSOrigins = []string{"https://app.example", "http://localhost:3000"}
	s := start(t, cfg)
	preflight := func(origin, method, fields string) reply {
		return s.do("OPTIONS", s.url+"/v1/events", nil,
			"Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", fields)
	}
	const fields = "authorization,x-api-key,content-type,content-encoding,idempotency-key,prefer,parquay-request-id,ce-id,ce-anything"
	for _, origin := range cfg.CORSOrigins {
		got := preflight(origin, "POST", fields)
		allowed := strings.ToLower(strings.ReplaceAll(got.header.Get("Access-Control-Allow-Headers"), " ", ""))
		if got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != origin || allowed != fields {
			t.Errorf("preflight of %s: %d, %v", origin, got.status, got.header)
		}
		// Problems too: a script must be able to read what was wrong.
		for _, body := range []string{event, "nonsense"} {
			got = s.post(body, "Origin", origin)
			exposed := strings.ToLower(got.header.Get("Access-Control-Expose-Headers"))
			if got.header.Get("Access-Control-Allow-Origin") != origin || !strings.Contains(exposed, "parquay-receipt") || !strings.Contains(exposed, "ratelimit-policy") {
				t.Errorf("an answer to %s: %d, %v", origin, got.status, got.header)
			}
		}
		if got.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Error("cookies are asked for")
		}
	}
	for name, got := range map[string]reply{
		"another origin's preflight": preflight("https://evil.example", "POST", ""),
		"a suffix of an origin":      preflight("https://app.example.evil", "POST", ""),
		"another origin's request":   s.post(event, "Origin", "https://evil.example"),
		"no origin":                  s.post(event),
		"a method that is not there": preflight("https://app.example", "DELETE", ""),
		"the admin listener":         s.do("GET", s.admin+"/metrics", nil, "Origin", "https://app.example"),
	} {
		if found := crossOriginFields(got.header); len(found) > 0 {
			t.Errorf("%s: %d with %v", name, got.status, found)
		}
	}
	if got := s.do("OPTIONS", s.url+"/v1/events", nil, "Origin", "https://app.example"); got.status != 204 || got.header.Get("Allow") == "" {
		t.Errorf("OPTIONS that is no preflight: %d, %v", got.status, got.header)
	}
}

func TestCrossOriginOfAny(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	cfg.CORSOrigins = []string{"*"}
	s := start(t, cfg)
	if got := s.post(event, "Origin", "https://anyone.example"); got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d, %v", got.status, got.header)
	}
}

// A page of another site can't post blindly, with what a browser sends by itself;
// programs, and the pages that may, are not hindered.
func TestForeignPages(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	cfg.CORSOrigins = []string{"https://app.example"}
	s := start(t, cfg)
	any := testConfig(newFakeIntake(t))
	any.CORSOrigins = []string{"*"}
	open := start(t, any)
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"a program":                   {nil, 202},
		"another site":                {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		"another site, old browser":   {[]string{"Origin", "https://evil.example"}, 403},
		"a sandbox, which is no site": {[]string{"Origin", "null"}, 403},
		"another host of the site":    {[]string{"Sec-Fetch-Site", "same-site", "Origin", "https://www.app.example"}, 403},
		"a site that may":             {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example"}, 202},
		"the gateway's own origin":    {[]string{"Sec-Fetch-Site", "same-origin", "Origin", s.url}, 202},
		"typed by the user":           {[]string{"Sec-Fetch-Site", "none"}, 202},
	} {
		if got := s.post(event, c.header...); got.status != c.status || (c.status == 403 && !strings.Contains(got.body, "/problems/cross-origin")) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if got := open.post(event, c.header...); got.status != 202 {
			t.Errorf("%s, where any may: %d %s", name, got.status, got.body)
		}
	}
	if got := s.do("GET", s.url+"/v1/events/schema", nil, "Sec-Fetch-Site", "cross-site"); got.status != 200 {
		t.Errorf("reading: %d", got.status)
	}
}
