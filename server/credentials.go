// Credentials: whose request it is.

package server

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"parquay/server/tenants"
)

// The refusals of credentials. None says what was wrong: whether a key is unknown,
// has the wrong secret or has expired is nobody's news but its owner's.
var (
	// errUnauthorized is returned without a valid credential (401).
	errUnauthorized = errors.New("no valid credential: a key is needed")
	// errTooManyFailures is returned instead to an address that has failed too often (429).
	errTooManyFailures = errors.New("too many requests of this address had no valid credential")
	// errForbidden is returned for what the tenant may not do (403).
	errForbidden = errors.New("the tenant may not do this")
)

// challenges say to a client which credentials are taken: curl -u and browsers ask
// for Basic, whose user name is not looked at.
var challenges = []string{`Bearer realm="parquay"`, `Basic realm="parquay", charset="UTF-8"`}

// tenant returns whose request it is, by its credentials alone (I8): by a key, or
// else by the certificate that the client has shown. Whoever has a valid one is
// never refused for the failures of others behind the same address.
func (s *Server) tenant(w http.ResponseWriter, r *http.Request) (*tenants.Tenant, error) {
	if s.cfg.Tenants == nil {
		return s.everybody, nil
	}
	now := time.Now()
	key, shown := keyOf(r.Header)
	var found *tenants.Tenant
	switch {
	case shown:
		found = s.cfg.Tenants.ByKey(key, now)
	case r.TLS != nil && len(r.TLS.VerifiedChains) > 0:
		found = s.cfg.Tenants.ByCertificate(r.TLS.PeerCertificates[0])
	}
	if found == nil {
		// One that shows nothing has guessed nothing: many clients ask first, to
		// learn from the challenge what they need.
		if shown && !s.failures.allow(s.proxies.client(r), now) {
			return nil, errTooManyFailures
		}
		return nil, errUnauthorized
	}
	n := notesOf(w)
	n.tenant, n.limits = found.Name(), found
	return found, nil
}

// keyOf returns the key that a request shows: as a bearer token, in X-API-Key, or as
// the password of basic authentication. shown is true also for what can't be a key,
// as are several that differ: who is meant would be a guess.
func keyOf(h http.Header) (key string, shown bool) {
	differ := false
	show := func(k string) {
		differ = differ || (shown && k != key)
		key, shown = k, true
	}
	for _, field := range h["X-Api-Key"] {
		show(strings.Trim(field, " \t"))
	}
	for _, field := range h["Authorization"] {
		scheme, value, _ := strings.Cut(field, " ")
		value = strings.Trim(value, " \t")
		switch {
		case strings.EqualFold(scheme, "Bearer"):
			show(value)
		case strings.EqualFold(scheme, "Basic"):
			pair, _ := base64.StdEncoding.DecodeString(value) // what does not decode has no key
			_, password, _ := strings.Cut(string(pair), ":")
			show(password)
		default:
			show("")
		}
	}
	if differ {
		return "", true
	}
	return key, shown
}
