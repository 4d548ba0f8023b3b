package schema

import (
	"math/bits"
)

// section is one column of a byte form, taken apart and checked, before any of
// it is copied. It aliases the bytes it was parsed from.
type section struct {
	mode     mode
	rows     int
	present  int
	bits     bitmap
	fixed    []byte
	ends     offsets
	elements offsets
	text     []byte
}

// parse takes a column's section off the front of b. It accepts what appendTo
// writes and nothing that a vector could not hold.
func (s *section) parse(kind Kind, b []byte) (rest []byte, ok bool) {
	w := kind.width()
	s.present = s.rows
	switch s.mode {
	case modeNone:
		s.present = 0
		return b, true
	case modeAll:
		if s.rows == 0 {
			return nil, false
		}
	case modeSame:
		if w == 0 || s.rows == 0 || s.rows > maxSame {
			return nil, false
		}
		s.fixed, b, ok = cut(b, w)
		return b, ok && s.validFixed(kind)
	case modeSome:
		if s.bits, b, ok = cut(b, (s.rows+7)>>3); !ok || !s.countBits() {
			return nil, false
		}
	default:
		return nil, false
	}
	if w > 0 {
		s.fixed, b, ok = cut(b, w*s.rows)
		return b, ok && s.validFixed(kind)
	}
	if s.ends, b, ok = cut(b, 4*s.rows); !ok || !s.validEnds() {
		return nil, false
	}
	n := s.ends.last()
	if kind == StringMap {
		n *= 2
	}
	if kind != String {
		if s.elements, b, ok = cut(b, 4*n); !ok || !s.elements.valid() {
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

// countBits counts the rows with a value. A bitmap with none or all of them, or
// with bits beyond the last row, was not written by a Columns.
func (s *section) countBits() bool {
	s.present = 0
	for _, b := range s.bits {
		s.present += bits.OnesCount8(b)
	}
	if s.present == 0 || s.present >= s.rows {
		return false
	}
	last := s.bits[len(s.bits)-1]
	return s.rows&7 == 0 || last>>(s.rows&7) == 0
}

// validFixed says that booleans are 0 or 1 and that rows without a value hold 0.
func (s *section) validFixed(kind Kind) bool {
	if kind == Bool {
		for _, b := range s.fixed {
			if b > 1 {
				return false
			}
		}
	}
	w := kind.width()
	return s.absent(func(row int) bool {
		for _, b := range s.fixed[w*row:][:w] {
			if b != 0 {
				return false
			}
		}
		return true
	})
}

// validEnds says that offsets never decrease and that rows without a value are empty.
func (s *section) validEnds() bool {
	return s.ends.valid() && s.absent(func(row int) bool { return s.ends.at(row) == s.ends.before(row) })
}

// absent says whether what it is given holds for every row without a value.
func (s *section) absent(holds func(row int) bool) bool {
	for i, b := range s.bits {
		for missing := ^b; missing != 0; missing &= missing - 1 {
			row := 8*i + bits.TrailingZeros8(missing)
			if row < s.rows && !holds(row) {
				return false
			}
		}
	}
	return true
}
