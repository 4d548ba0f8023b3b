// The committer: group commit, and the decision when a window ends.

package buffer

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parquay/buffer/journal"
	"parquay/schema"
)

// frameBytes is how much a frame takes before the next one is begun, unless a
// single request has more: enough to make a sync cheap, little enough to answer
// soon.
const frameBytes = 8 << 20

// stallAfter is how long a sync may take before the process says it is not ready.
const stallAfter = 10 * time.Second

// commit is the batches of one request on their way into a frame.
type commit struct {
	tenant  *tenant // pinned until the end
	batches []*schema.Batch
	tally   tally // of their events
	held    int64 // bytes reserved for them
	receipt Receipt
	done    chan error // after which receipt does not change
}

// end lets go of the tenant, and of the memory of batches that were not committed.
func (c *commit) end(b *Buffer, err error) {
	if err != nil {
		b.budget.give(c.held)
		c.tenant.give(c.held)
		c.tenant.account.fail(c.tally)
	}
	c.tenant.unpin()
}

// committer writes the journal. All that waits goes into the next frame; while
// that is synced, the one after gathers. No timer holds a lone request back.
type committer struct {
	b           *Buffer
	header      journal.Header // of every window, but for its number and time
	incarnation string         // as receipts have it
	tables      map[*schema.Table]int
	pressed     chan struct{} // memory is short: end the window
	wake        chan struct{} // somebody waits
	stop        chan struct{} // closed by drain
	done        chan struct{} // closed when nothing more will be committed
	replays     chan replayed // durable batches of a window that is replayed

	appending atomic.Int64 // when the running append began, unix nanoseconds; 0: none runs

	mu struct {
		sync.Mutex
		waiting []*commit
		refuse  error // why nothing more may wait
		stopped bool
	}

	// Owned by run.
	window   *window // the open one; nil until a frame needs it
	current  *journal.Header
	deadline time.Time
	timer    *time.Timer
	windows  uint64 // windows opened so far
	sequence uint64 // frames appended so far
	frame    []byte
	batches  []journal.Batch
	offsets  []int64   // of their bytes in the frame
	spare    []*commit // the last round's slice, for the next
}

func newCommitter(b *Buffer) *committer {
	c := &committer{
		b:           b,
		header:      journal.Header{Incarnation: b.cfg.Incarnation, FileRows: uint64(b.cfg.FileRows)},
		incarnation: b.cfg.Incarnation.String(),
		tables:      map[*schema.Table]int{},
		pressed:     make(chan struct{}, 1),
		wake:        make(chan struct{}, 1),
		stop:        make(chan struct{}),
		done:        make(chan struct{}),
		replays:     make(chan replayed),
		timer:       time.NewTimer(time.Hour),
	}
	c.timer.Stop()
	for i, t := range b.cfg.Tables {
		c.tables[t] = i
		c.header.Tables = append(c.header.Tables, journal.Table{Name: t.Name(), Document: t.Document()})
	}
	return c
}

// enqueue adds c to what the next frame takes. c.done gets the outcome.
func (c *committer) enqueue(cm *commit) error {
	for _, batch := range cm.batches {
		if _, known := c.tables[batch.Table]; !known {
			return fmt.Errorf("table %q is not one of the buffer's", batch.Table.Name())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.refuse != nil {
		return c.mu.refuse
	}
	c.mu.waiting = append(c.mu.waiting, cm)
	signal(c.wake)
	return nil
}

// press asks for the window's end because memory is short.
func (c *committer) press() { signal(c.pressed) }

// drain has what waits committed and the window ended; then done is closed.
func (c *committer) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.stopped {
		c.mu.stopped = true
		close(c.stop)
	}
}

// stalled says that the running append does not return.
func (c *committer) stalled(now time.Time) bool {
	began := c.appending.Load()
	return began != 0 && now.UnixNano()-began > int64(stallAfter)
}

func (c *committer) run(ctx context.Context) error {
	defer c.refuse(ErrStopping)
	stop := c.stop
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
			runtime.Gosched() // those that are about to wait join the frame
			c.commitWaiting()
		case <-c.timer.C:
			c.endWindow("age")
		case <-c.pressed:
			c.relieve()
		case r := <-c.replays:
			c.replay(r)
		case <-stop:
			stop = nil
			c.commitWaiting()
			c.refuse(ErrStopping)
			c.endWindow("shutdown")
			close(c.done)
		}
	}
}

// refuse answers everyone who waits, now and from now on, with err.
func (c *committer) refuse(err error) {
	c.mu.Lock()
	if c.mu.refuse == nil {
		c.mu.refuse = err
	}
	waiting := c.mu.waiting
	c.mu.waiting = nil
	c.mu.Unlock()
	c.answer(waiting, err)
}

// commitWaiting commits all that waits, in as many frames as it takes.
func (c *committer) commitWaiting() {
	c.mu.Lock()
	waiting := c.mu.waiting
	c.mu.waiting = c.spare[:0]
	c.mu.Unlock()

	for rest := waiting; len(rest) > 0; {
		n := c.gather(rest)
		err := c.commit(rest[:n])
		c.answer(rest[:n], err)
		if rest = rest[n:]; err != nil {
			c.answer(rest, err)
			break
		}
	}
	clear(waiting)
	c.spare = waiting
}

// gather fills batches with those of the first n commits, which make one frame.
func (c *committer) gather(waiting []*commit) (n int) {
	c.batches = c.batches[:0]
	size := 0
	for _, cm := range waiting {
		more := framed(cm.batches)
		if n > 0 && size+more > frameBytes {
			break
		}
		size += more
		n++
		for _, b := range cm.batches {
			c.batches = append(c.batches, journal.Batch{
				Table: c.tables[b.Table], Tenant: b.Tenant, Hour: b.Hour, Rows: b.Rows, Bytes: b.Bytes,
			})
		}
	}
	return n
}

// commit makes one frame of what gather found durable, then pushes it.
func (c *committer) commit(commits []*commit) error {
	now := c.b.cfg.Now()
	if c.window != nil && !now.Before(c.deadline) {
		c.endWindow("age")
	}
	if c.window == nil {
		c.openWindow(now)
	}
	c.sequence++
	c.frame = slices.Grow(c.frame[:0], journal.FrameSize(c.batches))
	c.frame = journal.AppendFrame(c.frame, c.b.cfg.Incarnation, c.sequence, c.batches)
	place, err := c.append(now)
	if err != nil {
		return c.fail(err)
	}

	// At this point the frame is durable (or written, at the memory level): a
	// crash from here on finds it in the journal. Only now may its batches be
	// seen by drainers, and only after that its requests be answered (I1).
	w := c.window
	begins := w.rows == 0
	if begins {
		c.b.begin(w.id, now)
	}
	c.b.traces.note(w.id, begins, c.sequence, commits)
	w.bytes += int64(len(c.frame))
	w.arrivals.add(now, c.b.cfg.FlushInterval/arrivalsPerInterval, commits)
	c.push(commits, place)
	c.b.metrics.committed(commits, len(c.frame))
	c.trim()
	if w.bytes >= c.b.cfg.WindowBytes {
		c.endWindow("bytes")
	}
	return nil
}

// push hands the batches of a frame to their tenants.
func (c *committer) push(commits []*commit, frame journal.Place) {
	w := c.window
	receipt := Receipt{c.incarnation, w.id.Window, c.sequence}
	c.offsets = slices.AppendSeq(c.offsets[:0], journal.Offsets(c.batches))
	n := 0
	for _, cm := range commits {
		cm.receipt = receipt
		cm.tenant.account.commit(cm.tally)
		for _, batch := range cm.batches {
			place := journal.Place{Segment: frame.Segment, Offset: frame.Offset + c.offsets[n]}
			w.push(cm.tenant, entry{batch: batch, window: w, frame: c.sequence, place: place})
			n++
		}
	}
	clear(c.batches) // they are others' now, and the budget's
}

// append writes and syncs the frame.
func (c *committer) append(now time.Time) (journal.Place, error) {
	c.appending.Store(now.UnixNano())
	defer c.appending.Store(0)
	began := time.Now()
	place, err := c.b.cfg.Medium.Append(c.current, c.sequence, c.frame, !c.b.cfg.Volatile)
	c.b.metrics.Append.Observe(time.Since(began).Seconds())
	return place, err
}

// trim lets a frame buffer go that one large request has grown.
func (c *committer) trim() {
	if cap(c.frame) > 2*frameBytes {
		c.frame = nil
	}
}

// fail closes the journal for good (I5). The frame that failed was not pushed and
// is not acknowledged; what was before it is flushed as always. The next process
// may find the frame whole and file its rows: their senders, who were told 503,
// have then sent them twice under the same ids.
func (c *committer) fail(cause error) error {
	err := fmt.Errorf("%w: %w", ErrFailed, cause)
	c.b.failure.Store(&err)
	c.b.log.Error("the journal has failed; nothing more is acknowledged by this process", "error", cause)
	c.b.metrics.Failed.Set(1)
	c.refuse(err)
	c.endWindow("failure")
	close(c.b.failed)
	return err
}

// answer ends the wait of the commits.
func (c *committer) answer(commits []*commit, err error) {
	for _, cm := range commits {
		cm.end(c.b, err)
		cm.done <- err
	}
}

// openWindow begins a window for the next frame. Nothing is written yet.
func (c *committer) openWindow(now time.Time) {
	c.windows++
	header := c.header
	header.Window = c.windows
	header.Opened = now.UTC().Truncate(time.Microsecond)
	c.current = &header
	id := journal.WindowID{Incarnation: header.Incarnation, Window: header.Window}
	c.window = newWindow(id, c.b.cfg.FileRows, c.b.finishLive)
	c.deadline = now.Truncate(c.b.cfg.FlushInterval).Add(c.b.cfg.FlushInterval)
	c.timer.Reset(c.deadline.Sub(now))
}

// endWindow ends the open window, if there is one: no frame can join it after.
func (c *committer) endWindow(reason string) {
	w := c.window
	if w == nil {
		return
	}
	c.window = nil
	c.timer.Stop()
	c.b.metrics.Windows.WithLabelValues(reason).Inc()
	c.b.log.Debug("window ended", "window", w.id.String(), "reason", reason, "rows", w.rows, "bytes", w.bytes)
	w.end()
}

// relieve makes room. While a good part of the memory is batches that wait in the open
// window, its tenants let go of what the journal has, and the window goes on. It ends
// when the places of those are as much themselves. Else memory is held by requests, and
// by rows that are being encoded already.
func (c *committer) relieve() {
	w := c.window
	if w == nil || c.b.shedding.Load() > 0 {
		return
	}
	shed := w.shed.Load()
	switch waiting := w.held.Load() - shed; {
	case waiting > c.b.cfg.Memory/8:
		for t := range w.tenants {
			t.lighten()
		}
	case shed > c.b.cfg.Memory/4:
		c.endWindow("memory")
	}
}

// signal wakes a receiver unless it has been woken already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
