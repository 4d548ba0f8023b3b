// Package server is the gateway's HTTP surface: it takes event bodies in, has
// them decoded and committed, and answers with what became of every event.
//
// Two listeners are served. The one for events takes POST /v1/{table}; the one
// for administration has the metrics and profiles. Both answer /healthz and
// /readyz. What a request costs in memory is reserved before it is held (I6),
// and no 2xx is sent before Commit has returned nil (I1).
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The bounds on a connection. The body's and the answer's are in deadline.go.
const (
	// readHeaderTimeout bounds the time from a request's first byte to the end
	// of its header, which fits one packet: only a slow attack takes longer.
	readHeaderTimeout = 5 * time.Second
	// idleTimeout is longer than the 60 s after which common balancers drop an
	// idle connection, so that the balancer and not the gateway closes it:
	// otherwise a request could meet a connection that is being closed.
	idleTimeout = 120 * time.Second
	// maxHeaderBytes leaves room for a long token and tracing headers. net/http
	// allows 4 KiB more, and its default of 1 MiB would let idle-looking
	// connections hold memory that nobody has admitted.
	maxHeaderBytes = 16 << 10
)

// Server serves both listeners. Its methods are safe for concurrent use.
type Server struct {
	cfg       Config
	log       *accessLog
	metrics   *Metrics
	buffers   buffers
	inflaters inflaters
	endpoints map[string]*endpoint // tables that can be posted to; never changes
	names     []string             // their names, sorted

	durability []string // the value of Parquay-Durability

	events, admin                 *http.Server
	eventsListener, adminListener net.Listener

	stopping atomic.Bool
}

// New checks cfg and opens both listeners, so that an address with port 0 is
// known (Addr, AdminAddr) before Run. Close releases them.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure the server: %w", err)
	}
	s := &Server{
		cfg:       cfg,
		log:       newAccessLog(cfg.Logger),
		metrics:   cfg.Metrics,
		inflaters: newInflaters(),

		durability: []string{cfg.Ack},
	}
	s.endpoints, s.names = newEndpoints(cfg)
	s.events = s.newHTTPServer(s.eventRoutes())
	s.admin = s.newHTTPServer(s.adminRoutes())
	s.events.ReadTimeout = bodyGrace // extended while a body makes progress

	var err error
	s.eventsListener, err = listen(cfg.Listen, "events (PARQUAY_LISTEN)", cfg.Authenticator != nil || cfg.Insecure)
	if err != nil {
		return nil, err
	}
	s.adminListener, err = listen(cfg.AdminListen, "administration (PARQUAY_ADMIN_LISTEN)", cfg.Insecure)
	if err != nil {
		return nil, errors.Join(err, s.eventsListener.Close())
	}
	return s, nil
}

func (s *Server) newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
	}
}

// Addr is the address that takes events.
func (s *Server) Addr() net.Addr { return s.eventsListener.Addr() }

// AdminAddr is the address of health, readiness, metrics and profiles.
func (s *Server) AdminAddr() net.Addr { return s.adminListener.Addr() }

// Run serves both listeners until ctx ends, then closes the server. It returns
// early, with the reason, when one of them fails.
//
// An orderly stop is the caller's to order: StopAccepting; flush what was
// accepted, while the admin listener still answers; then end ctx.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve(s.events, s.eventsListener, "events") })
	g.Go(func() error { return serve(s.admin, s.adminListener, "administration") })
	g.Go(func() error {
		<-ctx.Done()
		return s.Close()
	})
	return g.Wait()
}

func serve(srv *http.Server, l net.Listener, what string) error {
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", what, err)
	}
	return nil
}

// StopAccepting makes the server not ready at once, refuses new connections for
// events and returns when the requests in flight have been answered. When ctx
// ends first, their connections are closed and the error says so; whatever they
// had committed stays committed. The admin listener is not affected.
func (s *Server) StopAccepting(ctx context.Context) error {
	s.stopping.Store(true)
	if err := s.events.Shutdown(ctx); err != nil {
		return fmt.Errorf("wait for the requests in flight: %w", errors.Join(err, s.events.Close()))
	}
	return nil
}

// Close closes both listeners and every connection. It may be called at any time
// and more than once.
func (s *Server) Close() error {
	s.stopping.Store(true)
	err := errors.Join(s.events.Close(), s.admin.Close())
	// A listener that was never served is not known to its http.Server.
	for _, l := range []net.Listener{s.eventsListener, s.adminListener} {
		if e := l.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return fmt.Errorf("close the listeners: %w", err)
	}
	return nil
}
