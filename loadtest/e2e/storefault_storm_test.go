package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"parquay/loadtest/e2e/storefault"
)

// storm is a time in which the store refuses every put.
type storm struct {
	status  int
	code    string
	outcome string // as the metric names it
}

var storms = []storm{
	{http.StatusServiceUnavailable, "SlowDown", "throttled"},
	{http.StatusTooManyRequests, "TooManyRequests", "throttled"},
	{http.StatusInternalServerError, "InternalError", "server"},
	{http.StatusConflict, "ConditionalRequestConflict", "conflict"},
	{http.StatusForbidden, "AccessDenied", "denied"},
	{http.StatusForbidden, "ExpiredToken", "denied"},
	{http.StatusBadRequest, "ExpiredToken", "rejected"},
	{http.StatusForbidden, "RequestTimeTooSkewed", "denied"},
	{http.StatusNotFound, "NoSuchBucket", "missing"},
	{http.StatusMovedPermanently, "PermanentRedirect", "rejected"},
}

// TestStoreStorms has every put refused for a while, in all the ways there are. The
// gateway goes on accepting and stays ready, retries for ever and never with more puts
// in flight than it may have, says so in its metrics, and recovers by itself (F15).
func TestStoreStorms(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	store, p := s.useFaultyStore()
	s.start()
	l := s.steady()
	var all []storefault.Rule
	for i, c := range storms {
		refuse := storefault.Answer(c.status, c.code)
		all = append(all, puts(1/float64(len(storms)-i), refuse))
		if full() {
			s.weather(p, l, refuse.String(), func() { p.Set(puts(0, refuse)) }, func() { p.Set() }, c.outcome)
		}
	}
	s.weather(p, l, "all at once", func() { p.Set(all...) }, func() { p.Set() },
		"throttled", "server", "conflict", "denied", "rejected", "missing")
	aside := filepath.Join(filepath.Dir(store.Objects()), ".aside")
	first := 0
	s.weather(p, l, "a bucket that is not there", // and this is the store's own answer
		func() { s.quietly(p, func() { s.rename(store.Objects(), aside) }); first = len(p.Log()) },
		func() { s.backOff(p, first); s.rename(aside, store.Objects()) }, "missing")
	s.withinMemory()
	if !s.gateway.Said("puts into the bucket work again") {
		t.Error("the log does not say that puts work again")
	}
	s.settle(p, l)
	if most := p.MostInFlight(); most > putsInFlight {
		t.Errorf("%d puts were in flight at once, %d may be", most, putsInFlight)
	}
}

// quietly does something while no put is under way. The store makes the folders that one
// needs, and with them a bucket that was moved away: it takes everything again then.
func (s *site) quietly(p *storefault.Proxy, act func()) {
	s.Helper()
	p.Set(puts(0, storefault.Answer(http.StatusServiceUnavailable, "SlowDown")))
	s.await("no put is under way", flushWithin, func() bool { return p.InFlight() == 0 })
	act()
	p.Set()
}

func (s *site) rename(from, to string) {
	s.Helper()
	if err := os.Rename(from, to); err != nil {
		s.Fatal(err)
	}
}

// weather has a storm begin and end, with the outcomes that its puts have by the
// metrics, and looks at the gateway meanwhile.
func (s *site) weather(p *storefault.Proxy, l *load, name string, begin, end func(), outcomes ...string) {
	s.Helper()
	accepted := l.accepted()
	failed := map[string]float64{}
	for _, o := range outcomes {
		failed[o] = s.attempts(o)
	}
	begin()
	lasts := time.Now().Add(time.Duration(many(2, 30)) * time.Second)
	s.await(name+": puts fail, and events are accepted", flushWithin, func() bool {
		all := true
		for _, o := range outcomes {
			all = all && s.attempts(o) >= failed[o]+5
		}
		return all && s.value("parquay_bucket_puts_failing") > 0 && l.accepted() > accepted+500 && time.Now().After(lasts)
	})
	if status, text := s.readiness(); status != http.StatusOK {
		s.Errorf("%s: not ready while the journal has room: %d %s", name, status, text)
	}
	if s.value("parquay_pending_windows") == 0 || s.value("parquay_journal_backlog_bytes") == 0 {
		s.Errorf("%s: no window is pending by the metrics", name)
	}
	end()
	stored := s.attempts("stored")
	s.await(name+" is over: puts work again", flushWithin, func() bool {
		return s.attempts("stored") > stored && s.value("parquay_bucket_puts_failing") == 0
	})
}

// backOff waits until puts have been tried often, and expects them to wait in between:
// after four attempts for up to 0.8 s, and twice as long after each further one. Half of
// the waits are longer than an eighth of the first of those limits, with near certainty.
func (s *site) backOff(p *storefault.Proxy, from int) {
	s.Helper()
	const enough = 30
	var waits []time.Duration
	s.await("puts are tried again and again", flushWithin, func() bool {
		waits = waitsOf(p.Log()[from:])
		return len(waits) >= enough
	})
	slices.Sort(waits)
	s.Logf("%d waits, half of them longer than %v", len(waits), waits[len(waits)/2])
	if waits[len(waits)/2] < 100*time.Millisecond {
		s.Error("puts are tried again without a wait")
	}
}

// waitsOf is how long puts have waited that had been tried four times.
func waitsOf(log []storefault.Request) (waits []time.Duration) {
	attempts := map[string]int{}
	last := map[string]time.Time{}
	for _, r := range log {
		if r.Method != http.MethodPut {
			continue
		}
		if attempts[r.Key] >= 4 {
			waits = append(waits, r.At.Sub(last[r.Key]))
		}
		attempts[r.Key]++
		last[r.Key] = r.At
	}
	return waits
}

// TestPutsInFlight has files of three tenants, each with more than may be put at once,
// and a store that answers none: so many puts are under way as may be, and not one more
// (F15, I6).
func TestPutsInFlight(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	list := []tenant{newTenant("a"), newTenant("b"), newTenant("c")}
	s.provision(list...)
	_, p := s.useFaultyStore()
	p.Set(puts(0, storefault.Silent()))
	var loads []*load
	for i, who := range list {
		loads = append(loads, s.as(who, uint32(i)))
	}
	for range many(2, 20) {
		s.start()
		for range 2 { // with each, fewer puts are first ones, which a quarter is kept for
			s.await("as many puts are under way as may be", flushWithin, func() bool {
				return s.value("parquay_bucket_puts_in_flight") == putsInFlight && s.value("parquay_uploads_waiting") > putsInFlight
			})
			p.Break()
		}
		s.withinMemory()
		s.kill() // else the last of them may wait for some time
	}
	if most := p.MostInFlight(); most != putsInFlight {
		t.Errorf("%d puts were in flight at once, %d may be", most, putsInFlight)
	}
	p.Set()
	s.start()
	s.settle(p, loads...)
}
