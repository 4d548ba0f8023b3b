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
	"net"
	"net/http"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"parquay/server/idempotency"
	"parquay/server/openapi"
	"parquay/server/tenants"
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

	description *openapi.Description

	everybody *tenants.Tenant // where no credentials are asked for
	failures  *failures
	proxies   proxies
	origins   *http.CrossOriginProtection // nil: scripts of any site may post
	further   atomic.Int64                // requests beside the first of their connection

	keys *idempotency.Store[remembered]

	durability []string // the value of Parquay-Durability

	events, admin                 *http.Server
	eventsListener, adminListener net.Listener

	certificates *certificates // nil without TLS

	stopping atomic.Bool
	stopped  chan struct{} // closed with stopping
}

// New checks cfg and opens both listeners, so that an address with port 0 is
// known (Addr, AdminAddr) before Run. Close releases them.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure the server: %w", err)
	}
	s := &Server{
		cfg:       cfg,
		log:       newAccessLog(cfg.Logger, cfg.TrustedProxies),
		metrics:   cfg.Metrics,
		inflaters: newInflaters(),

		durability: []string{cfg.Ack},
		stopped:    make(chan struct{}),

		everybody: tenants.Unlimited(DefaultTenant),
		failures:  newFailures(),
		proxies:   cfg.TrustedProxies,

		keys: idempotency.New[remembered](idempotency.Options{Window: cfg.IdempotencyWindow, Keys: cfg.IdempotencyKeys}),
	}
	s.metrics.watch(s)
	var err error
	if s.origins, err = newOrigins(cfg.CORSOrigins); err != nil {
		return nil, err
	}
	s.endpoints, s.names = newEndpoints(cfg)
	s.description = newDescription(cfg, s.endpoints)
	s.events, s.admin = s.newEventServer(), s.newHTTPServer(s.adminRoutes())
	if err := s.openTLS(); err != nil {
		return nil, err
	}
	if err := s.openListeners(); err != nil {
		return nil, err
	}
	return s, nil
}

// openTLS reads the certificate, where there is one.
func (s *Server) openTLS() (err error) {
	if s.cfg.TLS == nil {
		return nil
	}
	s.certificates, err = openCertificates(*s.cfg.TLS, s.cfg.Logger, s.metrics.gate)
	if err != nil {
		return fmt.Errorf("open TLS (PARQUAY_TLS_CERT): %w", err)
	}
	s.events.TLSConfig = s.certificates.config()
	return nil
}

// openListeners opens both, or none.
func (s *Server) openListeners() error {
	cfg := &s.cfg
	asked := cfg.Tenants != nil || (cfg.TLS != nil && cfg.TLS.ClientCA != "") // who they are
	events, err := listen(cfg.Listen, "events (PARQUAY_LISTEN)", asked || cfg.Insecure, "PARQUAY_INSECURE")
	if err != nil {
		return err
	}
	s.eventsListener = limitConnections(events, cfg.MaxConnections, s.metrics.gate)
	// An open admin listener would show anybody's heap: no credential covers it.
	admin, err := listen(cfg.AdminListen, "administration (PARQUAY_ADMIN_LISTEN)", cfg.AdminInsecure, "PARQUAY_ADMIN_INSECURE")
	if err != nil {
		return errors.Join(err, events.Close())
	}
	s.adminListener = admin
	return nil
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
	if s.certificates != nil {
		g.Go(func() error { s.certificates.run(ctx); return nil })
	}
	g.Go(func() error {
		<-ctx.Done()
		return s.Close()
	})
	return g.Wait()
}

// Reload reads the TLS files now, if there are any. With its error the last good
// ones stay in use.
func (s *Server) Reload() error {
	if s.certificates == nil {
		return nil
	}
	_, err := s.certificates.reload()
	return err
}

func serve(srv *http.Server, l net.Listener, what string) error {
	start := srv.Serve
	if srv.TLSConfig != nil {
		start = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
	}
	if err := start(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", what, err)
	}
	return nil
}

// StopAccepting makes the server not ready at once, refuses new connections for
// events and returns when the requests in flight have been answered. When ctx
// ends first, their connections are closed and the error says so; whatever they
// had committed stays committed. The admin listener is not affected.
func (s *Server) StopAccepting(ctx context.Context) error {
	s.stop()
	if err := s.events.Shutdown(ctx); err != nil {
		return fmt.Errorf("wait for the requests in flight: %w", errors.Join(err, s.events.Close()))
	}
	return nil
}

// stop makes the server not ready, and lets nobody wait for the bucket any longer.
func (s *Server) stop() {
	if !s.stopping.Swap(true) {
		close(s.stopped)
	}
}

// Close closes both listeners and every connection. It may be called at any time
// and more than once.
func (s *Server) Close() error {
	s.stop()
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
