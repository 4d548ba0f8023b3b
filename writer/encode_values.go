package writer

// This file gathers one leaf's values out of a vector, in the order of the rows,
// together with the levels that say where there is none.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go/bloom/xxhash"
	"github.com/parquet-go/parquet-go/format"

	"parquay/schema"
)

// values holds a leaf's values of one row group: numbers themselves, and of strings
// where they are in the text of the merged columns. Copying them would cost as much
// as encoding them.
//
// An entry is a pair of levels: a row of a flat column; an element, or a row
// without elements, of a nested one. An entry has a value if its definition level
// is the highest.
type values struct {
	entries int
	n       int // values

	// Levels, one an entry. Without defs all entries are at level, and without
	// reps all are at 0.
	reps, defs []byte
	level      byte
	maxDef     byte
	rows       []uint32 // that have a value, where not all do

	ints  []int64 // numbers; a double's bits
	text  []byte  // strings, in any order; the vector's
	spans []span  // where in it each is
	spare []span  // for another order
	size  int     // of all strings
}

// span is a string's place in the text.
type span struct{ from, to uint32 }

func (p span) len() int { return int(p.to - p.from) }

func (s *values) string(i int) []byte { return s.text[s.spans[i].from:s.spans[i].to] }

// head returns the first 16 bytes of a string, zeros after a shorter one's end, in
// two little-endian numbers.
func head(text []byte, p span) (first, second uint64) {
	if int(p.from)+16 > len(text) {
		var last [16]byte
		copy(last[:], text[p.from:])
		return head(last[:], span{to: p.to - p.from})
	}
	b := (*[16]byte)(text[p.from:])
	m := &masks[min(p.to-p.from, 16)]
	return binary.LittleEndian.Uint64(b[:8]) & m[0], binary.LittleEndian.Uint64(b[8:]) & m[1]
}

// masks have ones where a string of that length has its first bytes.
var masks = [17][2]uint64{
	{0, 0},
	{1<<8 - 1, 0},
	{1<<16 - 1, 0},
	{1<<24 - 1, 0},
	{1<<32 - 1, 0},
	{1<<40 - 1, 0},
	{1<<48 - 1, 0},
	{1<<56 - 1, 0},
	{1<<64 - 1, 0},
	{1<<64 - 1, 1<<8 - 1},
	{1<<64 - 1, 1<<16 - 1},
	{1<<64 - 1, 1<<24 - 1},
	{1<<64 - 1, 1<<32 - 1},
	{1<<64 - 1, 1<<40 - 1},
	{1<<64 - 1, 1<<48 - 1},
	{1<<64 - 1, 1<<56 - 1},
	{1<<64 - 1, 1<<64 - 1},
}

// gather replaces the values by those of the rows.
func (s *values) gather(l *leaf, v *schema.Vector, rows []uint32) error {
	s.entries, s.n, s.level, s.maxDef = len(rows), 0, l.maxDef, l.maxDef
	s.reps, s.defs = s.reps[:0], s.defs[:0]
	s.ints, s.text, s.spans, s.size = s.ints[:0], v.Text(), s.spans[:0], 0
	switch {
	case l.required && !v.AllPresent():
		return fmt.Errorf("a row lacks the required value")
	case v.NonePresent():
		s.level = 0
		return nil
	case l.part != whole:
		s.gatherElements(l, v, rows)
	case l.kind == schema.String:
		s.gatherText(v, s.present(v, rows))
	default:
		s.gatherInts(v, s.present(v, rows))
	}
	for _, p := range s.spans {
		s.size += p.len()
	}
	if s.size > math.MaxInt32 {
		return fmt.Errorf("%d bytes of text in a row group", s.size)
	}
	return nil
}

// present returns the rows that have a value. Levels are kept only where some have
// none.
func (s *values) present(v *schema.Vector, rows []uint32) []uint32 {
	if v.AllPresent() {
		return rows
	}
	s.defs = slices.Grow(s.defs, len(rows))[:len(rows)]
	s.rows = slices.Grow(s.rows[:0], len(rows))[:len(rows)]
	n := 0
	for i, row := range rows {
		def := byte(0)
		s.rows[n] = row
		if v.Present(int(row)) {
			def = 1
			n++
		}
		s.defs[i] = def
	}
	return s.rows[:n]
}

// gatherText gathers strings, gatherInts numbers, of rows that have one.
func (s *values) gatherText(v *schema.Vector, rows []uint32) {
	s.n = len(rows)
	s.spans = slices.Grow(s.spans, s.n)[:s.n]
	for i, row := range rows {
		from, to := v.Span(int(row))
		s.spans[i] = span{from, to}
	}
}

func (s *values) gatherInts(v *schema.Vector, rows []uint32) {
	s.n = len(rows)
	s.ints = slices.Grow(s.ints, s.n)[:s.n]
	for i, row := range rows {
		s.ints[i] = v.Int64(int(row))
	}
}

// gatherElements gathers a list's or a map's elements. A row without the column's
// value is at level 0, one with an empty collection at the level below the values'.
func (s *values) gatherElements(l *leaf, v *schema.Vector, rows []uint32) {
	for _, row := range rows {
		if !v.Present(int(row)) {
			s.reps, s.defs = append(s.reps, 0), append(s.defs, 0)
			continue
		}
		first, end := v.Elements(int(row))
		if first == end {
			s.reps, s.defs = append(s.reps, 0), append(s.defs, l.maxDef-1)
			continue
		}
		for i := first; i < end; i++ {
			rep := byte(1)
			if i == first {
				rep = 0
			}
			s.reps, s.defs = append(s.reps, rep), append(s.defs, l.maxDef)
			var from, to uint32
			if l.part == key {
				from, to = v.KeySpan(i)
			} else {
				from, to = v.ElementSpan(i)
			}
			s.spans = append(s.spans, span{from, to})
		}
	}
	s.entries, s.n = len(s.defs), len(s.spans)
}

// count is the number of values that the entries [from, to) have.
func (s *values) count(from, to int) int {
	switch {
	case len(s.defs) > 0:
		return bytes.Count(s.defs[from:to], []byte{s.maxDef})
	case s.level == s.maxDef:
		return to - from
	}
	return 0
}

// rowStart is the first entry at or after i that begins a row.
func (s *values) rowStart(i int) int {
	for i < len(s.reps) && s.reps[i] != 0 {
		i++
	}
	return i
}

// hash appends the strings' hashes as bloom filters want them: XXH64 of the plain
// encoding without the length.
func (s *values) hash(dst []uint64) []uint64 {
	for i := range s.n {
		dst = append(dst, xxhash.Sum64(s.string(i)))
	}
	return dst
}

// width is the number of bytes of a number in plain encoding.
func width(t format.Type) int {
	if t == format.Int32 {
		return 4
	}
	return 8
}

// appendPlain adds the values [from, to) in plain encoding to dst.
func (s *values) appendPlain(dst []byte, l *leaf, from, to int) []byte {
	switch l.physical {
	case format.ByteArray:
		for i := from; i < to; i++ {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(s.spans[i].len()))
			dst = append(dst, s.string(i)...)
		}
	case format.Boolean:
		for i, v := range s.ints[from:to] {
			if i&7 == 0 {
				dst = append(dst, 0)
			}
			dst[len(dst)-1] |= byte(v) << (i & 7)
		}
	case format.Int32:
		for _, v := range s.ints[from:to] {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
		}
	default:
		for _, v := range s.ints[from:to] {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
		}
	}
	return dst
}
