package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"parquay/loadtest/e2e/ledger"
	"parquay/loadtest/e2e/storefault"
)

// slowLink is the bytes a second of a connection to a slow store.
const slowLink = 100 << 10

// TestSlowStore has the store take and answer every request at 100 KB/s, and reset a
// third of the connections. Windows go on being flushed, and memory keeps its bound
// (F17).
func TestSlowStore(t *testing.T) {
	t.Parallel()
	s := newSite(t, append(faultyEnv, "PARQUAY_FILE_ROWS=100000", "PARQUAY_WINDOW_BYTES=16MiB")...)
	_, p := s.useFaultyStore()
	slow, reset := storefault.Slow(slowLink), storefault.Reset()
	p.Set(puts(0.3, reset), storefault.Rule{Do: slow})
	s.start()
	l := s.steady()
	s.awaitCount(p, slow, many(20, 2000))
	s.awaitCount(p, reset, many(5, 500))
	s.await("windows are flushed all the while", time.Duration(many(1, 5))*flushWithin, func() bool {
		return s.value("parquay_window_flush_seconds_count") >= float64(many(3, 60))
	})
	s.withinMemory()
	s.settle(p, l)
}

// TestSilentStore has the store fall silent about one tenant's files: its connections
// are open, and nothing comes. Each attempt ends after 30 s without a byte, so that no
// flush is stuck, and files of other tenants get into the bucket all the while (F17, I8).
func TestSilentStore(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	quiet, other := newTenant("quiet"), newTenant("other")
	s.provision(quiet, other)
	_, p := s.useFaultyStore()
	silence := storefault.Silent()
	p.Set(storefault.Rule{Method: http.MethodPut, Key: regexp.MustCompile(`/tenant=quiet/`), Do: silence})
	s.start()
	loads := []*load{s.as(quiet, 0), s.as(other, 1)}

	s.awaitCount(p, silence, tenantPuts)
	for range many(2, 20) {
		before, accepted := s.objectsOf("other"), loads[0].accepted()
		s.await("the other tenant's files are put", flushWithin, func() bool {
			return s.objectsOf("other") > before+20 && loads[0].accepted() > accepted+1000
		})
	}
	if full() {
		s.await("silent attempts are given up", flushWithin, func() bool { return s.attempts("timeout") >= tenantPuts })
	}
	if n := s.objectsOf("quiet"); n > 0 {
		t.Errorf("%d files of the tenant whose files can't be put", n)
	}
	s.withinMemory()
	p.Set()
	p.Break() // as the kernel does when the path is there again
	s.settle(p, loads...)
}

// TestOneTenantRefused has the store refuse one tenant's files, as a policy does that
// was meant for another prefix. The others' get into the bucket, however many of the
// one wait (I8).
func TestOneTenantRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	refused, other := newTenant("refused"), newTenant("other")
	s.provision(refused, other)
	_, p := s.useFaultyStore()
	deny := storefault.Answer(http.StatusForbidden, "AccessDenied")
	p.Set(storefault.Rule{Method: http.MethodPut, Key: regexp.MustCompile(`/tenant=refused/`), Do: deny})
	s.start()
	loads := []*load{s.as(refused, 0), s.as(other, 1)}
	s.await("many files wait", flushWithin, func() bool {
		return s.value("parquay_bucket_puts_failing") >= tenantPuts && s.value("parquay_uploads_waiting") > putsInFlight
	})
	for range many(1, 60) {
		before := s.objectsOf("other")
		s.await("the other tenant's files are put", flushWithin, func() bool { return s.objectsOf("other") > before+20 })
	}
	s.withinMemory()
	p.Set()
	s.kill() // else the last of them may wait for half a minute
	s.start()
	s.settle(p, loads...)
}

// as begins to send as a tenant.
func (s *site) as(who tenant, n uint32) *load {
	s.Helper()
	key := func() (string, func()) { return who.key(), func() {} }
	return s.loadOf(who.Name, s.seed+n, &ledger.Client{Rate: 1500, Connections: 8, Key: key})
}

// objectsOf counts a tenant's objects.
func (s *site) objectsOf(tenant string) (n int) {
	s.Helper()
	for name := range s.sums() {
		if strings.Contains(name, "/tenant="+tenant+"/") {
			n++
		}
	}
	return n
}
