package server

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// What a tenant with limits pays for: the bytes of every text that was read, and the
// events that were decoded, whatever becomes of them. A replay decodes none.
func TestWhatIsCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that no time passes, in which buckets fill
		const events, bytes = 10_000, 1_000_000
		acme := provision("acme", `"limits":{"events_per_second":1000,"bytes_per_second":100000,"burst":"10s"}`)
		cfg := testConfig(newFakeIntake(t))
		cfg.Tenants = tenantsFile(t, acme.entry)
		s := newServer(t, cfg)
		three := strings.Repeat(event, 3)
		spentEvents, spentBytes := 0, 0
		for _, test := range []struct {
			what, path, body string
			header           []string
			status           int
			events           int
			bytes            int
		}{
			{"events", "events", three, nil, 202, 3, len(three)},
			{"compressed", "events", string(gzipped(t, []byte(three))), []string{"Content-Encoding", "gzip"}, 202, 3, len(three)},
			{"dry run", "events?dry_run=1", three, nil, 200, 3, len(three)},
			{"refused as a whole", "events?atomic=1", three + bad, nil, 422, 4, len(three + bad)},
			// The decoder never comes to see this one.
			{"no data", "events", "{", []string{"Ce-Specversion", "1.0", "Content-Type", "application/json"}, 400, 0, 1},
			{"no JSON", "events", three + "{", nil, 400, 0, len(three + "{")},
			{"a first request", "events", three, []string{"Idempotency-Key", "k"}, 202, 3, len(three)},
			{"its replay", "events", three, []string{"Idempotency-Key", "k"}, 202, 0, len(three)},
			{"another one of its key", "events", event, []string{"Idempotency-Key", "k"}, 422, 0, len(event)},
			{"no such table", "nosuch", three, nil, 404, 0, 0},
			{"no such parameter", "events?x=1", three, nil, 400, 0, 0},
		} {
			r := httptest.NewRequest(http.MethodPost, "/v1/"+test.path, strings.NewReader(test.body))
			r.Header.Set("X-API-Key", acme.key)
			for i := 0; i < len(test.header); i += 2 {
				r.Header.Set(test.header[i], test.header[i+1])
			}
			w := httptest.NewRecorder()
			s.events.Handler.ServeHTTP(w, r)
			left := regexp.MustCompile(`"events";r=(\d+);.*"bytes";r=(\d+);`).FindStringSubmatch(w.Header().Get("RateLimit") + ";")
			if left == nil {
				t.Fatalf("%s: %d, RateLimit %q", test.what, w.Code, w.Header().Get("RateLimit"))
			}
			e, _ := strconv.Atoi(left[1])
			b, _ := strconv.Atoi(left[2])
			gotEvents, gotBytes := events-e-spentEvents, bytes-b-spentBytes
			spentEvents, spentBytes = events-e, bytes-b
			if w.Code != test.status || gotEvents != test.events || gotBytes != test.bytes {
				t.Errorf("%s: %d for %d events and %d bytes, want %d for %d and %d", test.what, w.Code, gotEvents, gotBytes, test.status, test.events, test.bytes)
			}
		}
	})
}
