// What a request holds of the memory budget, and the arithmetic behind it (I6).

package server

// account is one request's reservation. It is raised before the memory that the
// request holds is, which changes over three phases:
//
//	reading   the buffers: the body as sent and, if it is compressed, its text;
//	          while a buffer grows, both the old and the new one
//	decoding  the text, and the columns that it is decoded into
//	batching  the columns, and the batches copied out of them, which take no
//	          more than the columns do; the text's buffer is given back before
//
// so that decoding and batching need columns + max(text, columns).
type account struct {
	intake      Intake
	tenant      string
	share       int64       // bytes that the tenant may hold; 0: the common bound
	reservation Reservation // nil until it is opened
	held        int64       // reserved so far
	text        int64       // capacity of the buffer that holds the text
	read        int64       // bytes of the text, or of as much as there was of it
	columns     int64       // granted to the decoder
}

// foreseen is how many times its size a text is reserved for before it is read: once
// for itself and once for columns, which come to less than the text of common events.
// So a request that does not fit is mostly refused before it has cost anything, and
// only events of a few bytes each have to grow.
const foreseen = 2

// open reserves memory; with its error there is nothing to release.
func (a *account) open(bytes int64) error {
	r, err := a.intake.Reserve(a.tenant, a.share, bytes)
	if err != nil {
		return err
	}
	a.reservation, a.held = r, bytes
	return nil
}

// close gives back what was not committed. It may be called more than once.
func (a *account) close() {
	if a.reservation != nil {
		a.reservation.Release()
	}
}

// growText covers a text buffer and the other buffers held beside it.
func (a *account) growText(text, others int64) error {
	a.text = text
	return a.cover(text + others)
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
