package storefault

// This file says which requests are spoilt.

import (
	"net/http"
	"regexp"
)

// Rule says what becomes of the requests that it is for. Of several rules the first
// that takes a request decides, and what none takes passes.
type Rule struct {
	Method string         // "" is every method
	Key    *regexp.Regexp // of the path, bucket included; nil is every one
	After  int            // so many of the requests that it is for go by before it takes one
	Times  int            // and so many it takes at most; 0 is no limit
	Share  float64        // how probably it takes one; 0 is 1
	Do     Verdict
}

// armed is a rule in use.
type armed struct {
	Rule
	met, taken int
}

// judge finds what becomes of a request.
func (p *Proxy) judge(r *http.Request) Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rule := range p.mu.rules {
		if rule.takes(r, p.mu.random.Float64()) {
			return rule.Do
		}
	}
	return Pass()
}

func (a *armed) takes(r *http.Request, chance float64) bool {
	if a.Method != "" && a.Method != r.Method || a.Key != nil && !a.Key.MatchString(r.URL.Path) {
		return false
	}
	a.met++
	if a.met <= a.After || a.Times > 0 && a.taken >= a.Times || a.Share > 0 && chance >= a.Share {
		return false
	}
	a.taken++
	return true
}
