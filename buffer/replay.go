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
	batch  *schema.Batch // nil: the pass ends
	frame  uint64        // that holds the batch
	last   bool          // with the pass the window ends
}

// replay pushes a batch that the replayer has read. The committer does it since
// it is the rings' one producer.
func (c *committer) replay(r replayed) {
	switch {
	case r.last:
		r.window.end()
		return
	case r.batch == nil:
		r.window.endPass()
		return
	}
	t := c.b.tenants.pin(c.b, r.batch.Tenant)
	r.window.push(t, entry{batch: r.batch, window: r.window, frame: r.frame})
	t.unpin()
}

// Backoff of a window whose replay failed.
const (
	retryFirst   = time.Second
	retryMost    = time.Minute
	retryHurried = 5 * time.Second        // at most, from hurry on
	roomEvery    = 100 * time.Millisecond // looks for room
)

// looks is how often a window is read, over half a minute or more, until bytes that
// the disk does not give back count as lost, and the others are flushed without them.
const looks = 6

// replayer replays windows, oldest first, beside the live ones. It reads one at a time,
// and goes on to the next once that is encoded, while its files may wait for the bucket:
// they may be one tenant's alone, which the others have nothing to do with (I8).
type replayer struct {
	b    *Buffer
	wake chan struct{}
	mu   struct {
		sync.Mutex
		windows   []retry
		hurried   bool
		recovered map[journal.WindowID]map[string]int64 // rows that are in their tenants' accounts, of windows under way
	}
}

type retry struct {
	id       journal.WindowID
	failures int       // one after the other
	unread   int       // readings that did not get all of it
	damaged  bool      // files were begun without rows that it had, and their names are taken
	after    time.Time // not before
}

func newReplayer(b *Buffer, left []journal.WindowID) *replayer {
	r := &replayer{b: b, wake: make(chan struct{}, 1)}
	r.mu.recovered = map[journal.WindowID]map[string]int64{}
	for _, id := range left {
		r.mu.windows = append(r.mu.windows, retry{id: id})
	}
	return r
}

// retry adds a window whose flush has failed, to be replayed after a while.
func (r *replayer) retry(w retry) {
	wait := r.backoff(w)
	w.failures++
	r.mu.Lock()
	w.after = time.Now().Add(wait/2 + rand.N(wait/2))
	r.mu.windows = append(r.mu.windows, w)
	r.mu.Unlock()
	signal(r.wake)
}

// backoff is how long a window waits at most when it fails once more.
func (r *replayer) backoff(w retry) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	wait := min(retryFirst<<min(w.failures, 10), retryMost)
	if r.mu.hurried {
		wait = min(wait, retryHurried)
	}
	return wait
}

// hurry has no window wait any longer after its failures, and from now on none for long.
func (r *replayer) hurry() {
	r.mu.Lock()
	r.mu.hurried = true
	for i := range r.mu.windows {
		w := &r.mu.windows[i]
		w.failures, w.after = 0, time.Time{}
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
		err = r.replay(ctx, next)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.failed(next, err)
		}
	}
}

// failed has a window replayed again.
func (r *replayer) failed(w retry, err error) {
	if errors.Is(err, errBacklog) {
		w.failures = 0
		r.b.postpone(w, err)
		return
	}
	r.b.flushFailed(w.id, err)
	r.retry(w)
}

// room waits until no more than half of the files are on their way that may be: a
// pass that has to be given up again would be encoded for nothing.
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

// replay reads a window and sends it through the rings; finish is called when all of it
// is in the bucket, or its flush has failed. It takes as many passes over the journal as
// keep the memory in bounds, nearly always one. An error is one from before the sending.
func (r *replayer) replay(ctx context.Context, next retry) error {
	if err := r.room(ctx); err != nil {
		return err
	}
	p, err := r.plan(next)
	if errors.Is(err, journal.ErrCorrupt) {
		r.b.log.Error("a window of the journal can't be read; it is kept in quarantine",
			"window", next.id.String(), "error", err)
		r.b.metrics.Corrupt.Inc()
		r.forget(next.id)
		r.b.quarantine(next.id)
		return nil
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(p.damage, func(d journal.Damage) bool { return d.Unread }) {
		if next.unread++; next.unread <= looks {
			r.failed(next, fmt.Errorf("the journal can't be read: %v", p.damage))
			return nil
		}
	}
	if len(p.damage) > 0 && !next.damaged {
		// A later reading may find the window whole, and the names of its files taken.
		if err := r.b.cfg.Medium.Keep(next.id); err != nil {
			return err
		}
		r.b.log.Error("the journal is damaged; what can be read goes into the bucket and the window is kept in quarantine",
			"window", next.id.String(), "damage", p.damage)
		r.b.metrics.Corrupt.Inc()
		next.damaged = true
	}
	p.retry = next
	r.meet(p)
	end := p.recovery
	w := newWindow(next.id, int(p.header.FileRows), func(w *window) { r.finish(end, w) })
	w.replayed, w.patience = true, r.backoff(next)
	if err := r.passes(ctx, p, w); err != nil {
		w.fail(stopped(ctx, err))
	}
	return r.send(ctx, replayed{window: w, last: true})
}

// finish is what becomes of a replayed window when its flush is over.
func (r *replayer) finish(end recovery, w *window) {
	err := w.settle()
	if err == nil && w.rows != end.rows {
		err = fmt.Errorf("%d rows are in the bucket, and the journal holds %d", w.rows, end.rows)
	}
	switch {
	case errors.Is(err, errStopped):
		return // the journal has it
	case err != nil:
		r.failed(end.retry, err)
		return
	}
	w.arrivals.all(end.opened, w.rows)
	r.b.book(w)
	r.forget(w.id)
	r.b.metrics.Recovered.Add(float64(w.rows))
	r.b.log.Info("recovered a window", "window", w.id.String(), "rows", w.rows)
	if end.retry.damaged {
		r.b.quarantine(w.id)
		return
	}
	r.b.delete(w.id)
}

// meet makes known what a first look at a window has found. A later look may find
// more: a disk can give back what it has refused before.
func (r *replayer) meet(p *plan) {
	r.b.begin(p.retry.id, p.opened)
	r.b.traces.adopt(p.retry.id, p.trace)
	if r.b.own(p.retry.id) {
		return // its rows were counted when they were accepted
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	counted := r.mu.recovered[p.retry.id]
	if counted == nil {
		counted = map[string]int64{}
		r.mu.recovered[p.retry.id] = counted
	}
	for tenant, rows := range p.shares {
		if more := rows - counted[tenant]; more > 0 {
			r.b.accounts.of(tenant).recover(more)
			counted[tenant] = rows
		}
	}
}

// forget drops what meet has counted of a window.
func (r *replayer) forget(id journal.WindowID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mu.recovered, id)
}

// errAnother is why nothing is put of a window whose second reading is not the first:
// the next one could find more rows, and the names would be taken (I3).
var errAnother = errors.New("the journal was read with other damage before")

// passes sends a window's batches through the rings, the partitions of one pass after
// those of another.
func (r *replayer) passes(ctx context.Context, p *plan, w *window) error {
	sent := int64(0)
	for i, parts := range p.passes {
		if i > 0 {
			if err := r.send(ctx, replayed{window: w}); err != nil {
				return err
			}
			if err := r.room(ctx); err != nil {
				return err
			}
		}
		rows, err := r.pass(ctx, p, w, parts)
		if err != nil {
			return err
		}
		sent += rows
	}
	if sent != p.rows {
		return fmt.Errorf("read %d rows from the journal first and %d then", p.rows, sent)
	}
	return nil
}

// pass sends the batches of some partitions through the rings, and returns their rows.
func (r *replayer) pass(ctx context.Context, p *plan, w *window, parts map[part]bool) (rows int64, err error) {
	if err := r.b.budget.encoded(ctx); err != nil {
		return 0, err
	}
	reader, err := r.b.cfg.Medium.Open(w.id)
	if err != nil {
		return 0, fmt.Errorf("open a window of the journal: %w", err)
	}
	defer reader.Close()
	r.b.budget.replaying.Store(true)
	defer r.b.budget.replaying.Store(false)
	var frames spans
	err = eachBatch(reader, func(frame uint64, b journal.Batch) error {
		if frames.add(frame); !frames.starts(p.frames) {
			return errAnother
		}
		if !parts[part{b.Table, b.Tenant, b.Hour}] {
			return nil
		}
		if w.over.Load() {
			return w.failed() // all that was sent is given up
		}
		batch := &schema.Batch{
			Table: p.tables[b.Table], Tenant: b.Tenant, Hour: b.Hour, Rows: b.Rows, Bytes: slices.Clone(b.Bytes),
		}
		if err := r.b.budget.wait(ctx, cost(batch)); err != nil {
			return err
		}
		rows += int64(b.Rows)
		return r.send(ctx, replayed{window: w, batch: batch, frame: frame})
	})
	if err == nil && (!slices.Equal(frames, p.frames) || !slices.Equal(reader.Damage(), p.damage)) {
		err = errAnother
	}
	return rows, err
}

func (r *replayer) send(ctx context.Context, batch replayed) error {
	select {
	case r.b.committer.replays <- batch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
