// Drainers: from rings to row groups.

package buffer

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync/atomic"
)

// job is a piece of work for the encoders: a row group to encode, which goes
// first, or a tenant to drain.
type job interface{ do(ctx context.Context) }

// encode is one of the encoders: it works until the queue is closed. A large
// tenant's row groups keep all of them busy; ten thousand small tenants keep no
// more than these busy.
func (b *Buffer) encode(ctx context.Context) error {
	for {
		j, ok := b.work.pop()
		if !ok {
			return nil
		}
		j.do(ctx)
	}
}

// partition is the rows of one (window, table, hour) of a tenant that are popped
// and not yet encoded, and the file they go to.
type partition struct {
	key    partKey
	pieces []piece
	shed   int   // so many pieces, the first ones, are in the journal only
	rows   int   // of all pieces
	bytes  int64 // they take to be encoded
	held   int64 // they take now

	frames  frameSet // of the current file
	cut     int      // of the current file
	cutRows int      // rows given to the current file so far, these included
	file    *file    // nil until the first row group of the cut
}

// turn says whether somebody drains a tenant, so that nobody else does: what is the
// drainer's needs no other lock.
type turn struct{ state atomic.Int32 }

const (
	idle   int32 = iota
	queued       // or being drained
	again        // being drained, and wanted once more: there may be later entries
)

// want says whether the caller must queue the tenant.
func (t *turn) want() bool {
	for {
		if t.state.CompareAndSwap(idle, queued) {
			return true
		}
		if t.state.CompareAndSwap(queued, again) || t.state.Load() == again {
			return false
		}
	}
}

// begin is called before the ring is looked at, and done after: false means that
// it must be looked at again. From the moment done is true the ring is another's.
func (t *turn) begin()     { t.state.Store(queued) }
func (t *turn) done() bool { return t.state.CompareAndSwap(queued, idle) }

// schedule has the tenant drained of all that was pushed before the call.
func (t *tenant) schedule() {
	if t.turn.want() {
		t.b.work.push(second, t)
	}
}

// press has rows encoded early, since the tenant is refused for want of room.
func (t *tenant) press() {
	t.pressed.Store(true)
	t.schedule()
}

// do drains the ring.
func (t *tenant) do(ctx context.Context) {
	for {
		t.turn.begin()
		for e, ok := t.ring.pop(); ok; e, ok = t.ring.pop() {
			if e.batch == nil {
				t.endWindow(ctx, e.window)
			} else {
				t.add(ctx, e)
			}
		}
		t.relieve(ctx)
		if t.turn.done() {
			return
		}
	}
}

// add puts a batch into its partition, and encodes a row group that is full. Where
// a file is cut depends on nothing but the batches before it and the rows in the
// window's header (I3).
func (t *tenant) add(ctx context.Context, e entry) {
	key := partKey{window: e.window, table: e.batch.Table, hour: e.batch.Hour}
	p := t.parts[key]
	if p == nil {
		p = &partition{key: key}
		t.parts[key] = p
	}
	if cutsBefore(p.cutRows, e.batch.Rows, e.window.fileRows) {
		t.encode(ctx, p, true)
		p.cut++
		p.cutRows = 0
	}
	if p.rows > 0 && (p.rows+e.batch.Rows > groupRows || p.bytes+cost(e.batch) > t.b.groupBytes) {
		t.encode(ctx, p, false)
	}
	p.frames.add(e.frame)
	p.pieces = append(p.pieces, piece{batch: e.batch, place: e.place})
	p.rows += e.batch.Rows
	p.cutRows += e.batch.Rows
	p.bytes += cost(e.batch)
	p.held += cost(e.batch)
}

// encode queues the partition's rows as a row group; last says that the file
// gets no more.
func (t *tenant) encode(ctx context.Context, p *partition, last bool) {
	if p.file == nil {
		p.file = t.newFile(ctx, p)
	}
	f := p.file
	if len(p.pieces) > 0 {
		f.rows += int64(p.rows)
		f.refs.Add(1)
		t.pins.Add(1)
		f.window.held.Add(-p.held)
		f.window.shed.Add(-placesOf(p.shed))
		t.b.work.push(first, &groupJob{file: f, table: p.key.table, pieces: p.pieces, shed: p.shed, held: p.held})
		p.pieces, p.shed, p.rows, p.bytes, p.held = nil, 0, 0, 0, 0
	}
	if last {
		f.frames = p.frames
		p.file, p.frames = nil, frameSet{}
		f.release(ctx)
	}
}

// endWindow encodes everything of a window that has ended, in the order of its
// hours so that a flush reads and writes alike every time.
func (t *tenant) endWindow(ctx context.Context, w *window) {
	var parts []*partition
	for key, p := range t.parts {
		if key.window == w {
			parts = append(parts, p)
			delete(t.parts, key)
		}
	}
	slices.SortFunc(parts, func(a, b *partition) int {
		return cmp.Or(cmp.Compare(a.key.table.Name(), b.key.table.Name()), cmp.Compare(a.key.hour, b.key.hour))
	})
	for _, p := range parts {
		t.encode(ctx, p, true)
	}
	t.unpin()
	w.release() // last: it may be all that a drain waits for
}

// lighten has the tenant make room for the others.
func (t *tenant) lighten() {
	if !t.shed.Swap(true) {
		t.b.shedding.Add(1)
	}
	t.schedule()
}

// relieve makes room: for the others, if all memory is short, and for a tenant that
// has taken half of its share without filling row groups, as one does that sends
// many hours at once, or that is refused. Some of its rows are left to wait for
// others, lest row groups become as small as requests.
func (t *tenant) relieve(ctx context.Context) {
	if t.shed.Swap(false) {
		for _, p := range t.parts {
			t.relievePart(ctx, p)
		}
		t.b.shedding.Add(-1)
	}
	limit := t.share.Load()
	wait := limit / 4
	switch {
	case t.pressed.Swap(false):
		wait = limit / 8
	case t.used.Load() <= limit/2:
		return
	}
	held := int64(0)
	for _, p := range t.parts {
		held += p.held
	}
	if held <= wait {
		return // as most times for a tenant that is refused again and again
	}
	byHeld := func(a, b *partition) int { return cmp.Compare(b.held, a.held) }
	for _, p := range slices.SortedFunc(maps.Values(t.parts), byHeld) {
		if held <= wait {
			return
		}
		held -= p.held
		if !t.relievePart(ctx, p) {
			t.encode(ctx, p, false)
		}
		held += p.held
	}
}

// relievePart makes room in a partition: what is a good part of a row group is
// encoded, less is let go. It is false if neither can be.
func (t *tenant) relievePart(ctx context.Context, p *partition) bool {
	switch {
	case p.rows >= groupRows/4 || p.bytes >= t.b.groupBytes/4:
		t.encode(ctx, p, false)
	case p.shed == len(p.pieces) || p.key.window.replayed:
		return false
	default:
		t.letGo(p)
	}
	return true
}
