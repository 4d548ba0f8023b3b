package e2e

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parquay/loadtest/e2e/ledger"
)

// TestReloadUnderLoad rewrites the file of tenants and exchanges the certificate many
// times a second under 16 connections of two tenants. Keys are replaced by others,
// broken files come in between, a tenant disappears. No request fails, and what that
// tenant had sent gets into the bucket.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	authority := s.useTLS()
	acme, beta, leaver := newHolder("acme"), newHolder("beta"), newTenant("leaver")
	s.provision(acme.tenant, beta.tenant, leaver)
	s.start()
	var loads []*load
	for i, h := range []*holder{acme, beta} {
		loads = append(loads, s.loadOf(h.Name, s.seed+uint32(i), &ledger.Client{
			Rate: number(s.T, "E2E_RATE", 20000) / 4, Connections: connections / 2, TLS: authority.client(), Key: h.use,
		}))
	}
	s.await("events of both are accepted", startWithin, func() bool { return loads[0].accepted() > 500 && loads[1].accepted() > 500 })
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: authority.client()}}
	defer client.CloseIdleConnections()

	const rounds = 60
	r := rand.New(rand.NewPCG(uint64(s.seed), 0))
	left := 0 // events of the leaver
	begin := time.Now()
	for round := range rounds {
		others := []tenant{acme.tenant, beta.tenant}
		if round < rounds/2 {
			others = append(others, leaver)
			if a := s.postAs(t, client, leaver.key(), "/v1/events", `{"type":"a.leaver"}`); a.status != http.StatusAccepted {
				t.Fatalf("the leaver was answered %d %s", a.status, a.kind)
			}
			left++
		}
		rotate(s, client, []*holder{acme, beta}[round%2], others, r.IntN(3) == 0)
		serial := authority.exchange()
		s.reload()
		s.await("the new certificate is served", flushWithin, func() bool { return authority.served(t) == serial })
	}
	t.Logf("%d rounds of three to five reloads in %v", rounds, time.Since(begin).Round(time.Millisecond))
	s.await("the leaver is unknown", flushWithin, func() bool { return !s.taken(client, leaver.key()) })
	for _, l := range loads {
		l.end()
		if _, unheard, _ := l.client.Stats(); unheard > 0 {
			t.Errorf("%d requests of %s had no answer", unheard, l.tenant)
		}
	}
	s.drain()
	if rows := s.takeOut("leaver"); rows != left {
		t.Errorf("%d rows of the tenant that left, which had %d events accepted", rows, left)
	}
	s.check(loads...)
}

// rotate gives a tenant another key beside the one in use, has its client use that,
// and takes the old one away once no request has it. In between there may be a file
// that can't be used, which must change nothing.
func rotate(s *site, client *http.Client, h *holder, all []tenant, broken bool) {
	s.Helper()
	write := func() {
		i := slices.IndexFunc(all, func(t tenant) bool { return t.Name == h.Name })
		all[i] = h.tenant
		s.rewrite(all...)
		s.reload()
	}
	old, fresh := h.Keys[0], newKey()
	h.Keys = []tenantKey{fresh, old}
	write()
	s.await("the new key is taken", flushWithin, func() bool { return s.taken(client, fresh.key) })
	before := h.replace(fresh.key)
	if broken {
		for _, text := range []string{"", "{", `{"tenants":[]}`, `{"tenants":[{"name":"../acme"}]}`} {
			if err := os.WriteFile(s.tenantsFile(), []byte(text), 0o600); err != nil {
				s.Fatal(err)
			}
			s.reload()
			if !s.taken(client, fresh.key) || !s.taken(client, old.key) {
				s.Errorf("a key stopped working when the file became %q", text)
			}
		}
	}
	before.Wait()
	h.Keys = []tenantKey{fresh}
	write()
	s.await("the old key is unknown", flushWithin, func() bool { return !s.taken(client, old.key) })
}

// taken reports whether a key is a valid credential.
func (s *site) taken(client *http.Client, key string) bool {
	s.Helper()
	return s.postAs(s, client, key, "/v1/events?dry_run=true", `{"type":"a.b"}`).status == http.StatusOK
}

// takeOut removes a tenant's files from the bucket and counts their rows in events.
func (s *site) takeOut(tenant string) (rows int) {
	s.Helper()
	for name, found := range s.rows("events") {
		if strings.HasPrefix(name, "events/tenant="+tenant+"/") {
			rows += len(found)
			if err := os.Remove(filepath.Join(s.bucket, name)); err != nil {
				s.Fatal(err)
			}
		}
	}
	return rows
}

// holder is a tenant whose client may get another key at any time.
type holder struct {
	tenant
	mu struct {
		sync.Mutex
		key   string
		users *sync.WaitGroup // requests with that key
	}
}

func newHolder(name string) *holder {
	h := &holder{tenant: newTenant(name)}
	h.replace(h.key())
	return h
}

// use is a ledger client's Key.
func (h *holder) use() (key string, done func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.users.Add(1)
	return h.mu.key, h.mu.users.Done
}

// replace has requests use another key from now on, and returns those that don't.
func (h *holder) replace(key string) (before *sync.WaitGroup) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.mu.users
	h.mu.key, h.mu.users = key, new(sync.WaitGroup)
	return before
}
