package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parquay/loadtest/e2e/check"
)

// The noisy tenant's limit, and what it offers: ten times that.
const (
	noisyRate  = 500 // events a second
	noisyBurst = 2   // seconds
	noisyBatch = 50
)

// TestNoisyTenant has one tenant send at ten times its limit beside a quiet one. The
// noisy one is told to come back, and gets in what its limit says; the quiet one does
// not get a single refusal (F22).
func TestNoisyTenant(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	noisy, quiet := newTenant("noisy"), newTenant("quiet")
	noisy.Limits = map[string]any{"events_per_second": noisyRate, "burst": strconv.Itoa(noisyBurst) + "s"}
	s.provision(noisy, quiet)
	s.start()

	const connections = 5
	body := strings.Repeat(`{"type":"a.noisy"}`+"\n", noisyBatch)
	begin := time.Now()
	end := begin.Add(6 * time.Second)
	var mu sync.Mutex
	accepted, refused := 0, 0
	var clients sync.WaitGroup
	for range connections {
		clients.Go(func() {
			client := &http.Client{Timeout: flushWithin, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			pace := time.NewTicker(time.Second * noisyBatch * connections / (10 * noisyRate))
			defer pace.Stop()
			for time.Now().Before(end) {
				a := s.postAs(t, client, noisy.key(), "/v1/events", body)
				checkLimited(t, a)
				mu.Lock()
				accepted += a.Accepted
				if a.status == http.StatusTooManyRequests {
					refused++
				}
				mu.Unlock()
				<-pace.C
			}
		})
	}
	quietly := 0
	client := &http.Client{Timeout: flushWithin}
	defer client.CloseIdleConnections()
	for time.Now().Before(end) {
		a := s.postAs(t, client, quiet.key(), "/v1/events", `{"type":"a.quiet"}`)
		if a.status != http.StatusAccepted || a.header.Get("RateLimit") != "" {
			t.Errorf("the quiet tenant was answered %d %s with %v", a.status, a.kind, a.header)
		}
		quietly++
	}
	clients.Wait()
	took := time.Since(begin).Seconds()
	// Every request that is admitted may take the bucket into debt, so there may be
	// one more body for each connection.
	most := int(took+1)*noisyRate + noisyBurst*noisyRate + connections*noisyBatch
	least := int(took-1)*noisyRate - noisyBatch
	t.Logf("noisy: %d events accepted in %.1f s, %d requests refused; quiet: %d events", accepted, took, refused, quietly)
	if accepted > most || accepted < min(least, 10*noisyRate) {
		t.Errorf("%d events of the noisy tenant were accepted in %.1f s, want %d to %d", accepted, took, least, most)
	}
	if refused == 0 {
		t.Error("the noisy tenant was not refused")
	}
	s.stop(stopWithin)
	if rows := s.rowsOf("events", "noisy"); rows != int64(accepted) {
		t.Errorf("%d rows of the noisy tenant, %d events were accepted", rows, accepted)
	}
	if rows := s.rowsOf("events", "quiet"); rows != int64(quietly) {
		t.Errorf("%d rows of the quiet tenant, %d events were accepted", rows, quietly)
	}
}

var (
	policyField = regexp.MustCompile(`^"events";q=1000;w=2$`)
	stateField  = regexp.MustCompile(`^"events";r=\d+;t=\d+$`)
)

// checkLimited checks an answer to a tenant that has limits.
func checkLimited(t *testing.T, a answer) {
	t.Helper()
	policy, state := a.header.Get("RateLimit-Policy"), a.header.Get("RateLimit")
	if !policyField.MatchString(policy) || !stateField.MatchString(state) {
		t.Errorf("RateLimit-Policy is %q, RateLimit is %q", policy, state)
	}
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	switch {
	case a.status == http.StatusAccepted:
	case a.status != http.StatusTooManyRequests || a.kind != "rate-limited":
		t.Errorf("the noisy tenant was answered %d %s", a.status, a.kind)
	case err != nil || seconds < 1:
		t.Errorf("429 with Retry-After %q", a.header.Get("Retry-After"))
	}
}

// TestManyTenants has 10,000 tenants post once each. Every one gets its file, within
// the bound on memory, and the metrics don't grow with them (F22).
func TestManyTenants(t *testing.T) {
	t.Parallel()
	const (
		many = 10_000
		some = 2_000 // more than have series of their own
	)
	s := newSite(t, attackedEnv...)
	list := make([]tenant, many)
	for i := range list {
		list[i] = newTenant(fmt.Sprintf("t%d", i))
	}
	s.provision(list...)
	s.start()
	post := func(from, to int) {
		t.Helper()
		answers := s.flood(to-from, func(b []byte, i int) []byte {
			key := list[from+i].key()
			return fmt.Appendf(b, "%sAuthorization: Bearer %s\r\nContent-Length: 14\r\n\r\n{\"type\":\"a.b\"}", postHead, key)
		})
		if answers[http.StatusAccepted] != to-from {
			t.Errorf("answers by status: %v", answers)
		}
	}
	post(0, some)
	s.metrics() // has series of its own
	before := len(s.series())
	post(some, many)
	if after := len(s.series()); after > before {
		t.Errorf("%d series with %d tenants, %d with %d", after, many, before, some)
	}
	s.withinMemory()
	s.stop(stopWithin)
	names, err := check.Files(s.bucket)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, name := range names {
		n, err := check.Count(filepath.Join(s.bucket, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows[strings.Split(name, "/")[1]] += n
	}
	for _, who := range list {
		if n := rows["tenant="+who.Name]; n != 1 {
			t.Errorf("%d rows of %s", n, who.Name)
		}
	}
}
