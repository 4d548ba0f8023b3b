package e2e

import (
	"net/http"
	"testing"
	"time"

	"parquay/loadtest/e2e/storefault"
)

// TestDelayedPuts holds puts back, so that they land after their retries (F14): soon
// after, or when their window is long gone from the journal. They change no object.
func TestDelayedPuts(t *testing.T) {
	t.Parallel()
	t.Run("conditional", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, faultyEnv...)
		p, l := s.delay()
		before := s.sums()
		for _, r := range p.Land() {
			if r.Status != http.StatusPreconditionFailed {
				t.Errorf("a delayed put is answered %d, want 412", r.Status)
			}
		}
		s.sameObjects(before)
		s.check(l)
	})
	t.Run("unconditional", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, append(faultyEnv, "PARQUAY_S3_CONDITIONAL=false")...)
		p, l := s.delay()
		before := s.sums()
		for _, r := range p.Land() {
			if r.Status != http.StatusOK {
				t.Errorf("a delayed put is answered %d: it should have replaced its object", r.Status)
			}
		}
		s.sameObjects(before) // the same bytes, since the retry had them from the same file
		s.check(l)
	})
}

// delay runs a load whose puts are held back, some for a moment, and some until the
// caller has them land, when all is stored and the journal is empty.
func (s *site) delay() (*storefault.Proxy, *load) {
	s.Helper()
	_, p := s.useFaultyStore()
	soon, late := storefault.Hold(300*time.Millisecond), storefault.Hold(0)
	held := many(10, 500)
	p.Set(storefault.Rule{Method: http.MethodPut, Key: files, Share: 0.3, Times: held, Do: late}, puts(0.3, soon))
	s.start()
	l := s.steady()
	s.await("puts are held back", time.Duration(many(1, 20))*flushWithin, func() bool {
		return p.Held() >= held && p.Count(soon) >= 2*held
	})
	s.settle(p, l)
	if p.Held() != held {
		s.Errorf("%d puts are held back, %d were to", p.Held(), held)
	}
	return p, l
}

// TestDelayedPutsOfTheDead kills a gateway whose puts are held back, and has them land
// when the next gateway is at work on the same windows, whose row groups may be others.
// Whoever comes first, the rows are there once (I3).
func TestDelayedPutsOfTheDead(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	_, p := s.useFaultyStore()
	l := s.steady()
	refused, taken := 0, 0
	for n := range many(4, 100) {
		p.Set(puts(0, storefault.Hold(0)))
		s.start()
		s.await("puts are held back", flushWithin, func() bool { return p.Held() >= 5 })
		s.kill()
		p.Set()
		if n%2 == 0 { // before the next gateway begins
			count(p.Land(), &taken, &refused)
			continue
		}
		s.start()
		before := s.attempts("stored")
		s.await("the next gateway puts files", flushWithin, func() bool { return s.attempts("stored") > before })
		count(p.Land(), &taken, &refused)
		s.kill()
	}
	s.start()
	s.settle(p, l)
	s.Logf("%d delayed puts were stored, %d were refused", taken, refused)
	if taken == 0 || refused == 0 {
		t.Error("there should be some of both")
	}
}

// count adds up the store's answers to delayed puts.
func count(landed []storefault.Request, taken, refused *int) {
	for _, r := range landed {
		switch r.Status {
		case http.StatusOK:
			*taken++
		case http.StatusPreconditionFailed:
			*refused++
		}
	}
}
