package writer

// This file stores whole numbers as what they differ by from the one before
// (DELTA_BINARY_PACKED).

import (
	"encoding/binary"
	"math/bits"
)

const (
	packedBlock = 128 // differences that are counted from the smallest of them
	packedMini  = 32  // of these, such as have a common width
)

// appendPacked adds the encoded numbers to dst. parquet-go's encoder takes what a last
// block lacks for zeros, which makes its differences as large as the numbers: a
// hundred times take eight bytes each then, and here two.
func appendPacked[T int32 | int64](dst []byte, values []T) []byte {
	dst = binary.AppendUvarint(dst, packedBlock)
	dst = binary.AppendUvarint(dst, packedBlock/packedMini)
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	if len(values) == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(values[0]))
	for len(values) > 1 {
		n := min(len(values)-1, packedBlock)
		dst = appendPackedBlock(dst, values[:n+1])
		values = values[n:]
	}
	return dst
}

// appendPackedBlock adds what all but the first number differ by from the one before.
func appendPackedBlock[T int32 | int64](dst []byte, values []T) []byte {
	var block [packedBlock]uint64 // the differences, and zeros
	last, low := values[0], values[1]-values[0]
	for i, v := range values[1:] {
		difference := v - last // which may overflow, as the sum will
		block[i] = uint64(difference)
		low = min(low, difference)
		last = v
	}
	dst = binary.AppendVarint(dst, int64(low))
	at := len(dst)
	dst = append(dst, make([]byte, packedBlock/packedMini)...) // for the widths
	for from := 0; from < len(values)-1; from += packedMini {
		mini := block[from : from+packedMini]
		all := uint64(0)
		for i := range mini[:min(packedMini, len(values)-1-from)] {
			mini[i] -= uint64(low)
			all |= mini[i]
		}
		width := bits.Len64(all)
		dst[at] = byte(width)
		at++
		dst = appendBits(dst, mini, width)
	}
	return dst
}

// appendBits adds 32 numbers of that many bits each, from the lowest bit on.
func appendBits(dst []byte, numbers []uint64, width int) []byte {
	if width == 0 {
		return dst
	}
	word, filled := uint64(0), 0
	for _, x := range numbers {
		word |= x << filled
		if filled += width; filled >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, word)
			filled -= 64
			word = x >> (width - filled)
		}
	}
	if filled > 0 { // half a word
		dst = binary.LittleEndian.AppendUint32(dst, uint32(word))
	}
	return dst
}
