package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestIsolation has two tenants send the same ids, idempotency keys and bodies, and
// name each other wherever a request can name anything. Each gets its own rows, its
// own answers and its own receipts, and nothing of the other's (I8).
func TestIsolation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	acme, beta := newTenant("acme"), newTenant("beta")
	beta.Limits = map[string]any{"events_per_second": 100_000}
	s.provision(acme, beta)
	s.start()
	client := &http.Client{Timeout: flushWithin}
	defer client.CloseIdleConnections()
	both := []*neighbour{
		{tenant: acme, other: beta, site: s, client: client},
		{tenant: beta, other: acme, site: s, client: client},
	}
	for _, n := range both {
		n.sendSame(t)
		n.nameOther(t)
		n.bePassedFor(t)
	}
	for i, n := range both {
		n.look(t, both[1-i].receipt)
	}
	s.stop(stopWithin)
	found := map[string]int{}
	for name, rows := range s.rows("events") {
		for _, row := range rows {
			owner := strings.TrimPrefix(row.Row["type"], "a.")
			if !strings.HasPrefix(name, "events/tenant="+owner+"/dt=") {
				t.Errorf("a row of %s is in %s", owner, name)
			}
			found[owner]++
		}
	}
	for _, n := range both {
		if found[n.Name] != n.sent {
			t.Errorf("%d rows of %s, which sent %d", found[n.Name], n.Name, n.sent)
		}
	}
}

// neighbour is a tenant that tries to be another.
type neighbour struct {
	tenant
	other   tenant
	site    *site
	client  *http.Client
	sent    int
	receipt string // of the first request
}

// event has the tenant's name in its type, and the other's wherever there is room.
func (n *neighbour) event() string {
	return fmt.Sprintf(`{"id":"same","type":"a.%s","tenant":"%s","attributes":{"tenant":"%s"}}`, n.Name, n.other.Name, n.other.Name)
}

// post sends an event that must be taken as a new one of this tenant's.
func (n *neighbour) post(t *testing.T, body string, fields ...string) answer {
	t.Helper()
	a := n.site.postAs(t, n.client, n.key(), "/v1/events", body, fields...)
	if a.status != http.StatusAccepted || a.header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("%s was answered %d %s, replayed %q", n.Name, a.status, a.kind, a.header.Get("Idempotency-Replayed"))
	}
	n.sent++
	return a
}

// sendSame sends what the other sends too.
func (n *neighbour) sendSame(t *testing.T) {
	t.Helper()
	a := n.post(t, n.event(), "Idempotency-Key", "the-same")
	n.receipt = a.header.Get("Parquay-Receipt")
	if limited := a.header.Get("RateLimit") != ""; limited != (n.Limits != nil) {
		t.Errorf("%s is told RateLimit %q", n.Name, a.header.Get("RateLimit"))
	}
	again := n.site.postAs(t, n.client, n.key(), "/v1/events", n.event(), "Idempotency-Key", "the-same")
	if again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Parquay-Receipt") != n.receipt {
		t.Errorf("a repetition of %s was answered %d with %v", n.Name, again.status, again.header)
	}
}

// nameOther names the other tenant in fields, paths and bodies.
func (n *neighbour) nameOther(t *testing.T) {
	t.Helper()
	other := n.other.Name
	n.post(t, n.event(), "X-Tenant", other, "X-Scope-OrgID", other, "Tenant", other, "X-Forwarded-For", "192.0.2.1",
		"X-Forwarded-User", other, "Parquay-Tenant", other, "Cookie", "tenant="+other, "Parquay-Request-Id", other)
	n.post(t, strings.Replace(n.event(), `"id":"same"`, `"id":"../tenant=`+other+`/x"`, 1))
	for _, target := range []string{
		"/v1/tenant=" + other, "/v1/" + other + "/events", "/v1/events/../../tenant=" + other, "/v1/events%2f..%2f" + other,
		"/v1/events?tenant=" + other, "//v1/events", "/" + other + "/v1/events",
	} {
		a := n.site.postAs(t, n.client, n.key(), target, n.event())
		if a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
			t.Errorf("%s was answered %d %s", target, a.status, a.kind)
		}
	}
}

// bePassedFor sends the other's name or key beside its own key.
func (n *neighbour) bePassedFor(t *testing.T) {
	t.Helper()
	// The user name of basic authentication is not looked at.
	basic := base64.StdEncoding.EncodeToString([]byte(n.other.Name + ":" + n.key()))
	n.post(t, n.event(), "Authorization", "Basic "+basic)
	for _, fields := range [][]string{{"X-API-Key", n.other.key()}, {"Authorization", "Bearer " + n.other.key()}} {
		if a := n.site.postAs(t, n.client, n.key(), "/v1/events", n.event(), fields...); a.status != http.StatusUnauthorized {
			t.Errorf("two keys at once were answered %d %s", a.status, a.kind)
		}
	}
}

// look asks for the tenant's own receipt until it is stored, and for the other's.
func (n *neighbour) look(t *testing.T, theirs string) {
	t.Helper()
	var own receiptAnswer
	n.site.await("the rows are stored", flushWithin, func() bool {
		own = n.site.receipt(t, n.client, n.tenant, n.receipt)
		return own.State == "stored"
	})
	for _, object := range own.Objects {
		if !strings.Contains(object, "/tenant="+n.Name+"/") {
			t.Errorf("%s is shown %s", n.Name, object)
		}
	}
	if got := n.site.receipt(t, n.client, n.tenant, theirs); theirs != n.receipt && got.status != http.StatusNotFound {
		t.Errorf("%s asks for a receipt of %s: %+v", n.Name, n.other.Name, got)
	}
}

// receiptAnswer is what GET /v1/receipts answers.
type receiptAnswer struct {
	status  int
	State   string
	Objects []string
}

func (s *site) receipt(t *testing.T, client *http.Client, who tenant, receipt string) (r receiptAnswer) {
	t.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.gateway.Events+"/v1/receipts/"+receipt, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-API-Key", who.key())
	if r.status, _, err = exchange(client, request, &r); err != nil {
		t.Fatal(err)
	}
	return r
}
