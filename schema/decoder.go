package schema

import "time"

// Request bodies to batches: one pass over the body's bytes, straight into
// columns.

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

// Decoder turns request bodies into batches. One decoder serves one request at a
// time; reuse it (sync.Pool) to reuse its memory.
type Decoder struct {
	table    *Table
	limits   Limits
	received time.Time
	event    event // the event at hand
	budget   budget
	longest  int // bytes of the longest event yet; at first a guess

	translate Translator // what makes an event of the table of one of the body; nil: it is one

	rows    *Columns // the accepted events
	refused *Columns // the rejected ones, as rows of the rejected table
	errors  []EventError
	counts  map[Code]int // of the rejected ones, by reason

	memory *Memory // of batches

	order    []uint64 // the accepted rows by hour, when there is more than one hour
	gathered *Columns // the rows of one of them
}

// keptMemory bounds the columns that a decoder keeps for its next body, so that
// one large body does not stay in every decoder of a pool.
const keptMemory = 4 << 20

// NewDecoder returns a decoder for bodies of table t.
func NewDecoder(t *Table, limits Limits) *Decoder {
	d := &Decoder{
		table: t, limits: limits,
		rows: NewColumns(t), refused: NewColumns(Rejected()), gathered: NewColumns(t),
	}
	d.event.init(d.rows)
	return d
}

// Decode reads every event of body: one object, an array of objects, or objects
// one after the other (NDJSON is a case of that). received is the moment of
// receipt. grow is called before the columns come to occupy more than the bytes
// granted so far (at first 0) with how many more are wanted; its error ends the
// decoding and is returned as it is. In the end the bytes granted are at least
// those of Batches.
//
// Rejected events do not stop it: they become rows of the rejected table and
// entries of Errors. A body that can't be split into JSON values, or has none, is
// a SyntaxError. After an error nothing is accepted and nothing rejected.
func (d *Decoder) Decode(body []byte, received time.Time, grow func(bytes int) error) error {
	return d.DecodeAs(body, nil, received, grow)
}

// DecodeAs is Decode for a body of events in another form, one JSON value each. They
// count as they were sent against Limits.MaxEvent, and become rows of the rejected
// table as they were sent.
func (d *Decoder) DecodeAs(body []byte, translate Translator, received time.Time, grow func(bytes int) error) error {
	d.clear()
	d.received, d.translate = received, translate
	d.budget = budget{grow: grow, first: len(body)}
	d.event.startBody(received, d.limits)
	err := d.split(body)
	d.event.endBody()
	d.translate = nil
	if err == nil {
		d.fillReceived()
		err = d.budget.settle(d.rows, d.refused, d.sortByHour())
	}
	if err != nil {
		d.clear()
	}
	return err
}

// Use has the memory of batches come from m from now on.
func (d *Decoder) Use(m *Memory) { d.memory = m }

// Table is the table whose events it decodes.
func (d *Decoder) Table() *Table { return d.table }

// Limits is what it accepts.
func (d *Decoder) Limits() Limits { return d.limits }

// Accepted is the number of the last body's events that became rows.
func (d *Decoder) Accepted() int { return d.rows.Rows() }

// Rejected is the number of those that the schema refused.
func (d *Decoder) Rejected() int { return d.refused.Rows() }

// Errors describes the rejected events in order, at most the first MaxErrors. The
// slice is valid until the next Decode.
func (d *Decoder) Errors() []EventError { return d.errors }

// clear forgets the last body, and memory that few bodies need.
func (d *Decoder) clear() {
	d.errors = d.errors[:0]
	clear(d.counts)
	d.order = d.order[:0]
	large := d.budget.granted > keptMemory // the columns occupy no more
	for _, c := range []*Columns{d.rows, d.refused, d.gathered} {
		if large {
			c.release()
		} else if c.rows > 0 {
			c.Reset()
		}
	}
}

// fillReceived gives every row the time of receipt: all have the same, and none
// of the event's checks needs it.
func (d *Decoder) fillReceived() {
	for _, c := range []*Columns{d.rows, d.refused} {
		if c.rows == 0 {
			continue
		}
		c.Vector(c.table.receivedColumn()).fill(c.rows, d.received.UnixMicro())
		c.endRows()
	}
}
