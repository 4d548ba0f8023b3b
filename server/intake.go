// The seams: where batches go, and what is known of them afterwards.

package server

import (
	"context"
	"errors"

	"parquay/schema"
)

// Intake takes requests' batches and makes them durable. It is safe for
// concurrent use.
type Intake interface {
	// Reserve admits a request that will hold so many bytes of memory, or says
	// at once why not, with one of this package's errors. It never waits. share
	// bounds what the tenant holds at a time, in bytes; 0 is the common bound.
	Reserve(tenant string, share, bytes int64) (Reservation, error)
}

// Reservation is the memory that one request may hold. It is used by one
// goroutine at a time.
type Reservation = interface {
	// Grow reserves more. It never waits, and fails as Reserve does.
	Grow(bytes int64) error
	// Commit returns without an error only once all batches are durable at the
	// configured level (I1), and says where. It takes over the batches and their
	// memory: nobody changes them from then on, even when it returns an error.
	// What else was reserved is given back, so the body is let go before. It is
	// called at most once. When ctx ends first its error is returned, and whether
	// the batches will be durable is unknown.
	Commit(ctx context.Context, batches []*schema.Batch) (Receipt, error)
	// Release gives back what was not committed. It is called at least once,
	// and nothing but Release is called after it.
	Release()
}

// Receipts says what became of batches after their commit. It is safe for
// concurrent use.
type Receipts interface {
	// Lookup returns where the tenant's rows of a frame are. The error is
	// ErrUnknownReceipt for a frame without rows of the tenant, for one that was
	// stored too long ago, and for one of another process.
	Lookup(tenant string, r Receipt) (Placement, error)
	// Await is Lookup once the rows are stored, or when ctx ends before that. A
	// waiting call hurries nothing.
	Await(ctx context.Context, tenant string, r Receipt) (Placement, error)
}

// Placement is where the rows of a receipt are.
type Placement struct {
	Stored  bool     // false: in the journal only
	Objects []string // the files that hold them, as URLs; none until they are stored
}

// The errors of an Intake that have an answer of their own. Any other is a 500.
var (
	// ErrTenantFull is returned when the tenant's share of the memory is taken (429).
	ErrTenantFull = errors.New("the tenant's buffer is full")
	// ErrTooLarge is returned when a request would not fit even if nothing else
	// were held: sending it again can't help (413).
	ErrTooLarge = errors.New("the request needs more memory than its tenant may have")
	// ErrBusy is returned when the memory of the whole process is taken (503).
	ErrBusy = errors.New("the memory budget is used up")
	// ErrJournalFull is returned when the journal is at its limit, or its disk
	// is full (503).
	ErrJournalFull = errors.New("the journal is full")
	// ErrFailed is returned once the journal has failed: this process will not
	// accept anything again (503, I5).
	ErrFailed = errors.New("the journal has failed")
	// ErrStopping is returned once the gateway is stopping (503).
	ErrStopping = errors.New("the gateway is stopping")
	// ErrUnknownReceipt is returned for a receipt of which nothing is known (404).
	ErrUnknownReceipt = errors.New("nothing is known of this receipt")
)

// DefaultTenant owns every event while no credentials are configured.
const DefaultTenant = "default"
