// What a row must hold, as one number.

package scenario

import "hash/maphash"

// Sums turns the values of a row into one number each, whose sum is the row's. Both
// what was sent and what is found are summed, so that two rows are compared by their
// sums: no order of columns, and no column without a value, makes a difference. The
// seed is new for each process, so that sums are for comparing and not for keeping.
type Sums struct {
	seed maphash.Seed
}

// NewSums makes sums of a new kind.
func NewSums() Sums { return Sums{maphash.MakeSeed()} }

// Column is what a column adds to the numbers of its values.
func (s Sums) Column(name string) uint64 { return maphash.String(s.seed, name) }

// Bytes is the number of a text in a column.
func (s Sums) Bytes(column uint64, text []byte) uint64 {
	return mix(maphash.Bytes(s.seed, text) ^ column)
}

// Integer is the number of an integer, a time in microseconds or a decimal in its
// smallest units.
func (s Sums) Integer(column uint64, n int64) uint64 {
	return mix(mix(uint64(n)^0xd6e8feb86659fd93) ^ column)
}

// Join adds a further element to the number of a list or a map, in which order matters.
func (s Sums) Join(list, element uint64) uint64 { return mix(list*31 + element) }

// ValuesOf is how the values of a map are named, whose names have the column's own.
func ValuesOf(column string) string { return column + "\x00value" }
