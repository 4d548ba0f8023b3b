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

// values holds a leaf's values of one row group. It owns its memory: nothing of a
// page aliases a batch.
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

	ints []int64  // numbers; a double's bits
	text []byte   // strings, one after the other
	ends []uint32 // string i is text[ends[i]:ends[i+1]]
}

func (s *values) string(i int) []byte { return s.text[s.ends[i]:s.ends[i+1]] }

// gather replaces the values by those of the rows.
func (s *values) gather(l *leaf, v *schema.Vector, rows []uint32) error {
	s.entries, s.n, s.level, s.maxDef = len(rows), 0, l.maxDef, l.maxDef
	s.reps, s.defs = s.reps[:0], s.defs[:0]
	s.ints, s.text, s.ends = s.ints[:0], s.text[:0], append(s.ends[:0], 0)
	switch {
	case l.required && !v.AllPresent():
		return fmt.Errorf("a row lacks the required value")
	case v.NonePresent():
		s.level = 0
		return nil
	case l.part != whole:
		s.gatherElements(l, v, rows)
	case l.kind == schema.String:
		s.gatherText(v, rows)
	default:
		s.gatherInts(v, rows)
	}
	if l.kind == schema.String && len(s.text) > math.MaxInt32 {
		return fmt.Errorf("%d bytes of text in a row group", len(s.text))
	}
	return nil
}

// gatherText gathers strings, gatherInts numbers. Levels are kept only where some
// row has no value.
func (s *values) gatherText(v *schema.Vector, rows []uint32) {
	if v.AllPresent() {
		for _, row := range rows {
			s.text = append(s.text, v.Bytes(int(row))...)
			s.ends = append(s.ends, uint32(len(s.text)))
		}
	} else {
		s.defs = slices.Grow(s.defs, len(rows))[:len(rows)]
		for i, row := range rows {
			if !v.Present(int(row)) {
				s.defs[i] = 0
				continue
			}
			s.defs[i] = 1
			s.text = append(s.text, v.Bytes(int(row))...)
			s.ends = append(s.ends, uint32(len(s.text)))
		}
	}
	s.n = len(s.ends) - 1
}

func (s *values) gatherInts(v *schema.Vector, rows []uint32) {
	if v.AllPresent() {
		for _, row := range rows {
			s.ints = append(s.ints, v.Int64(int(row)))
		}
	} else {
		s.defs = slices.Grow(s.defs, len(rows))[:len(rows)]
		for i, row := range rows {
			if !v.Present(int(row)) {
				s.defs[i] = 0
				continue
			}
			s.defs[i] = 1
			s.ints = append(s.ints, v.Int64(int(row)))
		}
	}
	s.n = len(s.ints)
}

// gatherElements gathers a list's or a map's elements. A row without the column's
// value is at level 0, one with an empty collection at the level below the values'.
func (s *values) gatherElements(l *leaf, v *schema.Vector, rows []uint32) {
	for _, row := range rows {
		if !v.Present(int(row)) {
			s.reps, s.defs = append(s.reps, 0), append(s.defs, 0)
			continue
		}
		from, to := v.Elements(int(row))
		if from == to {
			s.reps, s.defs = append(s.reps, 0), append(s.defs, l.maxDef-1)
			continue
		}
		for i := from; i < to; i++ {
			rep := byte(1)
			if i == from {
				rep = 0
			}
			s.reps, s.defs = append(s.reps, rep), append(s.defs, l.maxDef)
			if l.part == key {
				s.text = append(s.text, v.Key(i)...)
			} else {
				s.text = append(s.text, v.Element(i)...)
			}
			s.ends = append(s.ends, uint32(len(s.text)))
		}
	}
	s.entries, s.n = len(s.defs), len(s.ends)-1
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
			dst = binary.LittleEndian.AppendUint32(dst, s.ends[i+1]-s.ends[i])
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
