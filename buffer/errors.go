// The errors that callers of a Buffer tell apart.

package buffer

import "errors"

var (
	// ErrTenantFull is returned when a tenant's share of the memory is taken:
	// by its batches that are not encoded yet, or by its requests under way.
	ErrTenantFull = errors.New("the tenant's buffer is full")
	// ErrBusy is returned when the memory of the whole process is taken.
	ErrBusy = errors.New("the memory budget is used up")
	// ErrJournalFull is returned when the journal is at its limit or its disk
	// is nearly full, which is so while the bucket can't be reached for long.
	ErrJournalFull = errors.New("the journal is full")
	// ErrTooLarge is returned for a request that would not fit even if nothing
	// else were held.
	ErrTooLarge = errors.New("the request's batches are too large")
	// ErrFailed is returned from the first failed write or sync of the journal
	// on, for as long as the process lives (I5).
	ErrFailed = errors.New("the journal has failed")
	// ErrUnknownReceipt is returned for a receipt of which nothing is known.
	ErrUnknownReceipt = errors.New("nothing is known of this receipt")
	// ErrStopping is returned once Drain was called.
	ErrStopping = errors.New("the gateway is stopping")
)
