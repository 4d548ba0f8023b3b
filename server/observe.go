// The outermost middleware: what each request counts as, in metrics and log.

package server

import (
	"cmp"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"parquay/server/tenants"
)

// observe names every request, and counts and logs it once it is answered.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, id: [1]string{requestID(r.Header)}, notes: notes{began: time.Now()}}
		w.Header()[requestIDField] = rec.id[:]
		s.metrics.inFlight.Inc()
		defer func() { // also when a handler aborts the connection by a panic
			s.metrics.inFlight.Dec()
			took := time.Since(rec.began)
			route := rec.route
			if route == "" {
				route = cmp.Or(chi.RouteContext(r.Context()).RoutePattern(), "none")
			}
			s.metrics.answers.observe(route, rec.status, took-rec.waited, rec.written)
			s.log.request(r, rec, route, took)
		}()
		next.ServeHTTP(rec, r)
		if rec.status == 0 { // net/http sends it for a handler that wrote nothing
			rec.status = http.StatusOK
		}
	})
}

// recorder is a ResponseWriter that remembers what was answered.
type recorder struct {
	http.ResponseWriter
	id      [1]string // the value of Parquay-Request-Id
	status  int       // 0 until something was written
	written int64     // bytes of the body
	notes

	rateLimit [2][1]string // the values of RateLimit-Policy and RateLimit
}

// notes are what a handler tells of its request, for metrics and log.
type notes struct {
	began time.Time // when the header had come
	route string    // the pattern of the route; "" for the router's own

	tenant             string          // "" before it is known
	limits             *tenants.Tenant // whose are told; nil before it is known
	received           int64           // bytes of the body, as sent
	accepted, rejected int
	receipt            Receipt
	waited             time.Duration // because the client wanted to

	flushed bool // the answer will be written before net/http can tell its length

	problem string // its type, "" for a success
	err     error  // its cause
}

// notesOf returns the notes on the request that w answers.
func notesOf(w http.ResponseWriter) *notes {
	if rec, ok := w.(*recorder); ok {
		return &rec.notes
	}
	return new(notes) // nobody listens
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 { // 1xx are not the answer
		r.status = status
		r.tellLimits()
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	n, err := r.ResponseWriter.Write(p)
	r.written += int64(n)
	return n, err
}

// tellLimits tells a tenant with limits what is left of them, in every answer: as
// it is once the request was charged for.
func (r *recorder) tellLimits() {
	if r.limits == nil {
		return
	}
	policy, state := r.limits.RateLimit(time.Now())
	if policy != "" {
		r.rateLimit = [2][1]string{{policy}, {state}}
		h := r.Header()
		h["Ratelimit-Policy"], h["Ratelimit"] = r.rateLimit[0][:], r.rateLimit[1][:]
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
