// Package buffer makes batches durable and hands them to the files: admission,
// the committer and its windows, a ring for each tenant, drainers and recovery.
//
// A request reserves memory before its body is read (Reserve), and Commit
// answers when its batches are in the journal. The committer, the only goroutine
// that writes the journal, then pushes them into their tenants' rings. Drainers
// encode full row groups early and everything else when the window ends; a window
// whose files are all in the bucket is deleted from the journal. A window that an
// earlier process left behind takes the same road from the rings on (I2).
package buffer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"parquay/buffer/journal"
	"parquay/schema"
)

// Config is what a Buffer needs. Zero values take the defaults named here.
type Config struct {
	Medium      journal.Medium      // the journal; the buffer closes it
	Incarnation journal.Incarnation // of this process
	Files       Files               // where rows go
	Tables      []*schema.Table     // every table that batches may belong to

	Volatile      bool          // answer after the ring, without waiting for a sync (ack=memory)
	FlushInterval time.Duration // age of a window; divides an hour; default 1m
	WindowBytes   int64         // journal bytes at which a window ends; default 1 GiB
	FileRows      int           // rows at which a file is cut; default 2,000,000
	Memory        int64         // bytes of bodies and batches held at a time; default 256 MiB
	RingBytes     int64         // one tenant's share of Memory; default half of it
	JournalLimit  int64         // bytes of journal at which admission stops; default 10 GiB
	MinFree       int64         // bytes of disk kept free for the spool; default 256 MiB
	Backlog       int           // files that may be on their way to the bucket, a kilobyte or two each; default 20,000

	Encoders int // row groups encoded at a time; default GOMAXPROCS
	Uploads  int // files put at a time, those that wait to be tried again included; default 512
	// TenantUploads is how many of those may be of one tenant; default 24.
	TenantUploads int

	Now     func() time.Time // the wall clock; default time.Now
	Logger  *slog.Logger
	Metrics *Metrics
}

// Row groups hold at most groupRows rows. Their bytes are bounded too, by
// groupBytes or an eighth of the memory, whichever is less.
const (
	groupRows  = 128 << 10
	groupBytes = 64 << 20
)

// maxPendingWindows bounds the windows that wait for a store that is down: at a
// window a minute it is a week. Beyond it admission stops, as at JournalLimit.
const maxPendingWindows = 10_000

// traceShare is the part of the memory that traces may take, beside it: at the
// default memory an hour of one busy tenant, or some minutes of thousands.
const traceShare = 32

// Buffer holds what is durable and not yet in files. Its methods are safe for
// concurrent use.
type Buffer struct {
	cfg        Config
	log        *slog.Logger
	metrics    *Metrics
	budget     budget
	tenants    tenants
	accounts   accounts
	traces     traces
	disk       diskGauge
	committer  *committer
	commits    sync.Pool // of *commit, whose done is empty
	replayer   *replayer
	work       *queue[job]
	uploads    *uploads
	groupBytes int64 // at which a row group is encoded
	drainBytes int64 // pushed to a tenant, at which its ring is drained

	stopping atomic.Bool
	failure  atomic.Pointer[error] // why the journal failed (I5)
	failed   chan struct{}         // closed when it did, after the last window was ended
	ended    chan struct{}         // closed when Run has

	files    atomic.Int64        // begun and not yet put or given up
	shedding atomic.Int64        // tenants that were asked to make room and have not yet
	loading  *semaphore.Weighted // bytes read back from the journal, to be encoded

	pendingCount atomic.Int64

	mu struct {
		sync.Mutex
		pending map[journal.WindowID]*unfinished
		waiters []waiter
	}
}

// Open takes over the journal and lists the windows that earlier processes left
// in it. Nothing moves until Run.
func Open(cfg Config) (*Buffer, error) {
	cfg = cfg.withDefaults()
	if time.Hour%cfg.FlushInterval != 0 {
		return nil, fmt.Errorf("flush interval %v does not divide an hour", cfg.FlushInterval)
	}
	b := &Buffer{
		cfg:        cfg,
		log:        cfg.Logger,
		metrics:    cfg.Metrics,
		work:       newQueue[job](),
		uploads:    newUploads(cfg.TenantUploads),
		groupBytes: min(groupBytes, cfg.Memory/8),
		failed:     make(chan struct{}),
		ended:      make(chan struct{}),
	}
	b.drainBytes = min(b.groupBytes, cfg.RingBytes/8)
	b.loading = semaphore.NewWeighted(cfg.Memory / loadShare)
	b.budget.init(cfg.Memory)
	b.tenants.init()
	b.accounts.init()
	b.traces.init(cfg.Memory / traceShare)
	b.mu.pending = map[journal.WindowID]*unfinished{}
	b.committer = newCommitter(b)
	b.commits.New = func() any { return &commit{done: make(chan error, 1)} }

	left, err := cfg.Medium.Windows()
	if err != nil {
		return nil, fmt.Errorf("list the journal's windows: %w", err)
	}
	b.replayer = newReplayer(b, left)
	for _, id := range left {
		b.begin(id, cfg.Now())
	}
	b.metrics.watch(b)
	if len(left) > 0 {
		b.log.Info("recovering windows of an earlier process", "windows", len(left), "bytes", cfg.Medium.Usage())
	}
	return b, nil
}

func (cfg Config) withDefaults() Config {
	set := func(v *int64, def int64) {
		if *v == 0 {
			*v = def
		}
	}
	set(&cfg.WindowBytes, 1<<30)
	set(&cfg.Memory, 256<<20)
	set(&cfg.RingBytes, cfg.Memory/2)
	set(&cfg.JournalLimit, 10<<30)
	set(&cfg.MinFree, 256<<20)
	set((*int64)(&cfg.FlushInterval), int64(time.Minute))
	if cfg.FileRows == 0 {
		cfg.FileRows = 2_000_000
	}
	if cfg.Backlog == 0 {
		cfg.Backlog = 20_000
	}
	if cfg.Encoders == 0 {
		cfg.Encoders = runtime.GOMAXPROCS(0)
	}
	if cfg.Uploads == 0 {
		cfg.Uploads = 512
	}
	if cfg.TenantUploads == 0 {
		cfg.TenantUploads = 24
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	return cfg
}

// Run works until ctx ends. Its end is abrupt: what has not reached the bucket
// stays in the journal for the next start. Call Drain first to leave nothing.
//
// Run returns early when the journal has failed and all that it acknowledged
// before is in the bucket: the error wraps ErrFailed, and no batch was
// acknowledged after the failure (I5).
func (b *Buffer) Run(ctx context.Context) error {
	defer close(b.ended)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)

	g.Go(func() error { return b.committer.run(ctx) })
	g.Go(func() error { return b.replayer.run(ctx) })
	for range b.cfg.Encoders {
		g.Go(func() error { return b.encode(ctx) })
	}
	for range b.cfg.Uploads {
		g.Go(func() error { return b.upload(ctx) })
	}
	g.Go(func() error { return b.watchFailure(ctx) })
	g.Go(func() error { // wakes the workers at the end
		<-ctx.Done()
		b.work.close()
		b.uploads.close()
		return nil
	})
	return g.Wait()
}

// watchFailure ends Run when the journal has failed, once all that this process has
// acknowledged is flushed, however long the bucket takes: the disk that failed may
// not give it back. Windows of earlier processes are left to the next one.
func (b *Buffer) watchFailure(ctx context.Context) error {
	select {
	case <-b.failed:
	case <-ctx.Done():
		return nil
	}
	b.hurry()
	select {
	case <-b.nonePending(b.own):
	case <-ctx.Done():
	}
	return *b.failure.Load()
}

// Drain stops admission, commits what waits, ends the window, tries at once what
// has failed before, and returns when everything is in the bucket, or when ctx
// ends: then what is left stays in the journal, and the error says how much. Run
// must be running; when it ends first, so does Drain.
func (b *Buffer) Drain(ctx context.Context) error {
	b.stopping.Store(true)
	b.committer.drain()
	if err := b.waitFor(ctx, b.committer.done); err != nil {
		return fmt.Errorf("commit what waits: %w", err)
	}
	b.hurry()
	err := b.waitFor(ctx, b.nonePending(every))
	if windows, _ := b.Pending(); windows > 0 {
		return fmt.Errorf("%d windows (%d bytes) stay in the journal for the next start: %w",
			windows, b.cfg.Medium.Usage(), err)
	}
	return nil
}

// hurry has nothing wait for long any more that has failed.
func (b *Buffer) hurry() {
	b.replayer.hurry()
	b.cfg.Files.Hurry()
}

// waitFor waits for something that Run does.
func (b *Buffer) waitFor(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-b.ended:
		return errors.New("the buffer does not run any more")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close releases the journal. Run must have returned.
func (b *Buffer) Close() error {
	b.discard()
	if err := b.cfg.Medium.Close(); err != nil {
		return fmt.Errorf("close the journal: %w", err)
	}
	return nil
}

// Ready is nil while batches can be committed, and says why they can't be.
func (b *Buffer) Ready() error {
	switch {
	case b.failure.Load() != nil:
		return *b.failure.Load()
	case b.stopping.Load():
		return ErrStopping
	case b.committer.stalled(b.cfg.Now()):
		return errors.New("the journal's last sync has not returned for more than 10 s")
	}
	return b.room()
}
