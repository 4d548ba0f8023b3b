// What a request holds of the memory budget, and the arithmetic behind it (I6).

package server

// account is one request's reservation. At every moment it covers the memory
// that the request is about to hold. That memory changes over three phases:
//
//	reading   the buffers: the body as sent, and decompressed if it is compressed
//	decoding  the text, and the columns that it is decoded into
//	batching  the columns, and the batches copied out of them, of the same size
//
// No buffer outlives its phase, so the most that is held is
//
//	max(buffers, text + columns, 2 × columns)
//
// Columns seldom need more than the text they come from, since keys and
// punctuation are gone: so 2 × text is reserved before the text is read, and more
// only for bodies whose columns outgrow it (a million times {}, say).
type account struct {
	reservation Reservation
	held        int64 // reserved so far
	text        int64 // capacity of the buffer that holds the text
	columns     int64 // granted to the decoder
}

// open reserves what a text of so many bytes needs, before any is read.
func (a *account) open(intake Intake, tenant string, text int64) error {
	r, err := intake.Reserve(tenant, 2*text)
	if err != nil {
		return err
	}
	a.reservation, a.held, a.text = r, 2*text, text
	return nil
}

// growText covers a larger text buffer while others are held beside it: the one
// it replaces until that is copied, and the compressed body.
func (a *account) growText(text, others int64) error {
	a.text = text
	return a.cover(max(text+others, 2*text))
}

// growColumns covers more columns; a schema.Decoder calls it.
func (a *account) growColumns(bytes int) error {
	a.columns += int64(bytes)
	return a.cover(a.columns + max(a.text, a.columns))
}

// cover reserves until total bytes are held.
func (a *account) cover(total int64) error {
	if total <= a.held {
		return nil
	}
	if err := a.reservation.Grow(total - a.held); err != nil {
		return err
	}
	a.held = total
	return nil
}
