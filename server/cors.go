// Cross-origin requests: whose scripts may post from a browser.

package server

import (
	"net/http"

	"github.com/go-chi/cors"
)

// preflightAge is how many seconds a browser may remember a preflight's answer,
// which changes only with the configuration.
const preflightAge = 600

// crossOrigin answers preflights and marks answers for the scripts of
// Config.CORSOrigins. Without any it does nothing, and no field of CORS is sent.
//
// A key is not sent by the browser on its own, as a cookie is: an origin that is
// let in here can do nothing without one.
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
