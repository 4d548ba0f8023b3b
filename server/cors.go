// Cross-origin requests: whose scripts may post from a browser.

package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-chi/cors"
)

// preflightAge is how many seconds a browser may remember a preflight's answer,
// which changes only with the configuration.
const preflightAge = 600

// crossOrigin answers preflights and marks answers for the scripts of
// Config.CORSOrigins. Without any it does nothing, and no field of CORS is sent.
//
// A key is not sent by the browser on its own, as a cookie is: an origin that is
// let in here can do nothing without one. But for what it does send on its own see
// foreign.
func (s *Server) crossOrigin(next http.Handler) http.Handler {
	if len(s.cfg.CORSOrigins) == 0 {
		return next
	}
	return cors.Handler(cors.Options{
		AllowedOrigins: s.cfg.CORSOrigins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions},
		// Any: the extensions of a CloudEvent are fields of names that we can't list.
		AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{
			requestIDField, "Parquay-Receipt", "Parquay-Durability", "Idempotency-Replayed", "Preference-Applied",
			"RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "Accept-Encoding", "Allow", "ETag",
		},
		MaxAge: preflightAge,
	})(next)
}

// errCrossOrigin is returned for a post that another site's page makes (403).
var errCrossOrigin = errors.New("a page of another site can't post events")

// newOrigins returns what tells posts of the sites that may from those of others; nil
// if all may.
func newOrigins(allowed []string) (*http.CrossOriginProtection, error) {
	if slices.Contains(allowed, "*") {
		return nil, nil
	}
	p := http.NewCrossOriginProtection()
	for _, origin := range allowed {
		if err := p.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("allow the origin (PARQUAY_CORS_ORIGINS): %w", err)
		}
	}
	return p, nil
}

// foreign refuses what a page of another site has its visitor's browser post. Without
// CORS such a page can't read the answer, but it could post: to a gateway on the
// visitor's own machine, or with the password or client certificate that the browser
// adds by itself. Whatever is no browser sends neither of the fields that tell.
func (s *Server) foreign(r *http.Request) error {
	if s.origins == nil || s.origins.Check(r) == nil {
		return nil
	}
	return errCrossOrigin
}
