package writer

// This file finds a column's distinct values, where there are few enough of them
// for a dictionary to pay.

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"slices"

	"parquay/schema"
)

// dictionary numbers the distinct values of a column chunk in the order of their
// first appearance, so that the same rows always give the same bytes.
type dictionary struct {
	seed    seed    // of the table only: no number depends on it
	slots   []slot  // open addressing; the length is a power of two
	indexes []int32 // for each value its number
	first   []int32 // for each number the position of its first value,
	keys    []id    // and what tells it from others
	size    int     // of the distinct values in plain encoding
}

type slot struct {
	hash  uint32
	index int32 // number + 1; 0 is free
}

// id tells values apart: a number, or a short string, by itself; a longer string by
// its hash, which leaves the text to compare.
type id struct {
	low, high uint64
	len       int
}

// maxShort is the length of strings that fit their ids.
const maxShort = 16

const (
	// maxDictionaryBytes bounds a dictionary page. Readers hold it while they read
	// the chunk, and one that outgrows their caches is slower than plain values.
	maxDictionaryBytes = 1 << 20
	minSlots           = 64
)

// reset empties the dictionary for n values.
func (d *dictionary) reset(n int) {
	d.indexes, d.first, d.keys = slices.Grow(d.indexes[:0], n), d.first[:0], d.keys[:0]
	d.size = 0
	d.resize(minSlots)
}

// resize makes a table of that many slots of the numbers given so far.
func (d *dictionary) resize(slots int) {
	d.slots = slices.Grow(d.slots[:0], slots)[:slots]
	clear(d.slots)
	for number, k := range d.keys {
		hash := d.seed.hash(k)
		at := int(hash) & (slots - 1)
		for d.slots[at].index != 0 {
			at = (at + 1) & (slots - 1)
		}
		d.slots[at] = slot{hash, int32(number) + 1}
	}
}

// build numbers the values and says whether a dictionary pays.
func (d *dictionary) build(s *values, l *leaf) bool {
	if s.n >= 8*sampleSize && !d.promises(s, l) || !d.number(s, l) {
		return false
	}
	// The distinct values and the numbers must take less than the values. Compression
	// about halves values, and does nothing for numbers.
	plain := s.n * width(l.physical)
	if l.kind == schema.String {
		plain = s.size
	}
	numbers := s.n * bits.Len(uint(len(d.first)-1)) / 8
	return d.size/2+numbers < plain/2
}

// number numbers the values, unless more than every second one is new or the
// distinct ones exceed a dictionary page.
func (d *dictionary) number(s *values, l *leaf) bool {
	d.reset(s.n)
	for i := range s.n {
		if !d.add(s, l, i) || len(d.first) > s.n/2 {
			return false
		}
	}
	return true
}

const (
	// sampleSize is how many values tell whether the dictionary of many more would
	// pay, and fewValues how many tell that it surely will.
	sampleSize = 2048
	fewValues  = 128
)

// promises says whether a dictionary is worth the attempt: ids and telephone
// numbers would be told apart by the tens of thousands until it is given up. The
// number of distinct values is estimated from how many of a sample were seen once and
// how many twice (Chao's estimator, which errs to the low side).
func (d *dictionary) promises(s *values, l *leaf) bool {
	d.reset(sampleSize)
	for i := range uint64(sampleSize) {
		if i == 2*fewValues && len(d.first) < fewValues {
			return true
		}
		// Places by chance, which are always the same: values that come in rounds are
		// not new for ever.
		x := i * golden
		x = (x ^ x>>29) * golden
		place, _ := bits.Mul64(x, uint64(s.n))
		if !d.add(s, l, int(place)) {
			return false
		}
	}
	var seen [sampleSize]uint16
	once, twice := 0, 0
	for _, number := range d.indexes {
		switch seen[number]++; seen[number] {
		case 1:
			once++
		case 2:
			once, twice = once-1, twice+1
		case 3:
			twice--
		}
	}
	distinct := len(d.first) + once*(once-1)/(2*(twice+1))
	return distinct <= s.n/2 && distinct/len(d.first)*d.size <= maxDictionaryBytes
}

// golden is 2^64 divided by the golden ratio.
const golden = 0x9e3779b97f4a7c15

// add appends the number of the value at position i. It returns false when the
// dictionary becomes too large.
func (d *dictionary) add(s *values, l *leaf, i int) bool {
	var k id
	size := width(l.physical)
	if l.kind == schema.String {
		k = d.seed.id(s.text, s.spans[i])
		size = 4 + k.len
	} else {
		k.low = uint64(s.ints[i])
	}
	hash := d.seed.hash(k)
	slot := d.slots[int(hash)&(len(d.slots)-1)]
	if slot.hash == hash && slot.index != 0 && d.keys[slot.index-1] == k && k.len <= maxShort {
		d.indexes = append(d.indexes, slot.index-1)
		return true
	}
	return d.insert(s, i, k, hash, size)
}

// insert numbers the value at position i, which has that id, hash and size.
func (d *dictionary) insert(s *values, i int, k id, hash uint32, size int) bool {
	mask := len(d.slots) - 1
	at := int(hash) & mask
	for d.slots[at].index != 0 {
		if slot := d.slots[at]; slot.hash == hash && d.keys[slot.index-1] == k &&
			(k.len <= maxShort || bytes.Equal(s.string(i), s.string(int(d.first[slot.index-1])))) {
			d.indexes = append(d.indexes, slot.index-1)
			return true
		}
		at = (at + 1) & mask
	}
	if d.size += size; d.size > maxDictionaryBytes {
		return false
	}
	n := len(d.first)
	d.indexes = append(d.indexes, int32(n))
	d.first, d.keys = append(d.first, int32(i)), append(d.keys, k)
	d.slots[at] = slot{hash, int32(n) + 1}
	if 2*n > len(d.slots) {
		d.resize(4 * len(d.slots))
	}
	return true
}

// seed makes hashes that nobody can foresee: whoever could, would send values that
// all fall on one slot.
type seed struct {
	low, high uint64
	long      maphash.Seed
}

func newSeed() seed {
	return seed{rand.Uint64(), rand.Uint64(), maphash.MakeSeed()}
}

// id is the id of a string in a text.
func (s *seed) id(text []byte, p span) id {
	k := id{len: p.len()}
	switch {
	case k.len > maxShort:
		k.low = maphash.Bytes(s.long, text[p.from:p.to])
	case k.len >= 8:
		k.low = binary.LittleEndian.Uint64(text[p.from:])
		k.high = binary.LittleEndian.Uint64(text[p.to-8:])
	case k.len >= 4:
		k.low = uint64(binary.LittleEndian.Uint32(text[p.from:]))
		k.high = uint64(binary.LittleEndian.Uint32(text[p.to-4:]))
	case k.len > 0:
		k.low = uint64(text[p.from])
		k.high = uint64(text[p.from+uint32(k.len)/2])<<8 | uint64(text[p.to-1])
	}
	return k
}

func (s *seed) hash(k id) uint32 {
	high, low := bits.Mul64(k.low^s.low, k.high^s.high^uint64(k.len))
	return uint32(high ^ low)
}
