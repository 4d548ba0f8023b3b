package writer

// This file writes the pages of column chunks: header, levels, values, compressed.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

// compressionLevel is the fastest one. The next takes longer and makes larger files:
// most of what is left to compress are ids, in which it finds repetitions that cost
// more than they save. docs/performance.md has the figures.
const compressionLevel = zstd.SpeedFastest

// compressionWindow is how far back repetitions are looked for. An encoder keeps twice
// as much from its first large page on. A larger one makes files of messages no smaller;
// texts of which 20,000 come back would be 1.6 % smaller with the level's own 4 MiB.
const compressionWindow = 1 << 20

// pageWriter appends pages to out. All its memory is reused.
type pageWriter struct {
	out    []byte
	zstd   *zstd.Encoder
	framer *framer

	// The page at work.
	raw     []byte  // before compression
	alike   alike   // strings in it
	packed  []byte  // after it
	scratch []byte  // encodings want a buffer that they may overwrite
	int32s  []int32 // as above
	deltas  deltas
	levels  rle.Encoding
}

func newPageWriter() (pageWriter, error) {
	z, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(compressionLevel),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(compressionWindow),
		zstd.WithEncoderCRC(false), // pages have their own
		// Ids and numbers as text have no repetitions, but few characters.
		zstd.WithAllLitEntropyCompression(true),
	)
	if err != nil {
		return pageWriter{}, fmt.Errorf("make a zstd encoder: %w", err)
	}
	return pageWriter{zstd: z, framer: &framer{search: z}}, nil
}

// addLevels adds the levels of n entries to the page: those given, or n times the
// same where none are.
func (p *pageWriter) addLevels(levels []byte, n int, level, highest byte) error {
	at := len(p.raw)
	p.raw = append(p.raw, 0, 0, 0, 0) // for the length
	if len(levels) == 0 {
		p.raw = binary.AppendUvarint(p.raw, uint64(n)<<1) // a run of n
		p.raw = append(p.raw, level)
	} else {
		var err error
		p.levels.BitWidth = bits.Len8(highest)
		if p.scratch, err = p.levels.EncodeLevels(p.scratch, levels); err != nil {
			return err
		}
		p.raw = append(p.raw, p.scratch...)
	}
	binary.LittleEndian.PutUint32(p.raw[at:], uint32(len(p.raw)-at-4))
	return nil
}

// addPlain adds the values [from, to) in plain encoding to the page.
func (p *pageWriter) addPlain(s *values, l *leaf, from, to int) {
	if l.physical == format.ByteArray {
		if length, ok := sameLength(s.spans[from:to]); ok {
			p.alike = alike{len(p.raw), 4 + length}
		}
	}
	p.raw = s.appendPlain(p.raw, l, from, to)
}

// writeDictionary ends the page as the dictionary of the chunk.
func (p *pageWriter) writeDictionary(c *chunk, n int) {
	c.dictionary = int64(len(p.out))
	h := p.begin(format.DictionaryPage, len(p.raw) >= minCompressed)
	h.open(7)
	h.i32(1, int32(n))
	h.i32(2, int32(format.Plain))
	h.stop(7)
	p.end(c, h)
}

// writeData ends the page as the chunk's next data page. It is of version 1, which
// every reader knows, and which compresses the levels too.
func (p *pageWriter) writeData(c *chunk, entries, nulls int) {
	if c.pages == 0 {
		c.data = int64(len(p.out))
	}
	c.pages++
	compress := len(p.raw) >= minCompressed
	if compress && c.encoding == format.RLEDictionary && len(p.raw) < maxDoubtful {
		compress = shrinks(p.raw)
	}
	h := p.begin(format.DataPage, compress)
	h.open(5)
	h.i32(1, int32(entries))
	h.i32(2, int32(c.encoding))
	h.i32(3, int32(format.RLE)) // definition levels
	h.i32(4, int32(format.RLE)) // repetition levels
	h.open(5)
	h.i64(3, int64(nulls))
	h.stop(5)
	h.stop(5)
	p.end(c, h)
}

// begin compresses the page and begins its header, end ends the header and appends
// the page. The numbers are those of the fields in the format's parquet.thrift.
func (p *pageWriter) begin(t format.PageType, compress bool) compact {
	// Even a page that does not shrink gets a frame of zstd's: there are readers,
	// parquet-go is one, that take a column's codec in all row groups from the first.
	p.packed = p.packed[:0]
	if compress {
		var done bool
		if p.packed, done = p.framer.append(p.packed, p.raw, p.alike); !done {
			p.packed = p.zstd.EncodeAll(p.raw, p.packed)
		}
	} else {
		p.packed = appendStored(p.packed, p.raw)
	}
	h := compact{b: p.out}
	h.i32(1, int32(t))
	h.i32(2, int32(len(p.raw)))
	h.i32(3, int32(len(p.packed)))
	h.i32(4, int32(crc32.ChecksumIEEE(p.packed)))
	return h
}

func (p *pageWriter) end(c *chunk, h compact) {
	h.stop(0)
	n := len(h.b) - len(p.out)
	p.out = append(h.b, p.packed...)
	c.plainSize += int64(n + len(p.raw))
	c.size += int64(n + len(p.packed))
	p.discard()
}

// discard empties the page at work.
func (p *pageWriter) discard() { p.raw, p.alike = p.raw[:0], alike{} }

const (
	// minCompressed is the size from which pages are worth the three microseconds that
	// compression takes at least. Most of those below are numbers of a small
	// dictionary's values, which it does not shrink.
	minCompressed = 128
	// maxDoubtful is the size from which zstd finds that out itself at little cost.
	maxDoubtful = 16 << 10
)

// shrinks guesses whether zstd can make a page of numbers of a dictionary's values
// smaller: if some bytes are frequent enough to pay for the table of their codes, or
// if something comes back. To try takes five to ten times as long. The frequencies'
// measure is how often two bytes by chance are the same: for all bytes alike that is
// one time of 256, which is eight bits of information in each.
func shrinks(page []byte) bool {
	var frequency [256]int32
	for _, b := range page {
		frequency[b]++
	}
	same := 0
	for _, n := range frequency {
		same += int(n) * int(n-1)
	}
	n := float64(len(page))
	saved := math.Log2(256 * float64(same) / (n * (n - 1))) // bits of each byte
	if saved*n/8 > 64+n/24 {
		return true
	}
	const probe = 6 // bytes, which are nowhere else by chance
	for _, part := range []int{2, 3, 4} {
		at := len(page) - len(page)/part
		if bytes.Contains(page[:at], page[at:at+probe]) {
			return true
		}
	}
	return false
}

// appendStored appends a zstd frame of one block that is not compressed (RFC 8878,
// section 3.1.1), of less than 64 KiB.
func appendStored(dst, raw []byte) []byte {
	const lastBlock = 1
	dst = append(dst, 0x28, 0xb5, 0x2f, 0xfd) // magic
	// The content's size is all that is known of it: in one byte, or in two from 256 on.
	if n := len(raw); n < 256 {
		dst = append(dst, 1<<5, byte(n))
	} else {
		dst = append(dst, 1<<6|1<<5, byte(n-256), byte((n-256)>>8))
	}
	block := len(raw)<<3 | lastBlock
	dst = append(dst, byte(block), byte(block>>8), byte(block>>16))
	return append(dst, raw...)
}

// writeFilter appends a bloom filter.
func (p *pageWriter) writeFilter(c *chunk, filter []byte) {
	c.filter = int64(len(p.out))
	h := compact{b: p.out}
	h.i32(1, int32(len(filter)))
	for number := range 3 { // the algorithm, the hash, the compression:
		h.open(number + 2)
		h.open(1) // the first of each, which has no fields
		h.stop(1)
		h.stop(number + 2)
	}
	h.stop(0)
	p.out = append(h.b, filter...)
	c.filterSize = int32(len(p.out) - int(c.filter))
}
