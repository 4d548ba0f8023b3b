package e2e

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"parquay/loadtest/e2e/ledger"
)

// TestStopsThatAreCutShort stops the gateway under load, again and again, and cuts
// the stop short: by SIGKILL within a second, by a second SIGTERM, or not at all. In
// half of the rounds the store is down, so that a stop would take its whole time.
// Nothing acknowledged is lost, and what is left is delivered by the next start (F19).
func TestStopsThatAreCutShort(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_SHUTDOWN=20s", "PARQUAY_FILE_ROWS=1000", "PARQUAY_WINDOW_BYTES=1MiB")
	store := s.useStore()
	r := rand.New(rand.NewPCG(uint64(s.seed), 4))
	l := s.loadOf("default", s.seed, &ledger.Client{Rate: number(t, "E2E_RATE", 20000) / 4})
	count := map[string]int{}
	for range number(t, "E2E_STOPS", 12) {
		s.start()
		before := l.accepted()
		s.await("events are accepted", flushWithin, func() bool { return l.accepted() > before+100 })
		down := r.IntN(2) == 0
		if down {
			if err := store.Stop(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(r.IntN(800)) * time.Millisecond) // so that the signal falls anywhere in a window
		count[s.cutShort(r, down)]++
		if down {
			if err := store.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("stops: %v", count)
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

// cutShort sends SIGTERM and then what ends the stop, and returns what that was.
func (s *site) cutShort(r *rand.Rand, down bool) (how string) {
	s.Helper()
	defer s.target.Store("")
	if err := s.gateway.Signal(syscall.SIGTERM); err != nil {
		s.Fatal(err)
	}
	switch n := r.IntN(5); {
	case n < 3:
		select {
		case <-s.gateway.Exited():
			how = "in time for SIGKILL"
		case <-time.After(time.Duration(r.IntN(1000)) * time.Millisecond):
			how = "SIGKILL"
			s.kill()
		}
		return how
	case n == 3 || down: // alone it would wait for the store
		how = "second SIGTERM"
		s.await("the gateway stops", startWithin, func() bool { return s.gateway.Said(`"stopping"`) })
		if err := s.gateway.Signal(syscall.SIGTERM); err != nil {
			s.await("it has ended", startWithin, func() bool { <-s.gateway.Exited(); return true })
		}
	default:
		how = "SIGTERM"
	}
	limit := exitGrace
	if how == "SIGTERM" {
		limit += 20 * time.Second
	}
	if code, err := s.gateway.Wait(limit); err != nil || code != 0 {
		s.Errorf("%s: exit code %d, %v", how, code, err)
	}
	return how
}
