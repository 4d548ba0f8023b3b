// The running gateway: opened from the bucket towards the listeners, stopped the
// other way round.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"parquay/buffer"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
	"parquay/server"
	"parquay/server/tenants"
)

// stopGrace is how long the end of everything may take after the last flush. Only
// a disk or a connection that does not answer needs it.
const stopGrace = 5 * time.Second

// gateway is everything between the listeners and the bucket.
type gateway struct {
	settings Settings
	log      *slog.Logger
	registry *prometheus.Registry
	tenants  *tenants.Registry // nil where no credentials are asked for
	server   *server.Server
	*pipeline
}

// openGateway opens what the settings name, and nothing if that fails. The
// listeners come last, when everything behind them works.
func openGateway(ctx context.Context, s Settings, tables []*schema.Table, fsys vfs.FS, log *slog.Logger) (*gateway, error) {
	registry := newRegistry()
	who, err := openTenants(s, registry, log)
	if err != nil {
		return nil, err
	}
	p, err := openPipeline(ctx, s, tables, fsys, registry, log)
	if err != nil {
		return nil, err
	}
	url, err := s.bucketURL()
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	srv, err := server.New(server.Config{
		Listen: s.Listen, AdminListen: s.AdminListen, Insecure: s.Insecure, AdminInsecure: s.AdminInsecure,
		TLS: s.tlsFiles(), MaxConnections: s.MaxConnections,
		TrustedProxies: s.TrustedProxies, CORSOrigins: s.CORSOrigins, Tenants: who,
		Tables:  tables,
		Limits:  schema.Limits{MaxEvent: int(s.MaxEvent), Late: s.Late, Early: s.Early},
		MaxBody: int64(s.MaxBody), MaxDecoded: int64(s.MaxDecoded),
		IdempotencyWindow: s.IdempotencyWindow, IdempotencyKeys: s.IdempotencyKeys,
		Ack:    s.Ack,
		Intake: failpointIntake(intake{p.buffer}), Ready: p.buffer.Ready,
		Receipts: receipts{p.buffer, strings.TrimSuffix(url, "/")}, Accounts: accounts(p.buffer), Incarnation: p.incarnation.String(),
		Logger: log, Metrics: server.NewMetrics(registry), Gatherer: registry,
	})
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &gateway{settings: s, log: log, registry: registry, tenants: who, server: srv, pipeline: p}, nil
}

// run serves until a signal comes or something fails, and then stops in order.
// Its error is nil after a stop by signal. The end of ctx is like a second signal.
// One of reloads makes it read again what may change while it runs.
func (g *gateway) run(ctx context.Context, signals, reloads <-chan os.Signal) error {
	ctx, abort := context.WithCancel(ctx)
	defer abort()
	group, failed := errgroup.WithContext(ctx)
	buffering := make(chan struct{}) // closed when the buffer has ended
	group.Go(func() error { defer close(buffering); return g.buffer.Run(ctx) })
	group.Go(func() error { return g.check.run(ctx) })
	group.Go(func() error { return g.server.Run(ctx) })
	group.Go(func() error { g.reloadOn(ctx, reloads); return nil })
	if g.tenants != nil {
		group.Go(func() error { return g.tenants.Run(ctx) })
	}

	select {
	case signal := <-signals:
		g.log.Info("stopping", "signal", signal.String(), "within", g.settings.Shutdown.String())
	case <-failed.Done():
		g.log.Error("stopping, because a part has failed", "error", context.Cause(failed))
	}
	g.drain(ctx, signals, buffering)
	abort()
	return g.end(group)
}

// drain stops upstream first: no new requests, those under way answered, the
// window ended, its files put. It returns at the deadline or at a second signal,
// and then what is left stays in the journal.
func (g *gateway) drain(ctx context.Context, signals <-chan os.Signal, buffering <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, g.settings.Shutdown)
	defer cancel()
	go func() {
		select {
		case <-signals:
			g.log.Warn("stopping at once, because of a second signal")
			cancel()
		case <-ctx.Done():
		}
	}()
	// Slow clients get half of the time, so that they don't take it from the flush.
	answering, cut := context.WithTimeout(ctx, g.settings.Shutdown/2)
	defer cut()
	if err := g.server.StopAccepting(answering); err != nil {
		g.log.Warn("requests were cut off without an answer", "error", err)
	}
	select {
	case <-buffering: // it has failed, and has flushed what it could
		return
	default:
	}
	if err := g.buffer.Drain(ctx); err != nil {
		g.log.Warn("stopped with events left in the journal; the next start puts them into the bucket", "error", err)
		return
	}
	g.log.Info("stopped: every accepted event is in the bucket")
}

// end waits for everything to return, and closes the journal.
func (g *gateway) end(group *errgroup.Group) error {
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(group.Wait(), g.Close()) }()
	var err error
	select {
	case err = <-ended:
	case <-time.After(stopGrace):
		err = errors.New("a disk or a connection does not answer: stopped without waiting for it")
	}
	if journal := g.buffer.Ready(); errors.Is(journal, buffer.ErrFailed) && !errors.Is(err, buffer.ErrFailed) {
		// Something else ended it: the disk or the bucket that it was to flush to.
		err = errors.Join(journal, err)
	}
	if errors.Is(err, buffer.ErrFailed) {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	return err
}
