package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"parquay/loadtest/e2e/process"
	"parquay/loadtest/e2e/storefault"
)

// TestStoreMix has everything happen to the store in any order: every fault of the
// proxy in changing shares, puts that land late, a store that is stopped, and gateways
// that are killed meanwhile.
func TestStoreMix(t *testing.T) {
	t.Parallel()
	for _, conditional := range []string{"true", "false"} {
		t.Run("conditional="+conditional, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, append(faultyEnv, "PARQUAY_S3_CONDITIONAL="+conditional)...)
			store, p := s.useFaultyStore()
			r := rand.New(rand.NewPCG(uint64(s.seed), 0))
			l := s.steady()
			var met []storefault.Verdict
			for range number(t, "E2E_MIXES", many(2, 150)) {
				s.start()
				if met == nil {
					met = s.meetAll(r, p)
				}
				s.spoil(r, store, p, 3+r.IntN(many(3, 10)))
				s.kill()
			}
			s.start()
			p.Set()
			p.Break()
			s.settle(p, l)
			before := s.sums()
			landed := p.Land()
			s.Logf("%d puts land when all is over", len(landed))
			if conditional == "true" {
				s.sameObjects(before, s.insisted(landed)...)
			}
			s.check(l)
			for _, do := range met {
				if p.Count(do) == 0 {
					t.Errorf("it has never happened: %s", do)
				}
			}
			if n := len(p.Faults()); n < len(evils) {
				t.Errorf("only %d kinds of faults have happened", n)
			}
		})
	}
}

// evils are the faults of the mix. The first ones are of every request, and the others
// of files only, since a gateway refuses to start on a store that spoils bytes.
var evils = []func(r *rand.Rand) storefault.Verdict{
	func(*rand.Rand) storefault.Verdict { return storefault.LoseAnswer() },
	func(*rand.Rand) storefault.Verdict { return storefault.Reset() },
	func(r *rand.Rand) storefault.Verdict { return storefault.Slow(20<<10 + r.IntN(200<<10)) },
	func(*rand.Rand) storefault.Verdict { return storefault.Silent() },
	func(r *rand.Rand) storefault.Verdict {
		c := storms[r.IntN(len(storms))]
		return storefault.Answer(c.status, c.code)
	},
	func(*rand.Rand) storefault.Verdict {
		return storefault.AnswerAfter(http.StatusInternalServerError, "InternalError")
	},
	func(*rand.Rand) storefault.Verdict {
		return storefault.AnswerAfter(http.StatusServiceUnavailable, "SlowDown")
	},
	func(*rand.Rand) storefault.Verdict { return storefault.Hold(0) },
	func(r *rand.Rand) storefault.Verdict {
		return storefault.Hold(time.Duration(1+r.IntN(1000)) * time.Millisecond)
	},
	func(*rand.Rand) storefault.Verdict { return storefault.Duplicate() },
	func(*rand.Rand) storefault.Verdict { return storefault.FlipBody() },
	func(*rand.Rand) storefault.Verdict { return storefault.FlipAnswer() },
	// A 412 that is not true, with nothing stored.
	func(*rand.Rand) storefault.Verdict {
		return storefault.Answer(http.StatusPreconditionFailed, "PreconditionFailed")
	},
}

const evilsOfAll = 7

// meetAll has the next puts of files meet every fault once, in any order, and all others
// pass. It returns the faults.
func (s *site) meetAll(r *rand.Rand, p *storefault.Proxy) (met []storefault.Verdict) {
	s.Helper()
	var rules []storefault.Rule
	want := map[string]int{} // some have the same name
	for _, n := range r.Perm(len(evils)) {
		do := evils[n](r)
		rules = append(rules, storefault.Rule{Method: http.MethodPut, Key: files, Times: 1, Do: do})
		want[do.String()]++
		met = append(met, do)
	}
	p.Set(rules...)
	s.await("every fault happens once", flushWithin, func() bool {
		return !slices.ContainsFunc(met, func(do storefault.Verdict) bool { return p.Count(do) < want[do.String()] })
	})
	p.Break()
	return met
}

// insisted is the objects that late puts have replaced. Only those can that were sent
// without a condition, when the store had contradicted itself: they have the same rows.
func (s *site) insisted(landed []storefault.Request) (objects []string) {
	s.Helper()
	for _, r := range landed {
		if r.Status != http.StatusOK {
			continue
		}
		if r.Conditional {
			s.Errorf("a late put was stored over another: %s", r.Key)
		}
		objects = append(objects, strings.SplitN(r.Key, "/", 3)[2]) // without the bucket and the prefix
	}
	return objects
}

// spoil changes what the store does, some times, and then leaves it so.
func (s *site) spoil(r *rand.Rand, store *process.Store, p *storefault.Proxy, times int) {
	s.Helper()
	for range times {
		var rules []storefault.Rule
		for range 1 + r.IntN(3) {
			n := r.IntN(len(evils))
			rule := storefault.Rule{Share: 0.1 + 0.9*r.Float64(), Do: evils[n](r)}
			if n >= evilsOfAll || r.IntN(2) == 0 {
				rule.Method, rule.Key = http.MethodPut, files
			}
			rules = append(rules, rule)
		}
		p.Set(rules...)
		time.Sleep(time.Duration(20+r.IntN(200)) * time.Millisecond)
		switch r.IntN(8) {
		case 0:
			p.Land()
		case 1:
			s.freeze(store, time.Duration(r.IntN(300))*time.Millisecond)
		case 2:
			store.Kill()
			time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			if err := store.Start(s.Context()); err != nil {
				s.Fatal(err)
			}
		}
		p.Break()
		select {
		case <-s.gateway.Exited():
			s.Fatal(fmt.Errorf("%w by itself", process.ErrEnded))
		default:
		}
	}
}

// freeze stops the store for a while.
func (s *site) freeze(store *process.Store, d time.Duration) {
	s.Helper()
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := store.Signal(signal); err != nil {
			s.Fatal(err)
		}
		time.Sleep(d)
	}
}
