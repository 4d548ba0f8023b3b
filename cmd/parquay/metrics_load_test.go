// What metrics and log say while requests come in, hostile ones too.

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testConservation: the accounts add up in every scrape, whatever is under way (I7).
func (m *metered) testConservation(t *testing.T) {
	stop, posting := make(chan struct{}), sync.WaitGroup{}
	for _, tenant := range []string{"acme", "globex"} {
		for range 2 {
			posting.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						m.do("POST", "/v1/events", tenant, goodEvent+badEvent)
					}
				}
			})
		}
	}
	defer posting.Wait()
	defer close(stop)
	for range 50 {
		got := m.series(t)
		for _, tenant := range []string{"acme", "globex"} {
			events := func(outcome string) float64 {
				return got["parquay_tenant_events_total{outcome="+outcome+",tenant="+tenant+"}"]
			}
			kept := events("accepted") + events("rejected") + events("recovered")
			stored, pending := events("stored"), got["parquay_tenant_pending_events{tenant="+tenant+"}"]
			if kept != stored+pending || events("received") < kept {
				t.Fatalf("%s: %v received, %v kept, %v stored, %v pending", tenant, events("received"), kept, stored, pending)
			}
		}
	}
}

// testCardinality: whatever strangers and tenants make up, no series comes of it.
func (m *metered) testCardinality(t *testing.T) {
	wild := func() string { return fmt.Sprintf("x%x", rand.Uint64()) }
	round := func() []string {
		for _, tenant := range []string{"", "acme"} {
			for range 5 {
				m.do("GET", "/"+wild(), tenant, "")
				m.do("POST", "/v1/"+wild(), tenant, goodEvent)
				m.do("GET", "/v1/receipts/"+wild(), tenant, "")
				m.do(strings.ToUpper(wild()), "/v1/events", tenant, "")
				m.do("POST", "/v1/events", tenant, `{"type":"`+wild()+`","`+wild()+`":1}`)
				m.do("POST", "/v1/events", tenant, goodEvent, "X-Tenant", wild(), "Parquay-Request-Id", wild(), "Host", wild())
				m.do("POST", "/v1/events", tenant, goodEvent, "Idempotency-Key", wild(), wild(), wild())
				m.do("POST", "/v1/events", tenant, goodEvent, "Authorization", "Bearer "+wild())
				m.do("POST", "/v1/events", tenant, goodEvent, "X-API-Key", wild())
				m.do("POST", "/v1/events", tenant, goodEvent, "Content-Encoding", wild())
				m.do("POST", "/v1/events?"+wild()+"="+wild(), tenant, goodEvent)
			}
		}
		return slices.Sorted(maps.Keys(m.series(t)))
	}
	round() // for what each kind of request needs at all
	if diff := cmp.Diff(round(), round()); diff != "" {
		t.Errorf("series differ (-before +after):\n%s", diff)
	}
}

// testLog: nothing of an event or a key is in the log of all this, and no line is
// long; yet every request has one, with the fields that the documentation lists.
func (m *metered) testLog(t *testing.T) {
	page, err := os.ReadFile(operationsPage)
	if err != nil {
		t.Fatal(err)
	}
	_, logs, _ := strings.Cut(string(page), "\n## Logs\n")
	logs, _, _ = strings.Cut(logs, "\n## ")
	requests, fields := 0, map[string]any{}
	for line := range strings.Lines(m.log.text()) {
		if strings.Contains(line, secret) || len(line) > 1000 {
			t.Errorf("%d bytes: %.300s", len(line), line)
		}
		for tenant, key := range m.keys {
			if strings.Contains(line, key[len(key)-20:]) {
				t.Errorf("the key of %s is in the log", tenant)
			}
		}
		if !strings.Contains(line, `"msg":"request"`) {
			continue
		}
		requests++
		if err := json.Unmarshal([]byte(line), &fields); err != nil { // one more line's fields
			t.Error(err)
		}
	}
	for name := range fields {
		if !slices.Contains([]string{"time", "level", "msg"}, name) && !strings.Contains(logs, "`"+name+"`") {
			t.Errorf("docs/operations.md does not tell of the field %s", name)
		}
	}
	if requests < 300 {
		t.Errorf("the log has %d requests", requests)
	}
}
