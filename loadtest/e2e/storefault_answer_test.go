package e2e

import (
	"net/http"
	"testing"

	"parquay/loadtest/e2e/storefault"
)

// TestLostAnswers has the store apply puts whose answers are lost, or come as errors,
// or which reach it twice (F13). Every file exists once.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, conditional string }{{"conditional", "true"}, {"unconditional", "false"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, append(faultyEnv, "PARQUAY_S3_CONDITIONAL="+c.conditional)...)
			_, p := s.useFaultyStore()
			lost := []storefault.Verdict{
				storefault.LoseAnswer(), storefault.Duplicate(),
				storefault.AnswerAfter(http.StatusInternalServerError, "InternalError"),
				storefault.AnswerAfter(http.StatusServiceUnavailable, "SlowDown"),
				storefault.AnswerAfter(http.StatusConflict, "ConditionalRequestConflict"),
				storefault.AnswerAfter(http.StatusForbidden, "AccessDenied"),
				storefault.AnswerAfter(http.StatusNotFound, "NoSuchBucket"),
			}
			var rules []storefault.Rule
			for i, do := range lost {
				rules = append(rules, puts(1/float64(len(lost)+1-i), do)) // all alike, and as many pass
			}
			p.Set(rules...)
			s.start()
			l := s.steady()
			for _, do := range lost {
				s.awaitCount(p, do, many(3, 300))
			}
			s.settle(p, l)
			if n := p.Answered(http.MethodPut, http.StatusPreconditionFailed); n == 0 && c.conditional == "true" {
				t.Error("no retry has met its own object")
			}
			s.onlyWhatWasPut(p)
		})
	}
}

// onlyWhatWasPut expects as many objects as there were keys: a retry has the name of
// what it retries (I3).
func (s *site) onlyWhatWasPut(p *storefault.Proxy) {
	s.Helper()
	keys := map[string]bool{}
	for _, r := range p.Log() {
		if r.Method == http.MethodPut && files.MatchString(r.Key) {
			keys[r.Key] = true
		}
	}
	if objects := len(s.sums()); objects != len(keys) {
		s.Errorf("puts were of %d keys, and there are %d objects", len(keys), objects)
	}
}
