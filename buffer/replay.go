// Replay: windows that are in the journal and not in memory, because an earlier
// process left them or because their flush failed, go through the rings again.

package buffer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"parquay/buffer/journal"
	"parquay/schema"
)

// replayed is durable batches on their way from the journal to the rings.
type replayed struct {
	window *window
	batch  *schema.Batch // nil: the window ends
	frame  uint64        // that holds the batch
}

// replay pushes a batch that the replayer has read. The committer does it since
// it is the rings' one producer.
func (c *committer) replay(r replayed) {
	if r.batch == nil {
		r.window.end()
		return
	}
	t := c.b.tenants.pin(c.b, r.batch.Tenant)
	r.window.push(t, entry{batch: r.batch, window: r.window, frame: r.frame})
	t.unpin()
}

// Backoff of a window whose replay failed.
const (
	retryFirst = time.Second
	retryMost  = time.Minute
	roomEvery  = 100 * time.Millisecond // looks for room
)

// looks is how often a window is read, over half a minute or more, until bytes that
// the disk does not give back count as lost, and the others are flushed without them.
const looks = 6

// replayer replays one window at a time, oldest first, beside the live ones.
type replayer struct {
	b         *Buffer
	wake      chan struct{}
	recovered map[journal.WindowID]map[string]int64 // run's: rows that are in their tenants' accounts, of windows under way
	mu        struct {
		sync.Mutex
		windows []retry
	}
}

type retry struct {
	id       journal.WindowID
	failures int
	after    time.Time // not before
}

func newReplayer(b *Buffer, left []journal.WindowID) *replayer {
	r := &replayer{b: b, wake: make(chan struct{}, 1), recovered: map[journal.WindowID]map[string]int64{}}
	for _, id := range left {
		r.mu.windows = append(r.mu.windows, retry{id: id})
	}
	return r
}

// retry adds a window whose flush has failed, to be replayed after a while.
func (r *replayer) retry(id journal.WindowID, failures int) {
	wait := min(retryFirst<<min(failures, 10), retryMost)
	r.mu.Lock()
	r.mu.windows = append(r.mu.windows, retry{
		id: id, failures: failures + 1, after: time.Now().Add(wait/2 + rand.N(wait/2)),
	})
	r.mu.Unlock()
	signal(r.wake)
}

// hurry has no window wait any longer after its failures.
func (r *replayer) hurry() {
	r.mu.Lock()
	for i, w := range r.mu.windows {
		r.mu.windows[i] = retry{id: w.id}
	}
	r.mu.Unlock()
	signal(r.wake)
}

func (r *replayer) run(ctx context.Context) error {
	for {
		next, err := r.next(ctx)
		if err != nil {
			return nil // the process stops
		}
		if err := r.room(ctx); err != nil {
			return nil
		}
		r.b.budget.replaying.Store(true)
		err = r.replay(ctx, next)
		r.b.budget.replaying.Store(false)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errBacklog):
			r.b.postpone(next.id, err)
		case err != nil:
			r.b.flushFailed(next.id, err)
			r.retry(next.id, next.failures)
		}
	}
}

// room waits until no more than half of the files are on their way that may be: a
// window that has to be given up again would be encoded for nothing.
func (r *replayer) room(ctx context.Context) error {
	for r.b.files.Load() > int64(r.b.cfg.Backlog/2) {
		select {
		case <-time.After(roomEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// next waits for a window whose time has come.
func (r *replayer) next(ctx context.Context) (retry, error) {
	for {
		wait := time.Duration(1<<63 - 1)
		r.mu.Lock()
		for i, w := range r.mu.windows {
			due := time.Until(w.after)
			if due <= 0 {
				r.mu.windows = slices.Delete(r.mu.windows, i, i+1)
				r.mu.Unlock()
				return w, nil
			}
			wait = min(wait, due)
		}
		r.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-r.wake:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return retry{}, ctx.Err()
		}
		timer.Stop()
	}
}

// replay puts all of a window into the bucket, then deletes it. It takes as many
// passes over the journal as keep the memory in bounds, nearly always one.
func (r *replayer) replay(ctx context.Context, next retry) error {
	id := next.id
	p, err := r.plan(id)
	if errors.Is(err, journal.ErrCorrupt) {
		r.b.log.Error("a window of the journal can't be read; it is kept in quarantine",
			"window", id.String(), "error", err)
		r.b.metrics.Corrupt.Inc()
		r.b.quarantine(id)
		return nil
	}
	if err != nil {
		return err
	}
	if next.failures < looks && slices.ContainsFunc(p.damage, func(d journal.Damage) bool { return d.Unread }) {
		return fmt.Errorf("the journal can't be read: %v", p.damage)
	}
	r.meet(p)
	flushed := int64(0)
	var parts []*window
	for _, pass := range p.passes {
		w, err := r.pass(ctx, p, pass)
		if err != nil {
			return err
		}
		flushed += w.rows
		parts = append(parts, w)
	}
	if flushed != p.rows {
		return fmt.Errorf("read %d rows from the journal first and %d then", p.rows, flushed)
	}
	r.b.book(id, parts...)
	delete(r.recovered, id)
	r.b.metrics.Recovered.Add(float64(p.rows))
	r.b.log.Info("recovered a window", "window", id.String(), "rows", p.rows, "passes", len(p.passes))
	if len(p.damage) > 0 {
		r.b.log.Error("the journal is damaged; what could be read is in the bucket and the window is kept in quarantine",
			"window", id.String(), "damage", p.damage)
		r.b.metrics.Corrupt.Inc()
		r.b.quarantine(id)
		return nil
	}
	r.b.delete(id)
	return nil
}

// meet makes known what a first look at a window has found. A later look may find
// more: a disk can give back what it has refused before.
func (r *replayer) meet(p *plan) {
	r.b.begin(p.id, p.header.Opened)
	r.b.traces.adopt(p.id, p.trace)
	if r.b.own(p.id) {
		return // its rows were counted when they were accepted
	}
	counted := r.recovered[p.id]
	if counted == nil {
		counted = map[string]int64{}
		r.recovered[p.id] = counted
	}
	for tenant, rows := range p.shares {
		if more := rows - counted[tenant]; more > 0 {
			r.b.accounts.of(tenant).recover(more)
			counted[tenant] = rows
		}
	}
}

// errAnother is why nothing is put of a window whose second reading is not the first:
// the next one could find more rows, and the names would be taken (I3).
var errAnother = errors.New("the journal was read with other damage before")

// pass sends the batches of some partitions through the rings and waits until
// their files are in the bucket.
func (r *replayer) pass(ctx context.Context, p *plan, parts map[part]bool) (*window, error) {
	reader, err := r.b.cfg.Medium.Open(p.id)
	if err != nil {
		return nil, fmt.Errorf("open a window of the journal: %w", err)
	}
	defer reader.Close()

	done := make(chan struct{})
	w := newWindow(p.id, int(p.header.FileRows), func(*window) { close(done) })
	w.replayed = true
	err = eachBatch(reader, func(frame uint64, b journal.Batch) error {
		if found := reader.Damage(); len(found) > len(p.damage) {
			return errAnother
		}
		if !parts[part{b.Table, b.Tenant, b.Hour}] {
			return nil
		}
		batch := &schema.Batch{
			Table: p.tables[b.Table], Tenant: b.Tenant, Hour: b.Hour, Rows: b.Rows, Bytes: slices.Clone(b.Bytes),
		}
		if err := r.b.budget.wait(ctx, cost(batch)); err != nil {
			return err
		}
		return r.send(ctx, replayed{window: w, batch: batch, frame: frame})
	})
	if err == nil && !slices.Equal(reader.Damage(), p.damage) {
		err = errAnother
	}
	if err != nil {
		w.fail(err)
	}
	if err := r.send(ctx, replayed{window: w}); err != nil {
		return nil, err
	}
	select {
	case <-done:
		w.arrivals.all(p.header.Opened, w.rows)
		return w, w.settle()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *replayer) send(ctx context.Context, batch replayed) error {
	select {
	case r.b.committer.replays <- batch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
