package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"parquay/schema"
)

// What a client sees of an answer, but for what differs between a first answer and
// a replay of it.
func essence(r reply) []string {
	e := []string{fmt.Sprint(r.status), r.body}
	for _, name := range []string{"Content-Type", "Parquay-Receipt", "Parquay-Durability", "Preference-Applied"} {
		e = append(e, r.header.Get(name))
	}
	return e
}

// A request that is sent again has the first answer, and stores nothing.
func TestReplays(t *testing.T) {
	for name, body := range map[string]string{
		"all valid":        event + event,
		"some valid":       event + bad + bad,
		"none valid":       bad + bad,
		"too many to list": event + strings.Repeat(bad, schema.MaxErrors+5),
	} {
		t.Run(name, func(t *testing.T) {
			intake := newFakeIntake(t)
			cfg := testConfig(intake)
			cfg.IdempotencyKeys = 100_000 // a long answer counts as many
			s := start(t, cfg)
			first := s.post(body, "Idempotency-Key", "k-1")
			if first.header.Get("Idempotency-Replayed") != "" || first.header.Get("Parquay-Receipt") == "" {
				t.Errorf("first answer: %v", first.header)
			}
			for _, header := range [][]string{
				{"Idempotency-Key", "k-1"},
				{"Idempotency-Key", `"k-1"`},
				{"Idempotency-Key", ` "k-1" `, "Content-Type", "application/json", "User-Agent", "x"},
			} {
				again := s.post(body, header...)
				if diff := cmp.Diff(essence(first), essence(again)); diff != "" || again.header.Get("Idempotency-Replayed") != "true" {
					t.Errorf("%q: replayed %q (-first +again):\n%s", header, again.header.Get("Idempotency-Replayed"), diff)
				}
			}
			// It is the text that counts, not the way that it was sent.
			again := s.post(string(gzipped(t, []byte(body))), "Idempotency-Key", "k-1", "Content-Encoding", "gzip")
			if diff := cmp.Diff(essence(first), essence(again)); diff != "" {
				t.Errorf("compressed (-first +again):\n%s", diff)
			}
			if n := intake.commits(); n != 1 {
				t.Errorf("%d commits", n)
			}
			other := s.post(body, "Idempotency-Key", "k-2")
			if other.header.Get("Idempotency-Replayed") != "" || other.header.Get("Parquay-Receipt") == first.header.Get("Parquay-Receipt") || intake.commits() != 2 {
				t.Errorf("another key: %v, %d commits", other.header, intake.commits())
			}
		})
	}
}

func TestKeys(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	for key, ok := range map[string]bool{
		"a":                              true,
		strings.Repeat("k", 255):         true,
		`"` + strings.Repeat("k", 255):   false,
		"018f6f2e-1d6c-7cc3-98c4-0c0739": true,
		"!~":                             true,
		`"a`:                             true, // a quote is a visible character
		"":                               false,
		`""`:                             false,
		" ":                              false,
		"a b":                            false,
		`"a b"`:                          false,
		"a\tb":                           false,
		"schlüssel":                      false,
		strings.Repeat("k", 256):         false,
	} {
		got := s.post(event, "Idempotency-Key", key)
		if ok != (got.status == 202) || !ok && (got.status != 400 || got.fields(t).Type != "/problems/idempotency-key") {
			t.Errorf("key %q: %d %s", key, got.status, got.body)
		}
	}
	// Of two keys nobody knows which is meant.
	req, err := http.NewRequest("POST", s.url+"/v1/events", strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	req.Header["Idempotency-Key"] = []string{"a", "b"}
	res, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("two keys: %d", res.StatusCode)
	}
}

// A key stands for one body, of one table, taken in one way.
func TestKeyOfAnotherRequest(t *testing.T) {
	intake := newFakeIntake(t)
	cfg := testConfig(intake)
	clicks, err := schema.Compile("clicks", []byte(`{"type":"object","properties":{"type":{"type":"string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Tables = append(cfg.Tables, clicks)
	s := start(t, cfg)
	post := func(path, body string) reply {
		return s.do("POST", s.url+path, strings.NewReader(body), "Idempotency-Key", "k")
	}
	first := post("/v1/events", event)
	for _, other := range []struct{ path, body string }{
		{"/v1/events", event + "\n"},
		{"/v1/events", event + event},
		{"/v1/events", bad},
		{"/v1/events", "not JSON"},
		{"/v1/events?atomic=1", event},
		{"/v1/clicks", event},
	} {
		got := post(other.path, other.body)
		if f := got.fields(t); got.status != 422 || f.Type != "/problems/idempotency-mismatch" || got.header.Get("Parquay-Receipt") != "" || got.header.Get("Parquay-Durability") != "" {
			t.Errorf("%s %s: %d %s %v", other.path, other.body, got.status, got.body, got.header)
		}
	}
	asCloudEvent := s.post(event, "Idempotency-Key", "k", "Content-Type", "application/cloudevents+json")
	if asCloudEvent.status != 422 || asCloudEvent.fields(t).Type != "/problems/idempotency-mismatch" {
		t.Errorf("as a CloudEvent: %d %s", asCloudEvent.status, asCloudEvent.body)
	}
	if again := post("/v1/events?atomic=false", event); cmp.Diff(essence(first), essence(again)) != "" || intake.commits() != 1 {
		t.Errorf("after that: %d %s, %d commits", again.status, again.body, intake.commits())
	}
	// A dry run is a trial of a request, and not that request.
	if got := post("/v1/events?dry_run=1", event); got.status != 200 || !got.fields(t).DryRun || got.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("a dry run with the key: %d %s", got.status, got.body)
	}
}

// The same key of two tenants is two keys (I8).
func TestKeysOfTenants(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, withTenants(t, testConfig(intake), "acme", "globex"))
	for i, tenant := range []string{"acme", "globex"} {
		for _, body := range []string{event, event} {
			got := s.post(body+strings.Repeat(event, i), "X-API-Key", keyOfTenant(tenant), "Idempotency-Key", "k")
			if got.status != 202 {
				t.Errorf("%s: %d %s", tenant, got.status, got.body)
			}
		}
	}
	if intake.commits() != 2 || intake.rows()["events"] != 3 {
		t.Errorf("%d commits, rows %v", intake.commits(), intake.rows())
	}
}

// Nothing is remembered of a request that stored nothing, or of which nobody knows:
// its key is free, for the same body or another one.
func TestKeyIsFreeAgain(t *testing.T) {
	for name, test := range map[string]struct {
		path, body string
		commit     error
		status     int
	}{
		"no JSON":             {"/v1/events", "{", nil, 400},
		"no event":            {"/v1/events", "", nil, 400},
		"refused as a whole":  {"/v1/events?atomic=1", event + bad, nil, 422},
		"dry run":             {"/v1/events?dry_run=1", event, nil, 200},
		"unknown parameter":   {"/v1/events?x=1", event, nil, 400},
		"journal full":        {"/v1/events", event, ErrJournalFull, 503},
		"nobody knows":        {"/v1/events", event, ErrFailed, 503},
		"a fault":             {"/v1/events", event, errBoom, 500},
		"a fault that panics": {"/v1/events", event, errPanic, 500},
	} {
		t.Run(name, func(t *testing.T) {
			intake := newFakeIntake(t)
			intake.commit = func(context.Context) error {
				if test.commit == errPanic {
					panic(errPanic)
				}
				return test.commit
			}
			s := start(t, testConfig(intake))
			got := s.do("POST", s.url+test.path, strings.NewReader(test.body), "Idempotency-Key", "k")
			if got.status != test.status {
				t.Fatalf("%d %s, want %d", got.status, got.body, test.status)
			}
			test.commit = nil
			if got := s.post(event+event, "Idempotency-Key", "k"); got.status != 202 || got.header.Get("Idempotency-Replayed") != "" {
				t.Errorf("then: %d %s", got.status, got.body)
			}
		})
	}
}

var errPanic = fmt.Errorf("a panic")

// A hundred requests of one key at a time: one is carried out, all are answered.
func TestOneCommitOfAKey(t *testing.T) {
	const requests = 100
	intake := newFakeIntake(t)
	committing, proceed := make(chan struct{}), make(chan struct{})
	intake.commit = func(context.Context) error {
		close(committing) // a second commit panics here
		<-proceed
		return nil
	}
	cfg := testConfig(intake)
	cfg.MaxConnections = 2 * requests
	s := start(t, cfg)
	answers := make(chan reply)
	for range requests {
		go func() { answers <- s.post(event+bad, "Idempotency-Key", "k") }()
	}
	<-committing
	eventually(t, "all have arrived", func() bool { return intake.reserves() == requests })
	close(proceed)
	first := <-answers
	replayed := 0
	for i := range requests {
		got := first
		if i > 0 {
			got = <-answers
		}
		if diff := cmp.Diff(essence(first), essence(got)); diff != "" {
			t.Errorf("answers differ (-one +other):\n%s", diff)
		}
		if got.header.Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	if replayed != requests-1 || intake.commits() != 1 || intake.rows()["events"] != 1 {
		t.Errorf("%d replayed, %d commits, rows %v", replayed, intake.commits(), intake.rows())
	}
}

// What waits for the bucket has its answer remembered before that: who sends it again
// waits as long as they say, and no longer.
func TestReplayOfARequestThatWaits(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	waiting := make(chan reply)
	go func() { waiting <- s.post(event, "Idempotency-Key", "k", "Prefer", "wait=300") }()
	eventually(t, "the first waits", func() bool { return intake.waiting.Load() == 1 })
	again := s.post(event, "Idempotency-Key", "k")
	if again.status != 202 || again.body != `{"accepted":1,"rejected":0}`+"\n" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("without waiting: %d %s", again.status, again.body)
	}
	intake.put()
	first := <-waiting
	again = s.post(event, "Idempotency-Key", "k", "Prefer", "wait=300")
	if diff := cmp.Diff(essence(first), essence(again)); diff != "" || again.status != 200 {
		t.Errorf("%d, (-first +again):\n%s", again.status, diff)
	}
}

// If the first of several has stored nothing, the next one is carried out, until one
// has stored the events.
func TestTakingOver(t *testing.T) {
	const requests, failures = 20, 7
	intake := newFakeIntake(t)
	calls, proceed := 0, make(chan struct{})
	intake.commit = func(context.Context) error { // by one request at a time
		<-proceed
		if calls++; calls <= failures {
			return ErrJournalFull
		}
		return nil
	}
	s := start(t, testConfig(intake))
	answers := make(chan reply)
	for range requests {
		go func() { answers <- s.post(event, "Idempotency-Key", "k") }()
	}
	eventually(t, "all have arrived", func() bool { return intake.reserves() == requests })
	close(proceed)
	statuses := map[int]int{}
	for range requests {
		statuses[(<-answers).status]++
	}
	if diff := cmp.Diff(map[int]int{503: failures, 202: requests - failures}, statuses); diff != "" || intake.commits() != 1 {
		t.Errorf("%d commits, statuses (-want +got):\n%s", intake.commits(), diff)
	}
}

// A client that leaves while its events are committed finds their answer under its
// key when it comes back.
func TestClientLeavesWithAKey(t *testing.T) {
	intake := newFakeIntake(t)
	committing, proceed := make(chan context.Context), make(chan struct{})
	intake.commit = func(ctx context.Context) error {
		committing <- ctx
		select {
		case <-proceed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s := start(t, testConfig(intake))
	c, _ := s.dial()
	_, _ = io.WriteString(c, head(len(event), "Idempotency-Key: k")+event)
	<-committing
	_ = c.Close()
	// A second connection that leaves while it waits for the first changes nothing.
	second, _ := s.dial()
	_, _ = io.WriteString(second, head(len(event), "Idempotency-Key: k")+event)
	eventually(t, "the second has arrived", func() bool { return intake.reserves() == 2 })
	_ = second.Close()
	eventually(t, "the second has been let go", func() bool {
		return strings.Contains(s.do("GET", s.admin+"/metrics", nil).body, `parquay_http_requests_total{route="/v1/{table}",status="499"} 1`)
	})
	close(proceed)
	intake.idle()
	got := s.post(event, "Idempotency-Key", "k")
	if got.status != 202 || got.header.Get("Idempotency-Replayed") != "true" || intake.commits() != 1 {
		t.Errorf("%d %s %v, %d commits", got.status, got.body, got.header, intake.commits())
	}
	metrics := s.do("GET", s.admin+"/metrics", nil).body
	for _, line := range []string{`parquay_events_accepted_total{table="events"} 1`, `parquay_events_abandoned_total{table="events"} 0`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

// A key is forgotten after its window, counted from the answer.
func TestKeysExpire(t *testing.T) {
	bubble(t, func(t *testing.T, intake *fakeIntake, dial func() net.Conn) {
		post := func() *http.Response {
			c := dial()
			defer func() { _ = c.Close(); synctest.Wait() }()
			_, _ = io.WriteString(c, head(len(event), "Idempotency-Key: k")+event)
			return answer(t, bufio.NewReader(c))
		}
		first := post()
		time.Sleep(10*time.Minute - time.Second)
		if again := post(); again.Header.Get("Parquay-Receipt") != first.Header.Get("Parquay-Receipt") {
			t.Error("a key was forgotten before its window had passed")
		}
		time.Sleep(time.Second)
		if again := post(); again.StatusCode != 202 || again.Header.Get("Idempotency-Replayed") != "" || intake.commits() != 2 {
			t.Errorf("after the window: %d %v, %d commits", again.StatusCode, again.Header, intake.commits())
		}
	})
}

// The keys are bounded, and so is a tenant's part of them.
func TestTooManyKeys(t *testing.T) {
	intake := newFakeIntake(t)
	cfg := withTenants(t, testConfig(intake), "a", "b", "c", "d", "e")
	cfg.IdempotencyKeys = 8
	s := start(t, cfg)
	post := func(tenant, key string) reply {
		return s.post(event, "X-API-Key", keyOfTenant(tenant), "Idempotency-Key", key)
	}
	for _, tenant := range []string{"a", "b", "c", "d"} {
		for _, key := range []string{"1", "2"} {
			if got := post(tenant, key); got.status != 202 {
				t.Fatalf("%s/%s: %d %s", tenant, key, got.status, got.body)
			}
		}
		if got := post(tenant, "3"); got.status != 429 || got.fields(t).Type != "/problems/idempotency-tenant-full" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s over its part: %d %s", tenant, got.status, got.body)
		}
	}
	if got := post("e", "1"); got.status != 503 || got.fields(t).Type != "/problems/idempotency-full" || got.header.Get("Retry-After") == "" {
		t.Errorf("over the bound: %d %s", got.status, got.body)
	}
	for _, tenant := range []string{"a", "d"} {
		if got := post(tenant, "1"); got.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("a known key of %s with the store full: %d %s", tenant, got.status, got.body)
		}
		if got := s.post(event, "X-API-Key", keyOfTenant(tenant)); got.status != 202 {
			t.Errorf("no key of %s with the store full: %d %s", tenant, got.status, got.body)
		}
	}
}

// Of rows that were stored long ago nothing can be said but that they were accepted.
func TestReplayOfAForgottenReceipt(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	first := s.post(event, "Idempotency-Key", "k")
	intake.forget()
	again := s.post(event, "Idempotency-Key", "k", "Prefer", "wait=300")
	if diff := cmp.Diff(essence(first), essence(again)); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
}
