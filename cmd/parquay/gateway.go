// The running gateway: opened from the bucket towards the listeners, stopped the
// other way round.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"parquay/buffer"
	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/schema"
	"parquay/server"
	"parquay/server/tenants"
	"parquay/writer"
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
	buffer   *buffer.Buffer
}

// openGateway opens what the settings name, and nothing if that fails. Of what is
// shared, the journal comes first, because its lock is what keeps a second process away from the spool
// and the rest; the listeners come last, when everything behind them works.
func openGateway(ctx context.Context, s Settings, tables []*schema.Table, fsys vfs.FS, log *slog.Logger) (*gateway, error) {
	registry := newRegistry()
	who, err := openTenants(s, registry, log)
	if err != nil {
		return nil, err
	}
	incarnation := journal.NewIncarnation()
	dir := filepath.Join(s.Dir, "journal")
	disk, err := journal.OpenDisk(fsys, dir, incarnation, journal.Options{})
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	warnOfDisk(dir, disk, log)
	w, err := openWriter(ctx, s, tables, fsys, registry, log)
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	b, err := buffer.Open(buffer.Config{
		Medium: disk, Incarnation: incarnation, Files: files{w}, Tables: tables,
		Volatile:      s.Ack == "memory",
		FlushInterval: s.FlushInterval,
		WindowBytes:   int64(s.WindowBytes), FileRows: s.FileRows,
		Memory: int64(s.Memory / 2), RingBytes: int64(s.RingBytes), JournalLimit: int64(s.JournalLimit),
		Encoders: s.encoders(), Uploads: putsInFlight,
		Logger: log, Metrics: buffer.NewMetrics(registry),
	})
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	url, err := s.bucketURL()
	if err != nil {
		return nil, errors.Join(err, b.Close())
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
		Intake: failpointIntake(intake{b}), Ready: b.Ready,
		Receipts: receipts{b, strings.TrimSuffix(url, "/")}, Accounts: accounts(b),
		Logger: log, Metrics: server.NewMetrics(registry), Gatherer: registry,
	})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &gateway{settings: s, log: log, registry: registry, tenants: who, server: srv, buffer: b}, nil
}

// How PARQUAY_MEMORY is shared out: half of it holds bodies and batches (the
// buffer's budget), an eighth holds finished files on their way to the bucket, and
// the rest is for encoders, whose scratch memory is about three times a row group,
// and for the runtime.
const (
	encoderMemory = 128 << 20 // of the whole, for each encoder
	memoryFile    = 4 << 20   // a larger file is spooled: most tenants' files are smaller
	putsInFlight  = 32        // puts at a time: enough for a bucket a second away, and few connections
)

func (s *Settings) encoders() int {
	return max(1, min(runtime.GOMAXPROCS(0), int(s.Memory/encoderMemory)))
}

// openWriter opens the bucket and the spool.
func openWriter(ctx context.Context, s Settings, tables []*schema.Table, fsys vfs.FS, r prometheus.Registerer, log *slog.Logger) (*writer.Writer, error) {
	bucket, err := s.openBucket(ctx, fsys)
	if err != nil {
		return nil, err
	}
	w, err := writer.New(writer.Config{
		FS: fsys, SpoolDir: filepath.Join(s.Dir, "spool"),
		Putter:   writer.NewPutter(failpointBucket(bucket), putsInFlight, log, writer.NewPutMetrics(r)),
		Encoders: s.encoders(), MemoryFile: memoryFile, Memory: int64(s.Memory / 8),
		Version: buildVersion(), Logger: log, Metrics: writer.NewMetrics(r, tables...),
	})
	if err != nil {
		return nil, fmt.Errorf("open the writer: %w", err)
	}
	return w, nil
}

// warnOfDisk says what about the journal's place may cost somebody their events.
func warnOfDisk(dir string, disk *journal.Disk, log *slog.Logger) {
	if kind, err := vfs.Kind(dir); err != nil {
		log.Warn("the journal's file system can't be told", "error", err)
	} else if caution := vfs.Caution(kind); caution != "" {
		log.Warn("the journal is on a file system that may lose it", "directory", dir, "kind", kind, "reason", caution)
	}
	if unknown := disk.Unknown(); len(unknown) > 0 {
		log.Warn("files that are not the journal's lie in its directory", "directory", dir, "files", unknown)
	}
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
	go func() { ended <- errors.Join(group.Wait(), g.buffer.Close()) }()
	select {
	case err := <-ended:
		if errors.Is(err, buffer.ErrFailed) {
			return fmt.Errorf("%w: %w", errJournal, err)
		}
		return err
	case <-time.After(stopGrace):
		return errors.New("a disk or a connection does not answer: stopped without waiting for it")
	}
}

// openBucket opens the bucket for serve and verify.
func (s *Settings) openBucket(ctx context.Context, fsys vfs.FS) (writer.Bucket, error) {
	url, err := s.bucketURL()
	if err != nil {
		return nil, fmt.Errorf("PARQUAY_BUCKET: %w", err)
	}
	bucket, err := writer.OpenBucket(ctx, url, fsys, writer.S3Options{
		Endpoint: s.S3Endpoint, PathStyle: s.S3PathStyle, Checksum: s.S3Checksum, Conditional: s.S3Conditional,
	})
	if err != nil {
		return nil, fmt.Errorf("open the bucket: %w", err)
	}
	return bucket, nil
}
