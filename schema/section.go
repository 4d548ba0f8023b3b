package schema

import (
	"math/bits"
)

// section is one column of a byte form, taken apart. It aliases the bytes.
type section struct {
	rows     int
	present  int    // rows with a value
	bits     bitmap // which rows those are, if not all and not none
	copies   int    // how often fixed stands for: once, or as the value of every row
	fixed    []byte
	ends     offsets
	elements offsets
	text     []byte
}

// cut takes a column's section off the front of b. It goes by what the section
// says of itself, and by nothing beyond b; valid checks the rest.
func (s *section) cut(kind Kind, m mode, rows int, b []byte) (rest []byte, ok bool) {
	w := kind.width()
	*s = section{rows: rows, present: rows, copies: 1}
	if rows == 0 && m != modeNone {
		return nil, false
	}
	switch m {
	case modeNone:
		s.present = 0
		return b, true
	case modeAll:
	case modeSome:
		if s.bits, b, ok = cut(b, (rows+7)>>3); !ok {
			return nil, false
		}
		s.present = s.bits.count()
	case modeSame:
		s.copies = rows
		s.fixed, b, ok = cut(b, w)
		return b, ok && 0 < w && rows <= maxSame
	default:
		return nil, false
	}
	if w > 0 {
		s.fixed, b, ok = cut(b, w*rows)
		return b, ok
	}
	if s.ends, b, ok = cut(b, 4*rows); !ok {
		return nil, false
	}
	n := s.ends.last()
	if kind == StringMap {
		n *= 2
	}
	if kind != String {
		if s.elements, b, ok = cut(b, 4*n); !ok {
			return nil, false
		}
		n = s.elements.last()
	}
	s.text, b, ok = cut(b, n)
	return b, ok
}

// cut splits b after n bytes.
func cut(b []byte, n int) (head, rest []byte, ok bool) {
	if n > len(b) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// valid says whether a vector could have been the source of the section.
func (s *section) valid(kind Kind) bool {
	if s.present == 0 {
		return len(s.bits) == 0
	}
	if len(s.bits) > 0 && (s.present >= s.rows || s.bits.tail(s.rows) != 0) {
		return false
	}
	if kind == Bool && !validBools(s.fixed) {
		return false
	}
	if !s.ends.valid() || !s.elements.valid() {
		return false
	}
	w := kind.width()
	for i, b := range s.bits {
		for missing := ^b; missing != 0; missing &= missing - 1 {
			row := 8*i + bits.TrailingZeros8(missing)
			if row >= s.rows {
				break
			}
			if w > 0 && !allZero(s.fixed[w*row:][:w]) || w == 0 && s.ends.at(row) != s.ends.before(row) {
				return false // a row without a value has one
			}
		}
	}
	return true
}

func validBools(values []byte) bool {
	for _, b := range values {
		if b > 1 {
			return false
		}
	}
	return true
}

func allZero(value []byte) bool {
	for _, b := range value {
		if b != 0 {
			return false
		}
	}
	return true
}
