package schema

import "time"

// Limits bounds what a decoder accepts.
type Limits struct {
	MaxEvent int           // bytes of one event's text
	Late     time.Duration // how far an event's time may lie before its receipt
	Early    time.Duration // how far it may lie after
}

// EventError says why one event of a body was rejected.
type EventError struct {
	Index   int    `json:"index"` // position of the event in the body, from 0
	Field   string `json:"field,omitempty"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// SyntaxError is returned for a body that can't be split into JSON values.
// Nothing of such a body is accepted.
type SyntaxError struct {
	Offset  int // bytes before the fault
	Index   int // whole events before it
	Field   string
	Message string
}

func (e *SyntaxError) Error() string { panic("seam") }

// Decoder turns request bodies into batches. One decoder serves one request at a
// time; reuse it (sync.Pool) to reuse its memory.
type Decoder struct{}

// NewDecoder returns a decoder for bodies of table t.
func NewDecoder(t *Table, limits Limits) *Decoder { panic("seam") }

// Decode reads every event of body: one object, an array of objects, or objects
// one after the other (NDJSON is a case of that). received is the moment of
// receipt. grow is called before the columns come to occupy more than the bytes
// granted so far (at first 0) with how many more are wanted; its error ends the
// decoding and is returned as it is.
//
// Rejected events do not stop it: they become rows of the rejected table and
// entries of Errors. A body without any event is a SyntaxError.
func (d *Decoder) Decode(body []byte, received time.Time, grow func(bytes int) error) error {
	panic("seam")
}

// Accepted and Rejected count the events of the last body.
func (d *Decoder) Accepted() int { panic("seam") }

// Rejected counts the events that the schema refused.
func (d *Decoder) Rejected() int { panic("seam") }

// Errors describes the rejected events in order, at most the first 1,000.
func (d *Decoder) Errors() []EventError { panic("seam") }

// Batches returns the last body's rows, one batch an hour, with memory of their
// own; then those of the rejected table. The decoder can be used again.
func (d *Decoder) Batches(tenant string) []*Batch { panic("seam") }
