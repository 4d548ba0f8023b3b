package writer

// This file finds a column chunk's smallest and largest value, which let a reader
// skip the row group.

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"

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
	if c.encoding == format.RLEDictionary {
		s = &e.dict.distinct // which are all there are
	}
	from := len(e.bounds)
	switch l.kind {
	case schema.String:
		low, high := s.extremeStrings()
		if low.len() > maxBoundBytes || high.len() > maxBoundBytes {
			return bounds{}
		}
		e.bounds = append(e.bounds, s.text[low.from:low.to]...)
		e.bounds = append(e.bounds, s.text[high.from:high.to]...)
		return bounds{true, from, from + low.len(), len(e.bounds)}
	case schema.Double:
		return e.doubleBounds()
	}
	low, high := 0, 0
	for i, v := range s.ints {
		if v < s.ints[low] {
			low = i
		} else if v > s.ints[high] {
			high = i
		}
	}
	e.bounds = s.appendPlain(e.bounds, l, low, low+1)
	cut := len(e.bounds)
	e.bounds = s.appendPlain(e.bounds, l, high, high+1)
	return bounds{true, from, cut, len(e.bounds)}
}

// extremeStrings returns the smallest and the largest string. Nearly all are between
// the two found before by their first 16 bytes.
func (s *values) extremeStrings() (low, high span) {
	var low1, low2, high1, high2 uint64
	for i, p := range s.spans {
		first, second := head(s.text, p)
		first, second = bits.ReverseBytes64(first), bits.ReverseBytes64(second)
		if i > 0 && (first > low1 || first == low1 && second > low2) && (first < high1 || first == high1 && second < high2) {
			continue
		}
		text := s.text[p.from:p.to]
		if i == 0 || bytes.Compare(text, s.text[low.from:low.to]) < 0 {
			low, low1, low2 = p, first, second
		}
		if i == 0 || bytes.Compare(text, s.text[high.from:high.to]) > 0 {
			high, high1, high2 = p, first, second
		}
	}
	return low, high
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
