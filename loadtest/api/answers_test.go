// Every answer that is described must occur, but for those that nobody can provoke
// from outside.

package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// unprovoked are the described answers that these tests can't provoke: why, and
// which test of the main module shows them.
var unprovoked = map[string]string{
	"/problems/internal":       "it takes a fault in the gateway: server TestRefusals, TestPanicIsAnswered",
	"/problems/client-gone":    "the client is gone: server TestClientLeavesDuringCommit",
	"/problems/journal-failed": "it takes a disk that fails: server TestRefusals, loadtest/e2e TestSyncFails",
	"/problems/stopping":       "net/http closes connections instead: server TestRefusals",
}

// known collects the described answers of all gateways.
type known struct {
	sync.Mutex
	answers []string
}

func (k *known) add(c *contract) {
	k.Lock()
	defer k.Unlock()
	k.answers = append(k.answers, c.described()...)
}

func TestEveryAnswer(t *testing.T) {
	t.Parallel()
	seen, all := newCoverage(), &known{}
	t.Run("scenario", func(t *testing.T) {
		for name, run := range map[string]func(*testing.T, *coverage, *known){
			"Anybody":     anybody,
			"Tenants":     withTenants,
			"Credentials": credentials,
			"Memory":      memory,
			"Journal":     journal,
			"Keys":        keys,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				run(t, seen, all)
			})
		}
	})
	slices.Sort(all.answers)
	described := slices.Compact(all.answers)
	if len(described) < 40 {
		t.Errorf("only %d answers are described: %q", len(described), described)
	}
	for _, answer := range described {
		kind := answer[strings.LastIndexByte(answer, ' ')+1:]
		if _, excused := unprovoked[kind]; excused == seen.answers[answer] {
			t.Errorf("%s: seen %v, and listed as never seen %v", answer, seen.answers[answer], excused)
		}
	}
}

const event = `{"type":"message.sent"}`

// expect fails the test unless an answer has the status and, if it is not empty,
// the type of problem.
func expect(t *testing.T, x exchange, status int, kind string) exchange {
	t.Helper()
	var p struct{ Type string }
	if x.status >= 400 && x.answer.Get("Content-Type") == problemType {
		if err := json.Unmarshal(x.content, &p); err != nil {
			t.Errorf("%v: %v", &x, err)
		}
	}
	if want := strings.TrimSuffix("/problems/"+kind, "/problems/"); x.status != status || p.Type != want {
		t.Errorf("want %d %s: %v", status, want, &x)
	}
	return x
}

var smallBodies = []string{"PARQUAY_MAX_BODY=64KiB", "PARQUAY_MAX_DECODED=256KiB", "PARQUAY_MAX_EVENT=4KiB"}

// anybody is the gateway as it is without settings, and everything about a body.
func anybody(t *testing.T, seen *coverage, all *known) {
	g := start(t, seen, smallBodies...).as("", "")
	all.add(g.contract)

	expect(t, g.get("/"), 200, "")
	expect(t, g.get("/healthz"), 200, "")
	expect(t, g.get("/readyz"), 200, "")
	expect(t, g.get("/openapi.json"), 200, "")
	tag := expect(t, g.get("/v1/events/schema"), 200, "").answer.Get("ETag")
	expect(t, g.get("/v1/events/schema", "If-None-Match", tag), 304, "")
	expect(t, g.get("/nothing"), 404, "not-found")
	expect(t, g.post("/v1/nothing", event), 404, "unknown-table")
	expect(t, g.do(http.MethodPut, "/v1/events", event), 405, "method-not-allowed")

	bodies(t, g)

	slow := g.open("POST", "/v1/events", "Content-Length: 100\r\n\r\n", "{")
	early := g.open("POST", "/v1/events", "Content-Length: 100\r\n\r\n", "{")
	if err := early.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expect(t, early.await(), 400, "incomplete-body")
	expect(t, slow.await(), 408, "body-timeout")
}

// bodies posts what can be said of a body by itself.
func bodies(t *testing.T, g *gateway) {
	const half = event + "{}"
	for _, test := range []struct {
		target, body string
		status       int
		kind         string
		header       []string
	}{
		{"", event, 202, "", nil},
		{"", half, 207, "", nil},
		{"", "{}", 422, "events-rejected", nil},
		{"?dry_run=true", event, 200, "", nil},
		{"?dry_run=true", half, 207, "", nil},
		{"?dry_run=true", "{}", 422, "events-rejected", nil},
		{"?atomic=true", event, 202, "", nil},
		{"?atomic=true", half, 422, "strict", nil},
		{"", half, 422, "strict", []string{"Prefer", "handling=strict"}},
		{"", event, 403, "cross-origin", []string{"Sec-Fetch-Site", "cross-site"}},
		{"?atomic=perhaps", event, 400, "parameter", nil},
		{"", "{", 400, "syntax", nil},
		{"", "", 400, "syntax", nil},
		{"", "no gzip", 400, "corrupt-body", []string{"Content-Encoding", "gzip"}},
		{"", event, 415, "content-encoding", []string{"Content-Encoding", "br"}},
		{"", event, 415, "content-type", []string{"Content-Type", "application/cloudevents+avro"}},
		{"", event, 400, "idempotency-key", []string{"Idempotency-Key", " "}},
		{"", event, 202, "", []string{"Idempotency-Key", "k"}},
		{"", event, 202, "", []string{"Idempotency-Key", "k"}},
		{"", half, 422, "idempotency-mismatch", []string{"Idempotency-Key", "k"}},
		{"", strings.Repeat(event, 3000), 413, "body-too-large", nil},
		{"", string(compress([]byte(strings.Repeat(event, 30000)))), 413, "body-too-large", []string{"Content-Encoding", "gzip"}},
		{"", event, 200, "", []string{"Prefer", "wait=60"}},
		{"", half, 207, "", []string{"Prefer", "wait=60"}},
		{"", "{}", 422, "events-rejected", []string{"Prefer", "wait=60"}},
		{"", event, 202, "", []string{"Prefer", "wait=0"}},
		{
			"", `{"specversion":"1.0","id":"1","source":"/s","type":"message.sent","data":{"channel":"sms"}}`, 202, "",
			[]string{"Content-Type", "application/cloudevents+json"},
		},
	} {
		expect(t, g.post("/v1/events"+test.target, test.body, test.header...), test.status, test.kind)
	}
	receipt := g.post("/v1/events", event).answer.Get("Parquay-Receipt")
	expect(t, g.get("/v1/receipts/"+receipt), 200, "")
	expect(t, g.get("/v1/receipts/"+strings.Repeat("0", 32)+".1.1"), 404, "unknown-receipt")
}

// withTenants has tenants with limits, one of which may not post events.
func withTenants(t *testing.T, seen *coverage, all *known) {
	acme, clerk, slow := newTenant("acme"), newTenant("clerk"), newTenant("slow")
	clerk.Tables = []string{"orders"}
	slow.Limits = map[string]any{"events_per_second": 1, "burst": "10s"}
	g := startWith(t, seen, []tenant{acme, clerk, slow}, smallBodies...)
	all.add(g.contract)
	bodies(t, g)

	c := g.tenant(clerk)
	if c.doc.Paths.Value("/v1/events") != nil || c.doc.Components.Schemas["events"] != nil || c.doc.Paths.Value("/v1/orders") == nil {
		t.Error("the description of a tenant has other tables than its own")
	}
	expect(t, c.post("/v1/orders", `{"n":1}`), 202, "")
	expect(t, c.post("/v1/events", event), 403, "forbidden")
	expect(t, c.get("/v1/orders/schema"), 200, "")
	expect(t, c.get("/v1/events/schema"), 404, "unknown-table")
	receipt := g.post("/v1/events", event).answer.Get("Parquay-Receipt")
	expect(t, c.get("/v1/receipts/"+receipt), 404, "unknown-receipt")

	s := g.tenant(slow)
	if x := expect(t, s.post("/v1/events", strings.Repeat(event, 1000)), 202, ""); x.answer.Get("RateLimit") == "" || x.answer.Get("RateLimit-Policy") == "" {
		t.Errorf("no limits: %v", &x)
	}
	expect(t, s.post("/v1/events", event), 429, "rate-limited")
}

// credentials asks with none, and then too often with a wrong one. What needs none
// is answered all the same.
func credentials(t *testing.T, seen *coverage, all *known) {
	acme := newTenant("acme")
	g := startWith(t, seen, []tenant{acme})
	all.add(g.contract)
	receipt := "/v1/receipts/" + strings.Repeat("0", 32) + ".1.1"
	needing := []string{"/openapi.json", "/v1/events/schema", receipt}

	nobody := g.unknown("", "")
	expect(t, nobody.post("/v1/events", event), 401, "unauthorized")
	expect(t, nobody.post("/v1/nothing", event), 401, "unauthorized")
	for _, target := range needing {
		expect(t, nobody.get(target), 401, "unauthorized")
	}
	for _, target := range []string{"/", "/healthz", "/readyz"} {
		expect(t, nobody.get(target), 200, "")
	}

	wrong := g.unknown("Authorization", "Bearer "+newTenant("acme").key)
	tooOften := func(ask func() exchange) {
		for range 1000 { // at first, and whenever a failure is forgiven, it is 401
			x := ask()
			if x.status == http.StatusTooManyRequests {
				expect(t, x, 429, "too-many-failures")
				return
			}
			expect(t, x, 401, "unauthorized")
		}
		t.Error("an address may fail as often as it likes")
	}
	tooOften(func() exchange { return wrong.post("/v1/events", event) })
	for _, target := range needing {
		tooOften(func() exchange { return wrong.get(target) })
	}
	for field, value := range map[string]string{
		"Authorization": "Bearer " + acme.key,
		"X-Api-Key":     acme.key,
	} {
		expect(t, g.unknown(field, value).post("/v1/events", event), 202, "")
	}
}

// memory holds requests whose bodies don't come, until nothing more is let in.
func memory(t *testing.T, seen *coverage, all *known) {
	tenants := several(8)
	g := startWith(t, seen, tenants, "PARQUAY_MEMORY=64MiB", "PARQUAY_RING_BYTES=8MiB",
		"PARQUAY_MAX_BODY=4MiB", "PARQUAY_MAX_DECODED=4MiB", "PARQUAY_MAX_EVENT=64KiB")
	all.add(g.contract)
	// The rows of events so small take many times their text, and there is never so much.
	expect(t, g.tenant(tenants[0]).post("/v1/events", strings.Repeat(`{"type":"a.b"}`, 1<<16)), 413, "request-too-large")

	full := false
	length := fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", 1<<20)
	for _, tenant := range tenants {
		g := g.tenant(tenant)
		for range 5 {
			switch x := g.open("POST", "/v1/events", length, "").await(); x.status {
			case http.StatusTooManyRequests:
				expect(t, x, 429, "tenant-full")
				full = true
			case http.StatusServiceUnavailable:
				expect(t, x, 503, "busy")
				if !full {
					t.Error("no tenant's share was full before the memory was")
				}
				return
			}
		}
	}
	t.Error("the memory is never full")
}

// journal posts to a gateway whose bucket takes nothing any more.
func journal(t *testing.T, seen *coverage, all *known) {
	bucket := filepath.Join(t.TempDir(), "bucket")
	g := start(t, seen, "PARQUAY_BUCKET=file://"+bucket, "PARQUAY_JOURNAL_LIMIT=2MiB", "PARQUAY_WINDOW_BYTES=1MiB").as("", "")
	all.add(g.contract)
	if err := os.RemoveAll(bucket); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bucket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat(`{"type":"message.sent","error_reason":"`+strings.Repeat("x", 4000)+`"}`, 100)
	for range 100 {
		if x := g.post("/v1/events", body); x.status != 202 {
			expect(t, x, 503, "journal-full")
			expect(t, g.get("/readyz"), 503, "")
			return
		}
	}
	t.Error("the journal is never full")
}

// keys fills what is remembered of idempotency keys: each tenant's share, and then
// all of it. Long answers count as several keys.
func keys(t *testing.T, seen *coverage, all *known) {
	tenants := several(6)
	g := startWith(t, seen, tenants, "PARQUAY_IDEMPOTENCY_KEYS=1000")
	all.add(g.contract)
	body := event + strings.Repeat("{}", 100)
	for _, tenant := range tenants {
		g := g.tenant(tenant)
		for i := 0; ; i++ {
			x := g.post("/v1/events", body, "Idempotency-Key", fmt.Sprint("k", i))
			if x.status == http.StatusTooManyRequests {
				expect(t, x, 429, "idempotency-tenant-full")
				break
			}
			if x.status == http.StatusServiceUnavailable {
				expect(t, x, 503, "idempotency-full")
				return
			}
			if i > 1000 {
				t.Fatal("a tenant may use all keys")
			}
		}
	}
	t.Error("the keys are never used up")
}
