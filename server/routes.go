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

// eventHandler serves the listener for events. Posts to tables, which are nearly all
// requests, don't go by the router: a copy of the request with a context of its own,
// and its parameters, would be a fifth of what the handler does for one event.
func (s *Server) eventHandler() http.Handler {
	router := s.eventRoutes()
	around := chi.Chain(s.observe, s.recover, s.boundStreams, s.crossOrigin) // as the router's are
	posts := map[string]http.Handler{}                                       // by path
	for _, name := range s.names {
		posts["/v1/"+name] = around.HandlerFunc(s.postTo(func(*http.Request) string { return name }))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A path with escapes goes to the router, which takes none for a letter.
		if post := posts[r.URL.Path]; post != nil && r.Method == http.MethodPost && r.URL.RawPath == "" {
			post.ServeHTTP(w, r)
		} else {
			router.ServeHTTP(w, r)
		}
	})
}

func (s *Server) eventRoutes() chi.Router {
	r := s.newRouter(s.boundStreams, s.crossOrigin)
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
