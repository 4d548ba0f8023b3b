// What is served where.

package server

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func (s *Server) eventRoutes() http.Handler {
	r := s.newRouter(s.boundStreams, s.crossOrigin)
	// A table's own route has no parameter, for which chi and net/http would allocate
	// a map in every request.
	for _, name := range s.names {
		r.Post("/v1/"+name, s.postTo(func(*http.Request) string { return name }))
	}
	r.Post(postRoute, s.postTo(func(r *http.Request) string { return chi.URLParam(r, "table") }))
	r.Get("/v1/{table}/schema", s.orFail(s.getSchema))
	r.Get("/v1/receipts/{receipt}", s.orFail(s.getReceipt))
	r.Get("/openapi.json", s.orFail(s.getDescription))
	r.Get("/", s.getWelcome)
	return r
}

// postRoute is the pattern of every table's route, in metrics and log.
const postRoute = "/v1/{table}"

// postTo takes events for the table of a name.
func (s *Server) postTo(table func(*http.Request) string) http.HandlerFunc {
	return s.orFail(func(w http.ResponseWriter, r *http.Request) error {
		notesOf(w).route = postRoute
		return s.postEvents(w, r, table(r))
	})
}

// orFail serves what either answers or returns why it has not.
func (s *Server) orFail(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			s.fail(w, err)
		}
	}
}

// adminRoutes has no limit on the time of an answer: a profile takes as long as
// it was asked to.
func (s *Server) adminRoutes() http.Handler {
	r := s.newRouter()
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
	}))
	if s.cfg.Accounts != nil {
		r.Get("/admin/tenants", s.getTenants)
	}
	r.Get("/debug/pprof/cmdline", pprof.Cmdline)
	r.Get("/debug/pprof/profile", pprof.Profile)
	r.Get("/debug/pprof/symbol", pprof.Symbol)
	r.Get("/debug/pprof/trace", pprof.Trace)
	r.Get("/debug/pprof/*", pprof.Index)
	return r
}

// newRouter returns what both listeners have in common.
func (s *Server) newRouter(more ...func(http.Handler) http.Handler) chi.Router {
	r := chi.NewRouter()
	r.Use(s.observe, s.recover, middleware.GetHead)
	r.Use(more...)
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) { s.fail(w, errNoRoute) })
	r.MethodNotAllowed(s.otherMethod)
	r.Get("/healthz", s.healthz)
	r.Get("/readyz", s.readyz)
	return r
}

// otherMethod answers OPTIONS, and any method that a path does not take.
func (s *Server) otherMethod(w http.ResponseWriter, r *http.Request) {
	allowed := allowedMethods(r)
	w.Header().Set("Allow", allowed)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.fail(w, &methodError{allowed})
}

// allowedMethods lists the methods that the request's path takes.
func allowedMethods(r *http.Request) string {
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	routes := chi.RouteContext(r.Context()).Routes
	allowed := []string{http.MethodOptions}
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if routes.Match(chi.NewRouteContext(), m, path) {
			allowed = append(allowed, m)
			if m == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	return strings.Join(allowed, ", ")
}
