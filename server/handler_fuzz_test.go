package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"parquay/server/problems"
)

// The bounds of FuzzHandler: on what a request may reserve beside its limits, and on
// an answer, whose largest are a thousand errors, the description and /metrics.
const (
	fuzzBody   = 64 << 10
	fuzzText   = 128 << 10
	fuzzEvent  = 32 << 10
	fuzzAnswer = 1 << 20
)

// What FuzzHandler's requests have of credentials.
const (
	noneAsked   = iota // there are no tenants
	validKey           // a header field with a key is added to the fuzzer's
	asFuzzed           // whatever the fuzzer makes up
	credentials        // how many of these there are
)

// FuzzHandler sends any request that net/http reads to either listener's handler,
// with credentials and without. The answer is one of those that are documented, and a server error only where there
// is next to no memory (tight), and then with Retry-After; it tells what was stored,
// to the event; and everything reserved is given back (I6).
func FuzzHandler(f *testing.F) {
	for _, seed := range fuzzRequests(f) {
		for keys := range byte(credentials) {
			f.Add(seed.admin, false, keys, seed.method, seed.target, strings.Join(seed.header, "\r\n"), seed.body)
		}
		f.Add(seed.admin, true, byte(noneAsked), seed.method, seed.target, strings.Join(seed.header, "\r\n"), seed.body)
	}
	acme := provision("acme", `"tables":["events"]`)
	registry := tenantsFile(f, acme.entry, provision("other").entry)
	f.Fuzz(func(t *testing.T, admin, tight bool, keys byte, method, target, header string, body []byte) {
		intake := newFakeIntake(t)
		intake.quick = true
		if tight {
			intake.limit = 2 * minBuffer
		}
		cfg := fuzzConfig(intake)
		if keys %= credentials; keys != noneAsked {
			cfg.Tenants = registry
		}
		if keys == validKey {
			header = strings.TrimPrefix(header+"\r\nX-API-Key: "+acme.key, "\r\n")
		}
		s := newServer(t, cfg)
		r := parsedRequest(method, target, header, body)
		if r == nil || strings.HasPrefix(r.URL.Path, "/debug/pprof") {
			return // not a request, or one that takes as long as it asks to
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		handler := s.events.Handler
		if admin {
			handler = s.admin.Handler
		}
		handler.ServeHTTP(w, r.WithContext(ctx))

		if ctx.Err() != nil {
			t.Fatal("the answer took half a minute")
		}
		checkAnswer(t, r, w, tight)
		if w.Header().Get("Idempotency-Replayed") == "" {
			checkStored(t, w, intake.rows())
		}
		if rows := intake.rows(); keys == asFuzzed && len(rows) > 0 && !strings.Contains(header, "pqy_") && !strings.Contains(header, "Basic") {
			t.Errorf("%v rows of nobody", rows)
		}
		if limit := int64(2*fuzzText + fuzzBody); intake.peak() > max(limit, 1000*int64(len(body))) {
			t.Errorf("%d bytes reserved for a body of %d", intake.peak(), len(body))
		}
	})
}

func fuzzConfig(intake *fakeIntake) Config {
	cfg := testConfig(intake)
	cfg.MaxBody, cfg.MaxDecoded, cfg.Limits.MaxEvent = fuzzBody, fuzzText, fuzzEvent
	cfg.CORSOrigins = []string{"https://app.example"}
	cfg.Accounts = func() []Account { return []Account{{Tenant: "acme"}, {Tenant: DefaultTenant}} }
	return cfg
}

// parsedRequest has net/http read a request from its parts as they would come over
// the wire. It is nil where that is none: net/http answers such by itself.
func parsedRequest(method, target, header string, body []byte) *http.Request {
	var wire bytes.Buffer
	fmt.Fprintf(&wire, "%s %s HTTP/1.1\r\nHost: parquay\r\n", method, target)
	if header != "" {
		wire.WriteString(header + "\r\n")
	}
	if lower := strings.ToLower(header); !strings.Contains(lower, "content-length") && !strings.Contains(lower, "transfer-encoding") {
		fmt.Fprintf(&wire, "Content-Length: %d\r\n", len(body))
	}
	wire.WriteString("\r\n")
	wire.Write(body)
	r, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil
	}
	r.RemoteAddr = "192.0.2.1:1234"
	return r
}

// checkAnswer checks what every answer keeps, to whatever request.
func checkAnswer(t *testing.T, r *http.Request, w *httptest.ResponseRecorder, tight bool) {
	t.Helper()
	known := slices.Contains([]int{200, 202, 204, 207}, w.Code)
	var p struct{ Type string }
	if w.Header().Get("Content-Type") == "application/problem+json" {
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil && r.Method != http.MethodHead {
			t.Errorf("%v in the problem %q", err, w.Body)
		}
		for _, k := range problems.All() {
			known = known || k.Type() == p.Type && k.Status() == w.Code
		}
	}
	// With HEAD there is no body to tell more.
	busy := tight && p.Type == problems.Busy.Type() && w.Header().Get("Retry-After") != ""
	if w.Code >= 500 && !busy || !known && r.Method != http.MethodHead {
		t.Errorf("%s %q was answered %d %q", r.Method, r.URL, w.Code, w.Body)
	}
	if w.Body.Len() > fuzzAnswer {
		t.Errorf("an answer of %d bytes", w.Body.Len())
	}
	if id := w.Header().Get("Parquay-Request-Id"); !usableRequestID(id) {
		t.Errorf("the request id is %q", id)
	}
	for name, values := range w.Header() {
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n\x00") {
				t.Errorf("the field %s is %q", name, value)
			}
		}
	}
}

// checkStored checks that an answer and the rows that were stored agree.
func checkStored(t *testing.T, w *httptest.ResponseRecorder, rows map[string]int) {
	t.Helper()
	var told struct {
		Accepted, Rejected int
		DryRun             bool `json:"dry_run"`
		Type               string
	}
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		_ = json.Unmarshal(w.Body.Bytes(), &told) // checkAnswer checks problems, and others must have the counts
	}
	stored := w.Header().Get("Parquay-Receipt") != ""
	if !stored {
		told.Accepted, told.Rejected = 0, 0
	}
	if stored && (told.DryRun || w.Header().Get("Parquay-Durability") == "") {
		t.Errorf("%d %s with %v", w.Code, w.Body, w.Header())
	}
	if told.Accepted != rows["events"] || told.Rejected != rows["rejected"] {
		t.Errorf("%d %s with %v, and %v rows", w.Code, w.Body, w.Header(), rows)
	}
	accepted := slices.Contains([]int{200, 202, 207}, w.Code)
	if stored && !accepted && told.Type != problems.EventsRejected.Type() {
		t.Errorf("%d %s although rows were stored", w.Code, w.Body)
	}
}

// fuzzRequest is a request by its parts.
type fuzzRequest struct {
	admin          bool
	method, target string
	header         []string
	body           []byte
}

// fuzzRequests are one request of each kind.
func fuzzRequests(f *testing.F) []fuzzRequest {
	const cloudEvent = `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":{"channel":"sms"}}`
	post := func(target, body string, header ...string) fuzzRequest {
		return fuzzRequest{method: "POST", target: target, header: header, body: []byte(body)}
	}
	get := func(target string, header ...string) fuzzRequest {
		return fuzzRequest{method: "GET", target: target, header: header}
	}
	receipt := "/v1/receipts/" + strings.Repeat("0", 32) + ".1.1"
	list := []fuzzRequest{
		post("/v1/events", event, "Content-Type: application/x-www-form-urlencoded"),
		post("/v1/events", "["+event+","+bad+"]"),
		post("/v1/events", event+"\n"+bad+"\n", "Prefer: handling=strict"),
		post("/v1/events?atomic=true", bad),
		post("/v1/events?dry_run=true", event+bad),
		post("/v1/events?dry_run=maybe&x=1", event),
		post("/v1/events", event, "Prefer: wait=5, handling=lenient"),
		post("/v1/events", event, "Idempotency-Key: \"a-key\""),
		post("/v1/events", event, "Idempotency-Key: a", "Idempotency-Key: b"),
		post("/v1/events", event, "Parquay-Request-Id: my-id", "Origin: https://app.example"),
		post("/v1/events", "8\r\n{\"type\":\r\n6\r\n\"a.b\"}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
		post("/v1/events", `{"type":`, "Content-Length: 100"),
		post("/v1/events", "", "Content-Length: 1000000000", "Expect: 100-continue"),
		post("/v1/events", string(gzipped(f, []byte(event+bad))), "Content-Encoding: gzip"),
		post("/v1/events", string(zstded(f, []byte(event))), "Content-Encoding: zstd"),
		post("/v1/events", event, "Content-Encoding: br"),
		post("/v1/nothing", event),
		post("/v1/rejected", event),
		post("/v1/events", cloudEvent, "Content-Type: application/cloudevents+json"),
		post("/v1/events", "["+cloudEvent+","+cloudEvent+"]", "Content-Type: application/cloudevents-batch+json; charset=utf-8"),
		post("/v1/events", `{"channel":"sms"}`, "ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: a.b", "ce-ext: %C3%A9", "Content-Type: application/json"),
		post("/v1/events", event, "Authorization: Bearer "+keyOfTenant("other")),
		post("/v1/events", event, "Authorization: "+basic("acme", keyOfTenant("acme"))),
		post("/v1/events", event, "Authorization: Bearer pqy_a_b"),
		post("/v1/events", event, "Authorization: Basic YTpi", "X-API-Key: pqy_a_b"),
		get(receipt), get("/v1/receipts/none"),
		get("/v1/events/schema"), get("/v1/nothing/schema"), get("/openapi.json"), get("/"), get("/healthz"), get("/readyz"), get("/nowhere"),
		{method: "HEAD", target: "/healthz"},
		{method: "OPTIONS", target: "/v1/events"},
		{method: "OPTIONS", target: "*"},
		{method: "OPTIONS", target: "/v1/events", header: []string{"Origin: https://app.example", "Access-Control-Request-Method: POST"}},
		{method: "DELETE", target: "/v1/events"},
		{method: "CONNECT", target: "elsewhere:443"},
		{method: "POST", target: "http://elsewhere/v1/events", body: []byte(event)},
		{method: "POST", target: "/v1/%65vents/../events", body: []byte(event)},
	}
	for _, target := range []string{"/metrics", "/admin/tenants", "/admin/tenants?tenant=acme", "/healthz", "/readyz", "/v1/events"} {
		r := get(target)
		r.admin = true
		list = append(list, r)
	}
	return list
}
