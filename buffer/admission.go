// Admission: every byte of a body or batch is reserved before it is held (I6).

package buffer

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"parquay/buffer/journal"
	"parquay/schema"
)

// batchOverhead is what a batch costs beside its bytes: its struct, its slot in
// the ring and the allocator's rounding.
const batchOverhead = 256

func cost(batch *schema.Batch) int64 { return int64(len(batch.Bytes)) + batchOverhead }

// Reserve admits bytes of memory for one request of tenant: its body and its
// batches. share bounds what the tenant holds at a time; 0 is Config.RingBytes.
// Reserve never waits. The error is ErrTenantFull, ErrBusy, ErrTooLarge,
// ErrJournalFull, ErrFailed or ErrStopping.
func (b *Buffer) Reserve(tenant string, share, bytes int64) (*Reservation, error) {
	if err := b.admits(); err != nil {
		b.metrics.refused(err)
		return nil, err
	}
	if share <= 0 {
		share = b.cfg.RingBytes
	}
	r := &Reservation{b: b, t: b.tenants.pin(b, tenant), share: share}
	r.t.share.Store(share)
	if err := r.Grow(bytes); err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

// admits says why no request at all can be taken, if so.
func (b *Buffer) admits() error {
	if err := b.failure.Load(); err != nil {
		return *err
	}
	if b.stopping.Load() {
		return ErrStopping
	}
	return b.room()
}

// room says whether the journal may grow.
func (b *Buffer) room() error {
	if b.cfg.Medium.Usage() >= b.cfg.JournalLimit ||
		b.pendingCount.Load() >= maxPendingWindows ||
		b.disk.free(b.cfg.Medium, b.cfg.Now()) < b.cfg.MinFree {
		return ErrJournalFull
	}
	return nil
}

// Reservation is the memory of one request. It is not safe for concurrent use.
type Reservation struct {
	b     *Buffer
	t     *tenant
	share int64 // bytes that the tenant may hold
	bytes int64
}

// Grow reserves more. It never waits; its errors are Reserve's.
func (r *Reservation) Grow(bytes int64) error {
	err := r.grow(bytes)
	if err != nil {
		r.b.metrics.refused(err)
	}
	return err
}

func (r *Reservation) grow(bytes int64) error {
	if total := r.bytes + bytes; total > r.share || total > r.b.cfg.Memory {
		return ErrTooLarge
	}
	if !r.t.take(bytes, r.share) {
		r.t.press()
		return ErrTenantFull
	}
	if !r.b.budget.take(bytes) {
		r.t.give(bytes)
		r.b.committer.press()
		return ErrBusy
	}
	r.bytes += bytes
	if r.b.budget.pressed() {
		r.b.committer.press()
	}
	return nil
}

// Commit makes the batches durable at the configured level before it returns
// without an error (I1): the caller MUST NOT acknowledge them otherwise. They share
// a frame, which the receipt names, so either all of them are durable or none is
// acknowledged. The batches and their memory pass to the buffer, and the rest of
// the reservation is given back: the body must not be held any more.
//
// When ctx ends first, its error is returned and the outcome is unknown.
func (r *Reservation) Commit(ctx context.Context, batches []*schema.Batch) (Receipt, error) {
	if len(batches) == 0 {
		return Receipt{}, nil
	}
	held := int64(0)
	for _, batch := range batches {
		held += cost(batch)
	}
	if framed(batches) > journal.MaxFrame {
		return Receipt{}, ErrTooLarge
	}
	if held > r.bytes {
		if err := r.Grow(held - r.bytes); err != nil {
			return Receipt{}, err
		}
	}
	r.shrink(held)
	r.bytes = 0 // the commit's from here on
	c := r.b.commits.Get().(*commit)
	c.tenant, c.batches, c.held = r.t, batches, held
	c.tally = count(batches, hourOf(r.b.cfg.Now()))
	c.tenant.account.receive(c.tally)
	c.tenant.pins.Add(1) // the commit may outlive the reservation
	if err := r.b.committer.enqueue(c); err != nil {
		c.end(r.b, err)
		return Receipt{}, err
	}
	select {
	case err := <-c.done:
		receipt := c.receipt
		*c = commit{done: c.done} // nobody else has it any more
		r.b.commits.Put(c)
		return receipt, err
	case <-ctx.Done(): // its answer may come yet, and must be nobody else's
		return Receipt{}, fmt.Errorf("wait for the journal: %w", ctx.Err())
	}
}

// Release gives back what was not committed. It may be called at any time.
func (r *Reservation) Release() {
	if r.t == nil {
		return
	}
	r.shrink(0)
	r.t.unpin()
	r.t = nil
}

// shrink gives back all but bytes.
func (r *Reservation) shrink(bytes int64) {
	r.b.budget.give(r.bytes - bytes)
	r.t.give(r.bytes - bytes)
	r.bytes = bytes
}

// hourOf is the hour, since the epoch, that a moment is in.
func hourOf(t time.Time) int64 { return int64(math.Floor(float64(t.Unix()) / 3600)) }

// framed is an upper bound of the bytes that the batches take in a frame.
func framed(batches []*schema.Batch) int {
	n := 256
	for _, batch := range batches {
		n += len(batch.Bytes) + len(batch.Tenant) + 64
	}
	return n
}

// budget counts the bytes of the whole process.
type budget struct {
	limit     int64
	used      atomic.Int64
	replayed  atomic.Int64 // of these, of batches that are replayed and not yet encoded
	replaying atomic.Bool  // a quarter is kept for a window being replayed
	waiting   atomic.Bool  // the replayer waits for freed
	freed     chan struct{}
}

func (b *budget) init(limit int64) {
	b.limit = limit
	b.freed = make(chan struct{}, 1)
}

// ceiling is what live requests may use. A window being replayed gets the rest,
// so that neither can starve the other.
func (b *budget) ceiling() int64 {
	if b.replaying.Load() {
		return b.limit - b.limit/4
	}
	return b.limit
}

func (b *budget) take(n int64) bool { return takeUpTo(&b.used, n, b.ceiling()) }

// pressed says that what waits should make room: early, since that costs little, and
// a heap that comes near the runtime's limit is collected all the time.
func (b *budget) pressed() bool { return b.used.Load() > b.ceiling()/2 }

func (b *budget) give(n int64) {
	b.used.Add(-n)
	if b.waiting.Load() {
		select {
		case b.freed <- struct{}{}:
		default:
		}
	}
}

// wait takes n bytes for the replayer, the only caller, as soon as they are free. What
// one batch has beyond the replayer's quarter may come on top: it was accepted under a
// larger budget, and would wait for ever.
func (b *budget) wait(ctx context.Context, n int64) error {
	limit := b.limit + max(0, n-b.limit/4)
	err := b.until(ctx, func() bool { return takeUpTo(&b.used, n, limit) })
	if err == nil {
		b.replayed.Add(n)
	}
	return err
}

// encoded waits until all that was replayed is encoded. A pass fits the replayer's
// quarter; several at a time would leave nothing to live requests.
func (b *budget) encoded(ctx context.Context) error {
	return b.until(ctx, func() bool { return b.replayed.Load() == 0 })
}

// until waits, on behalf of the replayer, for what bytes that are given back make true.
func (b *budget) until(ctx context.Context, ok func() bool) error {
	b.waiting.Store(true)
	defer b.waiting.Store(false)
	for !ok() {
		select {
		case <-b.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// takeUpTo adds n to used unless that exceeds limit.
func takeUpTo(used *atomic.Int64, n, limit int64) bool {
	for {
		old := used.Load()
		if old+n > limit {
			return false
		}
		if used.CompareAndSwap(old, old+n) {
			return true
		}
	}
}

// diskGauge remembers the free bytes of the journal's disk for a second, since
// every request asks.
type diskGauge struct {
	asked atomic.Int64 // unix nanoseconds of the last answer
	bytes atomic.Int64
}

func (d *diskGauge) free(medium journal.Medium, now time.Time) int64 {
	asked := d.asked.Load()
	if age := now.UnixNano() - asked; age >= 0 && age < int64(time.Second) {
		return d.bytes.Load()
	}
	if free, err := medium.Free(); err == nil {
		d.bytes.Store(free)
		d.asked.Store(now.UnixNano())
		return free
	}
	// A disk that can't be asked will say so at the next write.
	return int64(1) << 62
}
