package e2e

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"parquay/loadtest/e2e/storefault"
)

// TestStoreAway stops the store under load, kills a gateway meanwhile, and starts it
// again when the journal has been full for a while: events are accepted up to the
// journal's limit, then answered 503 with Retry-After; what waits gets in, oldest
// first, and then events are accepted again (F16).
func TestStoreAway(t *testing.T) {
	t.Parallel()
	limit := "16MiB"
	if full() {
		limit = "256MiB" // minutes
	}
	s := newSite(t, append(faultyEnv, "PARQUAY_JOURNAL_LIMIT="+limit)...)
	store, p := s.useFaultyStore()
	s.start()
	l := s.loadOf("default", s.seed, s.fast())
	s.await("puts work", flushWithin, func() bool { return p.Answered(http.MethodPut, http.StatusOK) > 0 })

	store.Kill()
	before := l.accepted()
	s.await("events are accepted without the store", flushWithin, func() bool { return l.accepted() > before+1000 })
	if status, text := s.readiness(); status != http.StatusOK {
		t.Errorf("not ready while the journal has room: %d %s", status, text)
	}
	s.kill() // what waits is found again by the next one
	s.start()
	s.await("the journal is full", time.Duration(many(1, 10))*flushWithin, func() bool {
		return l.answered(http.StatusServiceUnavailable) > 2*connections
	})
	s.await("and the gateway not ready", flushWithin, func() bool {
		status, text := s.readiness()
		return status == http.StatusServiceUnavailable && strings.Contains(text, "journal")
	})
	if used, most := s.value("parquay_journal_backlog_bytes"), s.value("parquay_journal_limit_bytes"); used < most || used > 1.5*most {
		t.Errorf("the journal has %.0f bytes, its limit is %.0f", used, most)
	}
	s.withinMemory()
	time.Sleep(time.Duration(many(1, 180)) * time.Second) // it is away: nothing to wait for

	first := len(p.Log())
	if err := store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	before = l.accepted()
	s.await("events are accepted again", 2*flushWithin, func() bool { return l.accepted() > before+1000 })
	s.await("the gateway is ready", flushWithin, func() bool { status, _ := s.readiness(); return status == http.StatusOK })
	oldestFirst(t, p.Log()[first:])
	s.settle(p, l)
}

var windowOf = regexp.MustCompile(`/([0-9a-f]{32})-(\d{12})-\d{4}\.parquet$`)

// oldestFirst expects the windows to come in their order, but for what is under way at
// the same time: half of the files of a window are in before a quarter of those of the
// third one after it. The files of the first windows have been tried meanwhile, and may
// wait for half a minute until they are again.
func oldestFirst(t *testing.T, log []storefault.Request) {
	t.Helper()
	puts := map[string][]int{} // by window, when they were stored
	for at, r := range log {
		m := windowOf.FindStringSubmatch(r.Key)
		if r.Method == http.MethodPut && m != nil && r.Status != 0 && r.Status < 500 {
			puts[m[1]+" "+m[2]] = append(puts[m[1]+" "+m[2]], at)
		}
	}
	byIncarnation := map[string][]string{}
	for name := range puts {
		incarnation, _, _ := strings.Cut(name, " ")
		byIncarnation[incarnation] = append(byIncarnation[incarnation], name)
	}
	for _, windows := range byIncarnation {
		slices.Sort(windows)
		const tried, apart = 3, 3
		for i := tried; i+apart < len(windows); i++ {
			older, later := puts[windows[i]], puts[windows[i+apart]]
			if older[len(older)/2] > later[len(later)/4] {
				t.Errorf("window %s came after window %s", windows[i], windows[i+apart])
			}
		}
		t.Logf("%d windows of one gateway are in their order", len(windows))
	}
}

// TestStoreFrozen stops the store with a signal, so that connections open and nothing
// comes of them, and lets it go on.
func TestStoreFrozen(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	store, p := s.useFaultyStore()
	s.start()
	l := s.steady()
	for range many(2, 20) {
		stored := p.Answered(http.MethodPut, http.StatusOK)
		s.await("puts work", 2*flushWithin, func() bool { return p.Answered(http.MethodPut, http.StatusOK) > stored+10 })
		if err := store.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		before, frozen := l.accepted(), time.Now()
		s.await("events are accepted while the store is frozen", flushWithin, func() bool {
			return l.accepted() > before+1000 && time.Since(frozen) > time.Duration(many(2, 45))*time.Second
		})
		if err := store.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	s.withinMemory()
	s.settle(p, l)
}
