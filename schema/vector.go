package schema

import (
	"encoding/binary"
	"math"
	"slices"
)

// One column's values, held in the bytes that the journal stores.

// Vector is one column's values. Rows are numbered from 0. The slices that its
// methods return alias the vector and are valid until it changes.
//
// A vector stores its first `stored` rows; those after have no value. So a
// column that no event names costs nothing, however many rows there are.
type Vector struct {
	kind    Kind
	rows    int
	stored  int
	present int    // rows with a value
	bits    bitmap // which stored rows have a value; empty while all of them have

	fixed    []byte  // kinds of fixed width: the stored rows' values, 0 where there is none
	ends     offsets // String: where each stored row's text ends; collections: its elements
	elements offsets // collections: where each element's text ends; a map's pair is two
	text     []byte
}

// Kind is the column's kind.
func (v *Vector) Kind() Kind { return v.kind }

// AllPresent says that no row lacks a value, NonePresent that every row does.
func (v *Vector) AllPresent() bool { return v.present == v.rows }

// NonePresent says that no row has a value.
func (v *Vector) NonePresent() bool { return v.present == 0 }

// Present says whether the row has a value.
func (v *Vector) Present(row int) bool {
	return row < v.stored && (len(v.bits) == 0 || v.bits.at(row))
}

// Int64 is the value of an Int32, Int64, Bool, Timestamp or Decimal column; 0
// where the row has none.
func (v *Vector) Int64(row int) int64 {
	if row >= v.stored {
		return 0
	}
	switch v.kind.width() {
	case 1:
		return int64(v.fixed[row])
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(v.fixed[4*row:])))
	}
	return int64(binary.LittleEndian.Uint64(v.fixed[8*row:]))
}

// Float64 is the value of a Double column; 0 where the row has none.
func (v *Vector) Float64(row int) float64 {
	return math.Float64frombits(uint64(v.Int64(row)))
}

// Bytes is the value of a String column; empty where the row has none.
func (v *Vector) Bytes(row int) []byte {
	if row >= v.stored {
		return nil
	}
	return v.text[v.ends.before(row):v.ends.at(row):v.ends.at(row)]
}

// Text is what the spans of a String, StringList or StringMap column are places in.
func (v *Vector) Text() []byte { return v.text }

// Span is where a row's value is in Text, in a String column whose row has one.
func (v *Vector) Span(row int) (from, to uint32) { return v.ends.around(row) }

// ElementSpan is where Element(i) is in Text.
func (v *Vector) ElementSpan(i int) (from, to uint32) {
	if v.kind == StringMap {
		i = 2*i + 1
	}
	return v.elements.around(i)
}

// KeySpan is where Key(i) is in Text.
func (v *Vector) KeySpan(i int) (from, to uint32) { return v.elements.around(2 * i) }

// Elements returns the range [from, to) of a row's elements in a StringList or
// StringMap column.
func (v *Vector) Elements(row int) (from, to int) {
	if row >= v.stored {
		return 0, 0
	}
	return v.ends.before(row), v.ends.at(row)
}

// Element is element i of a StringList, or the value of pair i of a StringMap.
func (v *Vector) Element(i int) []byte {
	if v.kind == StringMap {
		i = 2*i + 1
	}
	return v.element(i)
}

// Key is the key of pair i of a StringMap.
func (v *Vector) Key(i int) []byte { return v.element(2 * i) }

func (v *Vector) element(i int) []byte {
	return v.text[v.elements.before(i):v.elements.at(i):v.elements.at(i)]
}

// size is the number of bytes that the values occupy.
func (v *Vector) size() int {
	return len(v.bits) + len(v.fixed) + len(v.ends) + len(v.elements) + len(v.text)
}

// reset removes all rows and keeps the memory.
func (v *Vector) reset() {
	v.rows, v.stored, v.present = 0, 0, 0
	v.bits, v.fixed = v.bits[:0], v.fixed[:0]
	v.ends, v.elements, v.text = v.ends[:0], v.elements[:0], v.text[:0]
}

// begin makes the row, which must not be stored yet, the next one that a value
// is added for.
func (v *Vector) begin(row int) {
	if v.stored < row || len(v.bits) > 0 {
		v.beginSparse(row)
	}
	v.stored++
	v.present++
}

// beginSparse begins the row of a vector that has rows without a value.
func (v *Vector) beginSparse(row int) {
	v.store(row)
	if len(v.bits) > 0 {
		v.bits = v.bits.add(row, true)
	}
}

// store stores rows without a value until that many rows are stored.
func (v *Vector) store(rows int) {
	missing := rows - v.stored
	if missing <= 0 {
		return
	}
	v.needBits()
	v.bits = v.bits.addZeros(v.stored, missing)
	if w := v.kind.width(); w > 0 {
		v.fixed = append(v.fixed, make([]byte, w*missing)...)
	} else {
		v.ends = appendOffsets(v.ends, v.ends.last(), missing)
	}
	v.stored = rows
}

// needBits writes down which rows have a value, now that not all of them do.
func (v *Vector) needBits() {
	if len(v.bits) == 0 {
		v.bits = v.bits.addOnes(0, v.stored)
	}
}

// setInt64 gives the row, beyond all stored ones, a value of a kind of fixed width.
func (v *Vector) setInt64(row int, x int64) {
	v.begin(row)
	switch v.kind.width() {
	case 1:
		v.fixed = append(v.fixed, byte(x))
	case 4:
		v.fixed = append(v.fixed, byte(x), byte(x>>8), byte(x>>16), byte(x>>24))
	default:
		v.fixed = append(v.fixed, byte(x), byte(x>>8), byte(x>>16), byte(x>>24),
			byte(x>>32), byte(x>>40), byte(x>>48), byte(x>>56))
	}
}

// fill gives the first rows, none of which is stored, the same value of eight bytes.
func (v *Vector) fill(rows int, x int64) {
	v.fixed = slices.Grow(v.fixed, 8*rows)
	for range rows {
		v.fixed = binary.LittleEndian.AppendUint64(v.fixed, uint64(x))
	}
	v.stored, v.present = rows, rows
}

// setFloat64 gives the row, beyond all stored ones, a value of a Double column.
func (v *Vector) setFloat64(row int, x float64) {
	v.setInt64(row, int64(math.Float64bits(x)))
}

// setString gives the row, beyond all stored ones, a text.
func (v *Vector) setString(row int, s string) {
	v.begin(row)
	v.addText(s)
	v.ends.add(len(v.text))
}

// addElement adds a string to the collection that endElements gives to a row.
func (v *Vector) addElement(s string) {
	v.addText(s)
	v.elements.add(len(v.text))
}

// addText adds to the text. It is append, but that it writes the text's address
// only when that changes: while the garbage collector runs, the write is not free.
func (v *Vector) addText(s string) {
	n := len(v.text)
	if cap(v.text)-n < len(s) {
		v.text = slices.Grow(v.text, len(s))
	}
	v.text = v.text[:n+len(s)]
	copy(v.text[n:], s)
}

// addShort adds the first n of sixteen bytes to the text, and where they end to the ends
// or elements. All are stored, without a look at n: what comes next overwrites the others.
func (v *Vector) addShort(ends *offsets, first, second uint64, n int) {
	at := len(v.text)
	if cap(v.text)-at < 16 {
		v.text = slices.Grow(v.text, 16)
	}
	to := v.text[at : at+16 : at+16]
	binary.LittleEndian.PutUint64(to, first)
	binary.LittleEndian.PutUint64(to[8:], second)
	v.text = v.text[:at+n]
	ends.add(at + n)
}

// endElements gives the row, beyond all stored ones, the elements that no row has yet.
func (v *Vector) endElements(row int) {
	v.begin(row)
	n := v.elements.len()
	if v.kind == StringMap {
		n /= 2
	}
	v.ends.add(n)
}

// truncate removes the row's value, if it has one, and elements that no row has. No
// row after it may be stored.
func (v *Vector) truncate(row int) {
	if v.stored > row {
		v.present--
		v.stored = row
		v.bits = v.bits.truncate(row)
		if w := v.kind.width(); w > 0 {
			v.fixed = v.fixed[:w*row]
		} else {
			v.ends = v.ends[:4*row]
		}
	}
	switch v.kind {
	case String:
		v.text = v.text[:v.ends.last()]
	case StringMap, StringList:
		n := v.ends.last()
		if v.kind == StringMap {
			n *= 2
		}
		v.elements = v.elements[:4*n]
		v.text = v.text[:v.elements.last()]
	}
}
