// The ring: a tenant's queue of durable batches between committer and drainer.

package buffer

import (
	"sync/atomic"

	"parquay/buffer/journal"
	"parquay/schema"
)

// ring is a FIFO of entries for one producer (the committer) and one consumer
// (whoever drains the tenant), without a lock on either side. Its capacity is
// fixed in bytes, and taken at admission: every entry's cost was reserved against
// the tenant's share before push, so push never fails.
//
// Its storage comes in blocks, so that an idle tenant costs one block and a busy
// one what it uses; the block that the consumer empties goes back to the producer,
// so a ring in steady state allocates nothing.
type ring struct {
	tail  *block // producer's
	wrote uint32 // producer's: slots of tail that are used

	head *block // consumer's
	read uint32 // consumer's: slots of head that are taken

	spare atomic.Pointer[block] // an empty block on its way from consumer to producer
}

// entry is a batch of a window, or without one the mark that the window has ended.
type entry struct {
	batch  *schema.Batch
	window *window
	frame  uint64        // that holds the batch
	place  journal.Place // of the batch's bytes, in a live window
}

const blockSlots = 32

type block struct {
	filled atomic.Uint32         // slots that the consumer may read
	next   atomic.Pointer[block] // set once all slots are filled and more came
	slots  [blockSlots]entry
}

func (r *ring) init() {
	r.head = new(block)
	r.tail = r.head
}

// push appends e. Only the committer may call it.
func (r *ring) push(e entry) {
	if r.wrote == blockSlots {
		next := r.spare.Swap(nil)
		if next == nil {
			next = new(block)
		}
		r.tail.next.Store(next)
		r.tail, r.wrote = next, 0
	}
	r.tail.slots[r.wrote] = e
	r.wrote++
	r.tail.filled.Store(r.wrote) // publishes the slot
}

// pop takes the oldest entry; false if there is none. Only the drainer may call it.
func (r *ring) pop() (entry, bool) {
	if r.read == blockSlots && !r.advance() {
		return entry{}, false
	}
	if r.read == r.head.filled.Load() {
		return entry{}, false
	}
	e := r.head.slots[r.read]
	r.head.slots[r.read] = entry{} // the batch must not live as long as the block
	r.read++
	return e, true
}

// advance moves on to the next block and gives the emptied one back.
func (r *ring) advance() bool {
	next := r.head.next.Load()
	if next == nil {
		return false
	}
	// The producer left this block when it set next, so nobody else holds it.
	emptied := r.head
	emptied.next.Store(nil)
	emptied.filled.Store(0)
	r.head, r.read = next, 0
	r.spare.Store(emptied)
	return true
}
