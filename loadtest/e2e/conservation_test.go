package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"parquay/loadtest/e2e/ledger"
)

// account is a tenant of GET /admin/tenants.
type account struct {
	Tenant                           string
	Received, Committing             int64
	Accepted, Rejected, Failed, Late int64
	Recovered, Pending, Stored       int64
}

// accounts asks the gateway of the moment; nil while there is none.
func (s *site) accounts() map[string]account {
	s.Helper()
	status, text, err := s.gateway.Get(s.Context(), s.gateway.Admin+"/admin/tenants")
	if err != nil {
		return nil
	}
	var list struct{ Tenants []account }
	if err := json.Unmarshal([]byte(text), &list); err != nil || status != http.StatusOK {
		s.Fatalf("/admin/tenants: %d %.200q, %v", status, text, err)
	}
	byName := map[string]account{}
	for _, a := range list.Tenants {
		byName[a.Tenant] = a
	}
	return byName
}

// addsUp checks an account by itself, and against the same tenant's account before.
func (a account) addsUp(t testing.TB, before account) {
	t.Helper()
	if a.Received != a.Committing+a.Accepted+a.Rejected+a.Failed {
		t.Errorf("received is not committing + accepted + rejected + failed: %+v", a)
	}
	if a.Accepted+a.Rejected+a.Recovered != a.Pending+a.Stored {
		t.Errorf("accepted + rejected + recovered is not pending + stored: %+v", a)
	}
	if a.Received < before.Received || a.Accepted < before.Accepted || a.Rejected < before.Rejected || a.Stored < before.Stored || a.Recovered < before.Recovered {
		t.Errorf("a count went down from %+v to %+v", before, a)
	}
	if min(a.Committing, a.Accepted, a.Rejected, a.Failed, a.Late, a.Recovered, a.Pending, a.Stored) < 0 {
		t.Errorf("a count below zero: %+v", a)
	}
}

// TestConservation asks for the accounts of all tenants as fast as it can, under load
// of good, bad and late events, of clients that go away in the middle, and of 429s.
// They add up at every moment, and in the end they are what the clients were told and
// what is in the bucket (I7).
func TestConservation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := []string{"acme", "beta", "gone"}
	limited := newTenant(names[1])
	limited.Limits = map[string]any{"events_per_second": 300, "burst": "1s"}
	list := []tenant{newTenant(names[0]), limited, newTenant(names[2])}
	s.provision(list...)
	s.start()
	var loads []*load
	for i, who := range list[:2] {
		key := func() (string, func()) { return who.key(), func() {} }
		loads = append(loads, s.loadOf(who.Name, s.seed+uint32(i), &ledger.Client{Rate: number(t, "E2E_RATE", 20000) / 8, Connections: 8, Key: key}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var leavers sync.WaitGroup
	for range 4 {
		leavers.Go(func() { s.leave(ctx, list[2].key()) })
	}

	before := map[string]account{}
	asked := 0
	look := func() (settled bool) {
		settled = true
		now := s.accounts()
		for name, a := range now {
			a.addsUp(t, before[name])
			settled = settled && a.Committing == 0 && a.Pending == 0
		}
		before = now
		asked++
		return settled
	}
	for begin := time.Now(); time.Since(begin) < 5*time.Second; {
		look()
	}
	s.await("a tenant is over its limit", flushWithin, func() bool { look(); return loads[1].answered(http.StatusTooManyRequests) > 0 })
	s.await("events are accepted of clients that go away", flushWithin, func() bool { look(); return before["gone"].Accepted > 0 })
	cancel()
	leavers.Wait()
	for _, l := range loads {
		l.end()
	}
	s.await("all is stored", flushWithin, look)
	t.Logf("%d times asked; in the end %+v", asked, before)

	for _, l := range loads {
		a := before[l.tenant]
		accepted, rejected := l.client.Told()
		if a.Accepted != int64(accepted) || a.Rejected != int64(rejected) {
			t.Errorf("the client of %s was told %d accepted and %d rejected: %+v", l.tenant, accepted, rejected, a)
		}
		if a.Late == 0 {
			t.Errorf("no late event of %s is counted", l.tenant)
		}
	}
	if a := before["gone"]; a.Received == 0 || a.Failed > 0 {
		t.Errorf("the account of clients that go away: %+v", a)
	}
	s.stop(stopWithin)
	for _, name := range names {
		accepted, rejected := s.rowsOf("events", name), s.rowsOf("rejected", name)
		if a := before[name]; a.Accepted != accepted || a.Rejected != rejected || a.Stored != accepted+rejected {
			t.Errorf("the bucket has %d rows of %s in events and %d in rejected: %+v", accepted, name, rejected, a)
		}
	}
	s.takeOut("gone")
	s.check(loads...)
}

// rowsOf counts a tenant's rows of a table.
func (s *site) rowsOf(table, tenant string) (rows int64) {
	s.Helper()
	for name, found := range s.rows(table) {
		if strings.HasPrefix(name, table+"/tenant="+tenant+"/") {
			rows += int64(len(found))
		}
	}
	return rows
}

// leave posts single events and closes the connection before the answer, at once or
// some time later, until ctx ends.
func (s *site) leave(ctx context.Context, key string) {
	const body = `{"type":"a.gone"}`
	request := postHead + "Authorization: Bearer " + key + "\r\nContent-Length: 17\r\n\r\n" + body
	for n := 0; ctx.Err() == nil; n++ {
		c, err := net.Dial("tcp", s.address())
		if err != nil {
			s.Error(err)
			return
		}
		_, _ = c.Write([]byte(request[:len(request)-n%2])) // half of them are whole
		time.Sleep(time.Duration(n%5) * 500 * time.Microsecond)
		c.Close()
	}
}

// TestConservationAfterKill kills a gateway and expects the account of the next one
// to count what it finds in the journal, once.
func TestConservationAfterKill(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_FLUSH_INTERVAL=1h")
	who := newTenant("acme")
	s.provision(who)
	s.start()
	const good, bad = 30, 12
	for range good {
		s.postAs(t, http.DefaultClient, who.key(), "/v1/events", `{"type":"a.b"}`)
	}
	for range bad {
		s.postAs(t, http.DefaultClient, who.key(), "/v1/events", `{"type":0}`)
	}
	if a := s.accounts()["acme"]; a.Accepted != good || a.Rejected != bad || a.Pending != good+bad {
		t.Errorf("before the kill: %+v", a)
	}
	s.kill()
	s.start()
	var a account
	s.await("what was found is stored", flushWithin, func() bool {
		before := a
		a = s.accounts()["acme"]
		a.addsUp(t, before)
		return a.Stored == good+bad
	})
	if a.Recovered != good+bad || a.Received != 0 {
		t.Errorf("after the kill: %+v", a)
	}
	s.stop(stopWithin)
	if accepted, rejected := s.rowsOf("events", "acme"), s.rowsOf("rejected", "acme"); accepted != good || rejected != bad {
		t.Errorf("%d rows in events, %d in rejected", accepted, rejected)
	}
}
