package writer

// This file brings what was gathered in the order of the memory into that of time.

import (
	"slices"

	"github.com/parquet-go/parquet-go/format"

	"parquay/schema"
)

// scattered says that rows which follow one another in time are far apart in memory
// mostly, as when many senders have gathered events for a while. Whatever does not
// depend on the order is then found in that of the memory, which the processor foresees:
// the distinct values, the bounds, the hashes.
func scattered(rows []uint32) bool {
	const far = 64 // rows, beyond which their strings are on other pages
	jumps := 0
	for i := 1; i < len(rows); i++ {
		if d := int64(rows[i]) - int64(rows[i-1]); d > far || d < -far {
			jumps++
		}
	}
	return jumps > len(rows)/4
}

// scatter has the strings of a row group gathered in the order of batches, if its rows
// are scattered.
func (e *encoder) scatter(rows []uint32) {
	e.stored = e.stored[:0]
	switch n := e.group.Rows(); {
	case !scattered(rows):
	case len(rows) == n: // all there are
		for row := range n {
			e.stored = append(e.stored, uint32(row))
		}
	default:
		e.stored = append(e.stored, rows...)
		slices.Sort(e.stored)
	}
}

// arrange brings a flat column's strings, or their numbers in the dictionary, into
// the order of rows, and their levels.
func (e *encoder) arrange(c *chunk, v *schema.Vector, rows []uint32) {
	s := &e.values
	if s.n == 0 {
		return // so all levels are the same
	}
	places := e.places(v, rows)
	if c.encoding == format.RLEDictionary {
		e.dict.indexes, e.dict.spare = permute(e.dict.spare, e.dict.indexes, places), e.dict.indexes
		return
	}
	s.spans, s.spare = permute(s.spare, s.spans, places), s.spans
}

// places returns, in the order of rows, where the value is of each that has one. It
// makes the levels anew if some have none.
func (e *encoder) places(v *schema.Vector, rows []uint32) []uint32 {
	s := &e.values
	all := v.AllPresent()
	if all && len(rows) == e.group.Rows() {
		return rows // each value is where its row is
	}
	of := e.stored
	if !all {
		of = s.rows[:s.n]
	}
	e.ranks = slices.Grow(e.ranks[:0], e.group.Rows())[:e.group.Rows()]
	for i, row := range of {
		e.ranks[row] = uint32(i)
	}
	places := e.placed[:0]
	for i, row := range rows {
		switch {
		case all:
			places = append(places, e.ranks[row])
		case v.Present(int(row)):
			places = append(places, e.ranks[row])
			s.defs[i] = 1
		default:
			s.defs[i] = 0
		}
	}
	e.placed = places
	return places
}

// permute makes dst of the elements at those places.
func permute[T any](dst, from []T, places []uint32) []T {
	dst = slices.Grow(dst[:0], len(places))[:len(places)]
	for i, at := range places {
		dst[i] = from[at]
	}
	return dst
}
