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
	seed     seed    // of the table only: no number depends on it
	slots    []slot  // open addressing; the length is a power of two
	indexes  []int32 // for each value its number
	spare    []int32 // for another order
	distinct values  // for each number its value,
	keys     []id    // and what tells it from others
	size     int     // of the distinct values in plain encoding
}

// slot holds a value's id, so that most values are found with one look.
type slot struct {
	id
	number int32 // from 1 on; 0 is free
}

// id tells values apart: a number, or a short string, by itself; a longer string by
// its hash, which leaves the text to compare.
type id struct {
	low, high uint64
	len       int32
}

// maxShort is the length of strings that fit their ids.
const maxShort = 16

const (
	// maxDictionaryBytes bounds a dictionary page. Readers hold it while they read
	// the chunk, and one that outgrows their caches is slower than plain values.
	maxDictionaryBytes = 2 << 20
	minSlots           = 64
)

// reset empties the dictionary for n values of a text.
func (d *dictionary) reset(n int, text []byte) {
	d.indexes, d.keys, d.size = slices.Grow(d.indexes[:0], n)[:n], d.keys[:0], 0
	d.distinct = values{text: text, ints: d.distinct.ints[:0], spans: d.distinct.spans[:0]}
	d.resize(minSlots)
}

// resize makes a table of that many slots of the numbers given so far.
func (d *dictionary) resize(slots int) {
	d.slots = slices.Grow(d.slots[:0], slots)[:slots]
	clear(d.slots)
	for number, k := range d.keys {
		at := int(d.seed.hash(k)) & (slots - 1)
		for d.slots[at].number != 0 {
			at = (at + 1) & (slots - 1)
		}
		d.slots[at] = slot{k, int32(number) + 1}
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
	numbers := s.n * bits.Len(uint(d.distinct.n-1)) / 8
	return d.size/2+numbers < plain/2
}

// number numbers the values, unless more than every second one is new or the
// distinct ones exceed a dictionary page.
func (d *dictionary) number(s *values, l *leaf) bool {
	d.reset(s.n, s.text)
	for i, v := range s.ints {
		k := id{low: uint64(v)}
		number := d.look(k)
		if number < 0 {
			if number = d.find(s, i, k, width(l.physical)); d.tooMany(s) {
				return false
			}
		}
		d.indexes[i] = number
	}
	for i, p := range s.spans {
		number := int32(-1)
		if n := p.to - p.from; n <= maxShort && int(p.from)+maxShort <= len(s.text) {
			b, m := (*[maxShort]byte)(s.text[p.from:]), &masks[n]
			number = d.look(id{binary.LittleEndian.Uint64(b[:8]) & m[0], binary.LittleEndian.Uint64(b[8:]) & m[1], int32(n)})
		}
		if number < 0 {
			k, size := d.seed.identify(s, l, i)
			if number = d.find(s, i, k, size); d.tooMany(s) {
				return false
			}
		}
		d.indexes[i] = number
	}
	return true
}

// look returns the number of a short value that is where it is looked for first, as
// nearly all are; -1 for others.
func (d *dictionary) look(k id) int32 {
	slot := &d.slots[int(d.seed.hash(k))&(len(d.slots)-1)]
	if slot.id == k {
		return slot.number - 1
	}
	return -1
}

func (d *dictionary) tooMany(s *values) bool {
	return d.distinct.n > s.n/2 || d.size > maxDictionaryBytes
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
	d.reset(0, s.text)
	var seen [sampleSize]uint16
	once, twice := 0, 0
	for i := range uint64(sampleSize) {
		if i == 2*fewValues && d.distinct.n < fewValues {
			return true
		}
		// Places by chance, which are always the same: values that come in rounds are
		// not new for ever.
		x := i * golden
		x = (x ^ x>>29) * golden
		place, _ := bits.Mul64(x, uint64(s.n))
		k, size := d.seed.identify(s, l, int(place))
		number := d.find(s, int(place), k, size)
		switch seen[number]++; seen[number] {
		case 1:
			once++
		case 2:
			once, twice = once-1, twice+1
		case 3:
			twice--
		}
	}
	distinct := d.distinct.n + once*(once-1)/(2*(twice+1))
	return distinct <= s.n/2 && distinct/d.distinct.n*d.size <= maxDictionaryBytes
}

// golden is 2^64 divided by the golden ratio.
const golden = 0x9e3779b97f4a7c15

// find returns the number of the value at position i, which has that id and size.
func (d *dictionary) find(s *values, i int, k id, size int) int32 {
	mask := len(d.slots) - 1
	at := int(d.seed.hash(k)) & mask
	for d.slots[at].number != 0 {
		if slot := &d.slots[at]; slot.id == k &&
			(k.len <= maxShort || bytes.Equal(s.string(i), d.distinct.string(int(slot.number-1)))) {
			return slot.number - 1
		}
		at = (at + 1) & mask
	}
	if len(s.spans) > 0 {
		d.distinct.spans = append(d.distinct.spans, s.spans[i])
	} else {
		d.distinct.ints = append(d.distinct.ints, s.ints[i])
	}
	d.keys = append(d.keys, k)
	d.distinct.n++
	d.size += size
	d.slots[at] = slot{k, int32(d.distinct.n)}
	if 2*d.distinct.n > len(d.slots) {
		d.resize(4 * len(d.slots))
	}
	return int32(d.distinct.n) - 1
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

// identify returns the id and the size of the value at position i.
func (s *seed) identify(v *values, l *leaf, i int) (k id, size int) {
	if l.kind != schema.String {
		return id{low: uint64(v.ints[i])}, width(l.physical)
	}
	p := v.spans[i]
	k.len = int32(p.len())
	if k.len > maxShort {
		k.low = maphash.Bytes(s.long, v.text[p.from:p.to])
	} else {
		k.low, k.high = head(v.text, p)
	}
	return k, 4 + p.len()
}

func (s *seed) hash(k id) uint32 {
	high, low := bits.Mul64(k.low^s.low, k.high^s.high^uint64(k.len))
	return uint32(high ^ low)
}
