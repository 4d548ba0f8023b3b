package writer

// This file finds a column's distinct values, where there are few enough of them
// for a dictionary to pay.

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"

	"parquay/schema"
)

// dictionary numbers the distinct values of a column chunk in the order of their
// first appearance, so that the same rows always give the same bytes.
type dictionary struct {
	seed    maphash.Seed // of the table only: no number depends on it
	slots   []slot       // open addressing; the length is a power of two
	indexes []int32      // for each value its number
	first   []int32      // for each number the position of its first value,
	hashes  []uint32     // and its hash
	size    int          // of the distinct values in plain encoding
}

type slot struct {
	hash  uint32
	index int32 // number + 1; 0 is free
}

const (
	// maxDictionaryBytes bounds a dictionary page. Readers hold it while they read
	// the chunk, and one that outgrows their caches is slower than plain values.
	maxDictionaryBytes = 1 << 20
	minSlots           = 64
)

// reset empties the dictionary for n values.
func (d *dictionary) reset(n int) {
	d.indexes, d.first, d.hashes = slices.Grow(d.indexes[:0], n), d.first[:0], d.hashes[:0]
	d.size = 0
	d.resize(minSlots)
}

// resize makes a table of that many slots of the numbers given so far.
func (d *dictionary) resize(slots int) {
	d.slots = slices.Grow(d.slots[:0], slots)[:slots]
	clear(d.slots)
	for number, hash := range d.hashes {
		at := int(hash) & (slots - 1)
		for d.slots[at].index != 0 {
			at = (at + 1) & (slots - 1)
		}
		d.slots[at] = slot{hash, int32(number) + 1}
	}
}

// build numbers the values and says whether a dictionary pays.
func (d *dictionary) build(s *values, l *leaf) bool {
	if !d.number(s, l) {
		return false
	}
	// The distinct values and the numbers must take less than the values. Compression
	// about halves values, and does nothing for numbers.
	plain := s.n * width(l.physical)
	if l.kind == schema.String {
		plain = len(s.text)
	}
	numbers := s.n * bits.Len(uint(len(d.first)-1)) / 8
	return d.size/2+numbers < plain/2
}

// number numbers the values, unless more than every second one is new or the
// distinct ones exceed a dictionary page.
func (d *dictionary) number(s *values, l *leaf) bool {
	d.reset(s.n)
	if l.kind == schema.String {
		for i := range s.n {
			v := s.string(i)
			if i > 0 && bytes.Equal(v, s.string(i-1)) {
				d.indexes = append(d.indexes, d.indexes[i-1])
				continue
			}
			hash := uint32(maphash.Bytes(d.seed, v))
			same := func(j int32) bool { return bytes.Equal(v, s.string(int(j))) }
			if !d.insert(i, s.n/2, 4+len(v), hash, same) {
				return false
			}
		}
		return true
	}
	for i, v := range s.ints {
		if i > 0 && v == s.ints[i-1] {
			d.indexes = append(d.indexes, d.indexes[i-1])
			continue
		}
		same := func(j int32) bool { return v == s.ints[j] }
		if !d.insert(i, s.n/2, width(l.physical), mix(uint64(v)), same) {
			return false
		}
	}
	return true
}

// insert appends the number of the value at position i, which has that size and
// hash; same says whether the value at another position is the same one. It returns
// false when the value is a new one and too much.
func (d *dictionary) insert(i, most, size int, hash uint32, same func(j int32) bool) bool {
	mask := len(d.slots) - 1
	at := int(hash) & mask
	for d.slots[at].index != 0 {
		if s := d.slots[at]; s.hash == hash && same(d.first[s.index-1]) {
			d.indexes = append(d.indexes, s.index-1)
			return true
		}
		at = (at + 1) & mask
	}
	n := len(d.first)
	if d.size += size; n >= most || d.size > maxDictionaryBytes {
		return false
	}
	d.indexes = append(d.indexes, int32(n))
	d.first, d.hashes = append(d.first, int32(i)), append(d.hashes, hash)
	d.slots[at] = slot{hash, int32(n) + 1}
	if 2*n > len(d.slots) {
		d.resize(4 * len(d.slots))
	}
	return true
}

// mix spreads a number over 32 bits (the golden ratio's multiplicative hash).
func mix(v uint64) uint32 {
	high, low := bits.Mul64(v, 0x9e3779b97f4a7c15)
	return uint32(high ^ low>>32)
}
