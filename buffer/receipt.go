// Receipts: what became of the rows of one Commit, for whoever asks later.

package buffer

import (
	"context"
	"fmt"

	"parquay/buffer/journal"
)

// Receipt names the frame that holds the batches of one Commit.
type Receipt struct {
	Incarnation string // as journal.Incarnation prints it
	Window      uint64
	Frame       uint64
}

// Placement is where the rows of a receipt are.
type Placement struct {
	Stored bool     // false: they are in the journal only
	Files  []FileID // that hold them; none until they are stored
}

// Lookup returns where the tenant's rows of a frame are. The error is
// ErrUnknownReceipt for a frame without rows of the tenant (I8), for one that was
// stored too long ago to be remembered, and for one that another process has
// stored. Rows that an earlier process has left in the journal of this one are
// known. Every frame of a window in the journal counts as pending, whoever asks,
// while nothing is remembered of it: it was not read yet, or there was no room.
func (b *Buffer) Lookup(tenant string, r Receipt) (Placement, error) {
	p, _, err := b.lookup(tenant, r)
	return p, err
}

// Await is Lookup once the rows are stored, or when ctx ends before that. It
// hurries nothing.
func (b *Buffer) Await(ctx context.Context, tenant string, r Receipt) (Placement, error) {
	p, finished, err := b.lookup(tenant, r)
	if err != nil || p.Stored {
		return p, err
	}
	select {
	case <-finished:
		return b.Lookup(tenant, r)
	case <-ctx.Done():
		return p, nil
	}
}

// lookup is Lookup; finished is closed when a pending window is pending no more.
func (b *Buffer) lookup(tenant string, r Receipt) (p Placement, finished <-chan struct{}, err error) {
	incarnation, err := journal.ParseIncarnation(r.Incarnation)
	if err != nil {
		return Placement{}, nil, fmt.Errorf("%w: %w", ErrUnknownReceipt, err)
	}
	id := journal.WindowID{Incarnation: incarnation, Window: r.Window}
	// Before the traces are looked at: a window that is finished by then is not
	// taken for one that was never there.
	finished = b.pendingUntil(id)
	files, found := b.traces.find(id, tenant, r.Frame)
	switch {
	case found == absent:
	case finished != nil:
		return Placement{}, finished, nil
	case found == stored:
		return Placement{Stored: true, Files: files}, nil, nil
	}
	return Placement{}, nil, ErrUnknownReceipt
}
