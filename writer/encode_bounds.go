package writer

// This file finds a column chunk's smallest and largest value, which let a reader
// skip the row group.

import (
	"bytes"
	"math"

	"github.com/parquet-go/parquet-go/format"

	"parquay/schema"
)

// maxBoundBytes is the longest string that is recorded as a bound. Longer ones are
// prose or JSON, which no query bounds, and would bloat the footer.
const maxBoundBytes = 64

// bounds are the smallest and the largest value in plain encoding, strings without
// their length: b[:cut] and b[cut:].
type bounds struct {
	ok  bool
	cut int
	b   []byte
}

// findBounds returns the bounds of a flat column's values; those of maps and lists
// would tell nothing about their rows.
func (e *encoder) findBounds(c *chunk, l *leaf) bounds {
	s := &e.values
	if s.n == 0 || l.part != whole {
		return bounds{}
	}
	var low, high int
	switch l.kind {
	case schema.String:
		low, high = e.extremes(c, func(i, j int) bool { return bytes.Compare(s.string(i), s.string(j)) < 0 })
		if len(s.string(low)) > maxBoundBytes || len(s.string(high)) > maxBoundBytes {
			return bounds{}
		}
		b := append(append([]byte{}, s.string(low)...), s.string(high)...) // an empty bound is not nil: it is one
		return bounds{true, len(s.string(low)), b}
	case schema.Double:
		return s.doubleBounds(l)
	}
	low, high = e.extremes(c, func(i, j int) bool { return s.ints[i] < s.ints[j] })
	b := s.appendPlain(nil, l, low, low+1)
	cut := len(b)
	return bounds{true, cut, s.appendPlain(b, l, high, high+1)}
}

// extremes returns the positions of the smallest and the largest value. Those of a
// dictionary are all there are.
func (e *encoder) extremes(c *chunk, less func(i, j int) bool) (low, high int) {
	if c.encoding == format.RLEDictionary {
		low = int(e.dict.first[0])
		high = low
		for _, i := range e.dict.first[1:] {
			if less(int(i), low) {
				low = int(i)
			} else if less(high, int(i)) {
				high = int(i)
			}
		}
		return low, high
	}
	for i := 1; i < e.values.n; i++ {
		if less(i, low) {
			low = i
		} else if less(high, i) {
			high = i
		}
	}
	return low, high
}

// doubleBounds follows the format's rules for floating point: no bounds where a
// value is no number, and a zero bound is -0 below and +0 above, since both are
// equal.
func (s *values) doubleBounds(l *leaf) bounds {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range s.ints {
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
	pair := values{ints: []int64{int64(math.Float64bits(low)), int64(math.Float64bits(high))}}
	return bounds{true, 8, pair.appendPlain(nil, l, 0, 2)}
}
