package schema

import (
	"encoding/binary"
	"math/bits"
)

// The two packed lists that vectors are made of, in memory as in the byte form.

// offsets is a list of 32-bit little-endian offsets that never decrease.
type offsets []byte

func (o offsets) len() int { return len(o) / 4 }

func (o offsets) at(i int) int { return int(binary.LittleEndian.Uint32(o[4*i:])) }

// before is the offset before i: where what ends at i begins.
func (o offsets) before(i int) int {
	if i == 0 {
		return 0
	}
	return o.at(i - 1)
}

// around is before(i) and at(i), which are side by side.
func (o offsets) around(i int) (from, to uint32) {
	if i == 0 {
		return 0, binary.LittleEndian.Uint32(o)
	}
	w := binary.LittleEndian.Uint64(o[4*i-4:])
	return uint32(w), uint32(w >> 32)
}

// last is the end of all, 0 for an empty list.
func (o offsets) last() int { return o.before(o.len()) }

func (o *offsets) add(end int) {
	*o = append(*o, byte(end), byte(end>>8), byte(end>>16), byte(end>>24))
}

// appendOffsets appends the same offset n times: as many things of length 0.
func appendOffsets(dst []byte, end, n int) []byte {
	for range n {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(end))
	}
	return dst
}

// concat adds all of other, counted from base on.
func (o offsets) concat(other offsets, base int) offsets {
	at := len(o)
	o = append(o, other...)
	if base == 0 {
		return o
	}
	added := o[at:]
	for ; len(added) >= 8; added = added[8:] { // two at once: neither sum reaches 2^32
		w := binary.LittleEndian.Uint64(added) + uint64(base)<<32 + uint64(base)
		binary.LittleEndian.PutUint64(added, w)
	}
	if len(added) > 0 {
		binary.LittleEndian.PutUint32(added, binary.LittleEndian.Uint32(added)+uint32(base))
	}
	return o
}

// valid says that the offsets never decrease.
func (o offsets) valid() bool {
	var last, falls uint64 // the top bit of falls is set by a difference below 0
	for ; len(o) >= 8; o = o[8:] {
		w := binary.LittleEndian.Uint64(o)
		falls |= (w&0xffffffff - last) | (w>>32 - w&0xffffffff)
		last = w >> 32
	}
	if len(o) > 0 {
		falls |= uint64(binary.LittleEndian.Uint32(o)) - last
	}
	return falls>>63 == 0
}

// bitmap holds bit i in byte i/8, from the lowest bit on. Bits beyond its last
// are 0.
type bitmap []byte

func (b bitmap) at(i int) bool { return b[i>>3]>>(i&7)&1 == 1 }

// add adds bit i, the next one.
func (b bitmap) add(i int, set bool) bitmap {
	if i&7 == 0 {
		b = append(b, 0)
	}
	if set {
		b[i>>3] |= 1 << (i & 7)
	}
	return b
}

// addOnes adds n ones to the first have bits.
func (b bitmap) addOnes(have, n int) bitmap {
	for ; n > 0 && have&7 != 0; n-- {
		b = b.add(have, true)
		have++
	}
	for ; n >= 8; n -= 8 {
		b = append(b, 0xff)
	}
	if n > 0 {
		b = append(b, 1<<n-1)
	}
	return b
}

// addZeros adds n zeros to the first have bits.
func (b bitmap) addZeros(have, n int) bitmap {
	return append(b, make([]byte, (have+n+7)>>3-len(b))...)
}

// concat adds the n bits of other to the first have ones.
func (b bitmap) concat(have int, other bitmap, n int) bitmap {
	shift := have & 7
	if shift == 0 {
		return append(b, other...)
	}
	for _, bits := range other {
		b[len(b)-1] |= bits << shift
		b = append(b, bits>>(8-shift))
	}
	return b[:(have+n+7)>>3]
}

// count is the number of ones.
func (b bitmap) count() (n int) {
	for _, x := range b {
		n += bits.OnesCount8(x)
	}
	return n
}

// tail holds what the last byte has beyond the first n bits.
func (b bitmap) tail(n int) byte {
	if n&7 == 0 {
		return 0
	}
	return b[len(b)-1] >> (n & 7)
}

// truncate keeps the first n bits.
func (b bitmap) truncate(n int) bitmap {
	if len(b)*8 <= n {
		return b
	}
	b = b[:(n+7)>>3]
	if n&7 != 0 {
		b[len(b)-1] &= 1<<(n&7) - 1
	}
	return b
}
