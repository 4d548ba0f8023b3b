package writer

// This file finds a column chunk's smallest and largest value, which let a reader
// skip the row group.

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/parquet-go/parquet-go/format"

	"parquay/schema"
)

// maxBoundBytes is the longest string that is recorded as a bound. Longer ones are
// prose or JSON, which no query bounds, and would bloat the footer.
const maxBoundBytes = 64

// bounds are where a chunk's smallest and largest value are in the row group's
// bounds: [from:cut] and [cut:to], in plain encoding, strings without their length.
type bounds struct {
	ok            bool
	from, cut, to int
}

// findBounds records the bounds of a flat column's values; those of maps and lists
// would tell nothing about their rows.
func (e *encoder) findBounds(c *chunk, l *leaf) bounds {
	s := &e.values
	if s.n == 0 || l.part != whole {
		return bounds{}
	}
	from := len(e.bounds)
	var low, high int
	switch l.kind {
	case schema.String:
		low, high = e.extremes(c, s.precedes)
		if len(s.string(low)) > maxBoundBytes || len(s.string(high)) > maxBoundBytes {
			return bounds{}
		}
		e.bounds = append(e.bounds, s.string(low)...)
		e.bounds = append(e.bounds, s.string(high)...)
		return bounds{true, from, from + len(s.string(low)), len(e.bounds)}
	case schema.Double:
		return e.doubleBounds()
	}
	low, high = e.extremes(c, func(i, j int) bool { return s.ints[i] < s.ints[j] })
	e.bounds = s.appendPlain(e.bounds, l, low, low+1)
	cut := len(e.bounds)
	e.bounds = s.appendPlain(e.bounds, l, high, high+1)
	return bounds{true, from, cut, len(e.bounds)}
}

// extremes returns the positions of the smallest and the largest value. Those of a
// dictionary are all there are. The largest is looked for first, since ids of rows in
// the order of time mostly grow.
func (e *encoder) extremes(c *chunk, less func(i, j int) bool) (low, high int) {
	look := func(i int) {
		if less(high, i) {
			high = i
		} else if less(i, low) {
			low = i
		}
	}
	if c.encoding == format.RLEDictionary {
		for _, i := range e.dict.first {
			look(int(i))
		}
		return low, high
	}
	for i := range e.values.n {
		look(i)
	}
	return low, high
}

// precedes compares two strings, most of which differ in their first 16 bytes.
func (s *values) precedes(i, j int) bool {
	a, b := s.string(i), s.string(j)
	for n := 0; n < 2 && len(a) >= 8 && len(b) >= 8; n++ {
		x, y := binary.BigEndian.Uint64(a), binary.BigEndian.Uint64(b)
		if x != y {
			return x < y
		}
		a, b = a[8:], b[8:]
	}
	return bytes.Compare(a, b) < 0
}

// doubleBounds follows the format's rules for floating point: no bounds where a
// value is no number, and a zero bound is -0 below and +0 above, since both are
// equal.
func (e *encoder) doubleBounds() bounds {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range e.values.ints {
		f := math.Float64frombits(uint64(v))
		if math.IsNaN(f) {
			return bounds{}
		}
		low, high = min(low, f), max(high, f)
	}
	if low == 0 {
		low = math.Copysign(0, -1)
	}
	if high == 0 {
		high = 0
	}
	from := len(e.bounds)
	e.bounds = binary.LittleEndian.AppendUint64(e.bounds, math.Float64bits(low))
	e.bounds = binary.LittleEndian.AppendUint64(e.bounds, math.Float64bits(high))
	return bounds{true, from, from + 8, from + 16}
}
