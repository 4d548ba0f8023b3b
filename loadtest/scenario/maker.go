// Making events, and making them again.

package scenario

import (
	"bytes"
	"fmt"
)

// Maker makes the events of a plan. It holds memory that is used again for each, so
// it belongs to one goroutine.
type Maker struct {
	plan  *Plan
	event message
}

// NewMaker returns a maker of the events of p, which is valid.
func NewMaker(p *Plan) *Maker { return &Maker{plan: p} }

// Append writes an event, which a schema may refuse. Now, in milliseconds since 1970,
// is when its body is made.
func (m *Maker) Append(to []byte, worker int, sequence int64, tenant int, now int64) (text []byte, valid bool) {
	fault, ago := m.fate(worker, sequence)
	begin := len(to)
	to = m.write(to, worker, sequence, tenant, now-ago)
	if fault == nil {
		return to, true
	}
	return append(to[:begin], fault.spoil(to[begin:])...), false
}

// fate is whether an event is invalid, and how long ago it happened.
func (m *Maker) fate(worker int, sequence int64) (f *fault, ago int64) {
	r := randomOf(m.plan.Seed, uint64(worker), uint64(sequence), 'f')
	u := r.next()
	ago = int64(u >> 54) // up to a second
	if m.plan.Invalid+m.plan.Late == 0 {
		return nil, ago
	}
	switch u := r.share(); {
	case u < m.plan.Invalid:
		return m.plan.faultOf(&r), ago
	case u < m.plan.Invalid+m.plan.Late:
		return nil, ago + msPerDay/24 + int64(r.below(6*msPerDay))
	}
	return nil, ago
}

func (m *Maker) write(to []byte, worker int, sequence int64, tenant int, at int64) []byte {
	if m.plan.Sample != nil {
		return m.plan.Sample.append(to, m.plan, worker, sequence, tenant, at, &m.event.clock)
	}
	m.event.set(m.plan, worker, sequence, tenant, at)
	return m.event.append(to)
}

// Again makes the text of an event that has been found, by its own time. Code is by
// which it must have been refused, empty for a valid one.
func (m *Maker) Again(worker int, sequence int64, tenant int, at int64) (text []byte, code string) {
	text = m.write(nil, worker, sequence, tenant, at)
	fault, _ := m.fate(worker, sequence)
	if fault == nil {
		return text, ""
	}
	return fault.spoil(text), fault.code
}

// Valid is whether an event is one that the schema accepts.
func (m *Maker) Valid(worker int, sequence int64) bool {
	if m.plan.Invalid == 0 {
		return true
	}
	fault, _ := m.fate(worker, sequence)
	return fault == nil
}

// ParseRaw reads the id and the time of an event's text, spoilt or not.
func (m *Maker) ParseRaw(text []byte) (id ID, at int64, ok bool) {
	const before, between = len(`{"id":"`), len(`","time":"`)
	if len(text) < before+IDLength+between+timeLength || !bytes.HasPrefix(text, []byte(`{"id":"`)) {
		return id, 0, false
	}
	if id, ok = m.plan.ParseID(text[before : before+IDLength]); !ok {
		return id, 0, false
	}
	at, err := parseTime(text[before+IDLength+between:][:timeLength])
	return id, at, err == nil
}

// Expect sums the rows that events must become.
type Expect struct {
	maker *Maker
	sums  *builtInSums
	kinds Kinds
	lines []uint64 // of the sample
}

// NewExpect returns the sums of the rows of valid events, in files of these columns.
func (m *Maker) NewExpect(s Sums, kinds Kinds) (*Expect, error) {
	e := &Expect{maker: m, sums: newBuiltInSums(s), kinds: kinds}
	if m.plan.Sample == nil {
		return e, nil
	}
	var err error
	if e.lines, err = m.plan.Sample.sums(s, kinds); err != nil {
		return nil, fmt.Errorf("sum the sample: %w", err)
	}
	return e, nil
}

// Row is the sum of the row that a valid event must become.
func (e *Expect) Row(worker int, sequence int64, tenant int, at int64) uint64 {
	m := e.maker
	if m.plan.Sample == nil {
		m.event.set(m.plan, worker, sequence, tenant, at)
		return e.sums.row(&m.event, at)
	}
	var text [IDLength]byte
	m.plan.identify(worker, sequence, tenant, at).put(&text, m.plan.Run)
	return e.lines[m.plan.Sample.line(m.plan, worker, sequence)] +
		e.sums.Bytes(e.sums.columns[colID], text[:]) + e.sums.Integer(e.sums.columns[colTime], at*1000)
}
