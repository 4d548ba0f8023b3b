package writer

// This file writes the blocks of zstd's frames (RFC 8878) of pages whose matches are known.

import (
	"encoding/binary"
	"math/bits"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"
)

// blockBytes is how much of a page a block has: the format's 128 KiB, less some room,
// since a block of literals without codes may take no more than that itself.
const blockBytes = 127 << 10

// appendPlain appends blocks without sequences.
func (f *framer) appendPlain(dst, page []byte, last bool) []byte {
	for len(page) > 0 {
		n := min(len(page), blockBytes)
		dst = f.appendBlock(dst, page[:n], last && n == len(page), sequences{})
		page = page[n:]
	}
	return dst
}

// appendRuns appends blocks with a sequence for each string's run but the first's.
func (f *framer) appendRuns(dst, page []byte, a alike, r run) []byte {
	// Up to the second string's run. Its offset is told, and is the next ones' too.
	at := a.from + a.stride + r.from
	plain := max(at-blockBytes, 0)
	dst = f.appendPlain(dst, page[:plain], false)
	dst = f.appendBlock(dst, page[plain:at], false, sequences{
		n: 1, literals: at - plain, match: r.len(), offset: a.stride + explicitOffset,
	})
	at += r.len()
	literals := a.stride - r.len()
	for {
		n := min((len(page)-at)/a.stride, blockBytes/a.stride)
		if n == 0 {
			break
		}
		f.literals = f.literals[:0]
		for range n {
			f.literals = append(f.literals, page[at:at+literals]...)
			at += a.stride
		}
		dst = f.appendBlock(dst, f.literals, false, sequences{
			n: n, literals: literals, match: r.len(), offset: repeatedOffset,
		})
	}
	// What is behind the last run is less than a string: a raw block.
	dst = appendBlockHeader(dst, len(page)-at, true, rawBlock)
	return append(dst, page[at:]...)
}

// appendSearched appends the blocks of what is before the strings: levels and lengths, in
// which there is much to be found.
func (f *framer) appendSearched(dst, head []byte) []byte {
	f.literals = f.search.EncodeAll(head, f.literals[:0])
	var frame zstd.Header
	_ = frame.Decode(f.literals) // which our library has just written
	at := len(dst)
	dst = append(dst, f.literals[frame.HeaderSize:]...)
	for { // the last one is not the last any more
		header := int(dst[at]) | int(dst[at+1])<<8 | int(dst[at+2])<<16
		size := header >> 3
		if header>>1&3 == repeatedBlock {
			size = 1
		}
		if header&1 == 1 {
			dst[at] &^= 1
			return dst
		}
		at += 3 + size
	}
}

// sequences are that many of a block, all alike. An offset is one before, or how far
// back with a constant added (section 3.1.1.3.2.1.1).
type sequences struct{ n, literals, match, offset int }

const (
	repeatedOffset = 1
	explicitOffset = 3
)

const (
	rawBlock        = 0
	repeatedBlock   = 1 // a byte, so many times
	compressedBlock = 2
)

func appendBlockHeader(dst []byte, size int, last bool, kind int) []byte {
	header := size<<3 | kind<<1
	if last {
		header |= 1
	}
	return append(dst, byte(header), byte(header>>8), byte(header>>16))
}

// appendBlock appends a compressed block (section 3.1.1.3).
func (f *framer) appendBlock(dst, literals []byte, last bool, s sequences) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0) // for the header
	dst = s.append(f.appendLiterals(dst, literals))
	appendBlockHeader(dst[:at], len(dst)-at-3, last, compressedBlock)
	return dst
}

// appendLiterals appends a block's literals, with Huffman codes unless they don't pay.
// The sizes take 18 bits each, for four streams of codes (section 3.1.1.3.1.1).
func (f *framer) appendLiterals(dst, literals []byte) []byte {
	const raw, coded, longest = 0, 2, 3 << 2
	f.huffman.Reuse = huff0.ReusePolicyNone
	codes, _, err := huff0.Compress4X(literals, &f.huffman)
	if err != nil { // which says that there are too few, or that they are all the same, or all different
		header := raw | longest | len(literals)<<4
		return append(append(dst, byte(header), byte(header>>8), byte(header>>16)), literals...)
	}
	header := uint64(coded | longest | len(literals)<<4 | len(codes)<<22)
	dst = append(binary.LittleEndian.AppendUint32(dst, uint32(header)), byte(header>>32))
	return append(dst, codes...)
}

// append appends a block's sequences (section 3.1.1.3.2).
func (s sequences) append(dst []byte) []byte {
	switch {
	case s.n < 128:
		dst = append(dst, byte(s.n))
	case s.n < 0x7f00:
		dst = append(dst, byte(s.n>>8)+128, byte(s.n))
	default:
		dst = append(dst, 255, byte(s.n-0x7f00), byte((s.n-0x7f00)>>8))
	}
	if s.n == 0 {
		return dst
	}
	literals, literalsBits, moreLiterals := lengthCode(literalsWidths[:], 0, s.literals)
	match, matchBits, moreMatch := lengthCode(matchWidths[:], 3, s.match)
	offset := bits.Len(uint(s.offset)) - 1
	const oneSymbol = 1<<6 | 1<<4 | 1<<2 // each of the three tables
	dst = append(dst, oneSymbol, byte(literals), byte(offset), byte(match))
	// What the codes leave open, backwards: nothing differs, so there is nothing to turn.
	more := uint64(moreLiterals) | uint64(moreMatch)<<literalsBits | uint64(s.offset-1<<offset)<<(literalsBits+matchBits)
	width := literalsBits + matchBits + offset
	buffer, n := uint64(0), 0
	for range s.n {
		buffer |= more << n
		for n += width; n >= 8; n -= 8 {
			dst = append(dst, byte(buffer))
			buffer >>= 8
		}
	}
	return append(dst, byte(buffer|1<<n)) // the bit that tells the end
}

// lengthCode finds the code of a length and what its bits say. A code stands for as many
// lengths as its bits can tell apart, the first one from least on.
func lengthCode(widths []uint8, least, length int) (number, width, more int) {
	for number < len(widths) && length >= least+1<<widths[number] {
		least += 1 << widths[number]
		number++
	}
	return number, int(widths[number]), length - least
}

// How many bits follow each code: of how many literals come before a match, from none on,
// and of how long the match is, from three on, up to what a run can be. RFC 8878, section
// 3.1.1.3.2.1.1, has the tables.
var (
	literalsWidths = [...]uint8{
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	}
	matchWidths = [...]uint8{
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5,
	}
)
