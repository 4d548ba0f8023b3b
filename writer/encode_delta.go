package writer

// This file stores strings as what they differ by from the one before
// (DELTA_BYTE_ARRAY).

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// deltas is the scratch memory of that encoding.
type deltas struct {
	prefixes, suffixes []int32 // lengths of what strings share with the one before, and of the rest
}

// addDeltas adds the strings to the page: how much each begins with of the one
// before it, how much follows, and what.
//
// A string may repeat less than it could. That of most ids, telephone numbers and the
// like is a prefix that all have, and then some characters by chance, which would
// save a byte for a few and cost all of them the bits that tell the lengths, here and
// there: so nothing beyond the most frequent length is used. Of the events table's
// ids that saves 3 to 12 %.
func (p *pageWriter) addDeltas(text []byte, spans []span) {
	d := &p.deltas
	n := len(spans)
	d.prefixes, d.suffixes = slices.Grow(d.prefixes[:0], n)[:n], slices.Grow(d.suffixes[:0], n)[:n]
	var frequency [maxPrefix + 1]int
	var last span
	for i, s := range spans {
		length := common(text, last, s)
		d.prefixes[i] = int32(length)
		frequency[length]++
		last = s
	}
	limit := int32(0)
	for length, n := range frequency {
		if n > frequency[limit] {
			limit = int32(length)
		}
	}
	for i, s := range spans {
		length := min(d.prefixes[i], limit)
		d.prefixes[i], d.suffixes[i] = length, int32(s.len())-length
	}
	p.raw = appendPacked(appendPacked(p.raw, d.prefixes), d.suffixes)
	if n > 1 {
		// The first has no prefix, so the others may be as long as each other, without it.
		if length := d.suffixes[1]; !slices.ContainsFunc(d.suffixes[1:], func(l int32) bool { return l != length }) {
			p.alike = alike{len(p.raw) + int(d.suffixes[0]), int(length)}
		}
	}
	for i, s := range spans {
		p.raw = append(p.raw, text[s.from+uint32(d.prefixes[i]):s.to]...)
	}
}

// maxPrefix bounds the length that is looked for.
const maxPrefix = 255

// common is the length of what two strings of a text begin with.
func common(text []byte, a, b span) int {
	most := uint32(min(a.len(), b.len(), maxPrefix))
	i := uint32(0)
	for ; i+8 <= most; i += 8 {
		x := binary.LittleEndian.Uint64(text[a.from+i:]) ^ binary.LittleEndian.Uint64(text[b.from+i:])
		if x != 0 {
			return int(i) + bits.TrailingZeros64(x)/8
		}
	}
	for i < most && text[a.from+i] == text[b.from+i] {
		i++
	}
	return int(i)
}
