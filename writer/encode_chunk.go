package writer

// This file encodes one column chunk of a row group: which encoding its values
// get, how they are cut into pages, and what the footer says about them.

import (
	"fmt"
	"math/bits"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"

	"parquay/schema"
)

const (
	// pageBytes is where a page is cut, counted before encoding and compression: beyond
	// a whole column of most row groups, since nothing is repeated across pages. Ids of
	// messages and conversations come back within minutes, and such events take, with
	// pages of 1, 2, 4 and 8 MiB, 47.0, 45.2, 44.9 and 43.5 bytes. Larger ones would
	// gain little: compression looks back 4 MiB.
	pageBytes = 8 << 20

	// minFilterValues is the smallest number of ids that get a bloom filter. A
	// reader pays one request for the filter to save the request for the ids, which
	// below this number are less than 200 KB: not worth 1.25 bytes a row.
	minFilterValues = 8 << 10
	// filterBits is the size of a filter: with 10 bits a value about 1 of 100 ids
	// that are not there pass.
	filterBits = 10
)

// chunk is what the footer says about a column chunk. Offsets count from the row
// group's first byte, and sizes include the pages' headers.
type chunk struct {
	encoding   format.Encoding
	pages      int32 // data pages
	filterSize int32 // of the bloom filter, 0 without one
	entries    int64
	nulls      int64
	dictionary int64 // offset of the dictionary page, where the encoding has one
	data       int64 // offset of the first data page
	filter     int64 // offset of the bloom filter
	plainSize  int64 // before compression
	size       int64
	bounds     bounds
}

// encodeChunk appends a leaf's pages to the row group.
func (e *encoder) encodeChunk(c *chunk, l *leaf, rows []uint32) error {
	s := &e.values
	v, err := e.vector(l.column)
	if err != nil {
		return err
	}
	first := rows
	apart := len(e.stored) > 0 && l.kind == schema.String && l.part == whole
	if apart {
		first = e.stored
	}
	if err := s.gather(l, v, first); err != nil {
		return err
	}
	c.entries, c.nulls = int64(s.entries), int64(s.entries-s.n)
	c.encoding = e.choose(l)
	c.bounds = e.findBounds(c, l)
	if e.layout.filter >= 0 && l == &e.layout.leaves[e.layout.filter] && s.n >= minFilterValues {
		e.hashes = s.hash(e.hashes)
	}
	if apart {
		e.arrange(c, v, rows)
	}
	if c.encoding == format.RLEDictionary {
		n := e.dict.distinct.n
		e.page.addPlain(&e.dict.distinct, l, 0, n)
		e.page.writeDictionary(c, n)
	}
	return e.encodePages(c, l, max(ceilDiv(e.plainSize(c, l), pageBytes), 1))
}

// choose returns the encoding of the values just gathered. The schema's hint
// decides; without one a dictionary is tried, but for times, and where it does not
// pay the values are stored as what they differ by from the one before: numbers by
// a few bits, strings by what follows the part that both begin with. For the events
// table that takes 10 % less space and time than plain strings, since there is less
// to compress, and readers that know the encodings of 2013 read it.
//
// Strings to be stored so get a dictionary as well if it pays: a message's id is in
// each of its events. Only events' own ids don't come back.
func (e *encoder) choose(l *leaf) format.Encoding {
	hint := l.encoding
	switch {
	case hint == schema.EncodingAuto && l.kind != schema.Timestamp,
		hint == schema.EncodingDelta && l.kind == schema.String && !l.id:
		hint = schema.EncodingDictionary
	}
	switch {
	case e.values.n == 0, l.kind == schema.Bool:
		return format.Plain
	case hint == schema.EncodingDictionary && e.dict.build(&e.values, l):
		return format.RLEDictionary
	case hint == schema.EncodingPlain, l.kind == schema.Double:
		return format.Plain
	case l.kind == schema.String:
		return format.DeltaByteArray
	}
	return format.DeltaBinaryPacked
}

// plainSize estimates the bytes of the chunk's pages before compression.
func (e *encoder) plainSize(c *chunk, l *leaf) int {
	s := &e.values
	size := len(s.defs)/8 + len(s.reps)/8
	switch {
	case c.encoding == format.RLEDictionary:
		return size + e.dict.size + s.n*bits.Len(uint(e.dict.distinct.n-1))/8
	case l.kind == schema.String:
		return size + s.size + s.n
	case l.kind == schema.Bool:
		return size + s.n/8
	}
	return size + s.n*width(l.physical)
}

// encodePages appends the values as that many data pages of about the same number
// of entries. A row never begins in one page and ends in the next.
func (e *encoder) encodePages(c *chunk, l *leaf, pages int) error {
	s := &e.values
	step := ceilDiv(s.entries, pages)
	value := 0
	for from := 0; from < s.entries; {
		to := s.rowStart(min(from+step, s.entries))
		n := s.count(from, to)
		if err := e.addLevels(l, from, to); err != nil {
			return fmt.Errorf("encode levels: %w", err)
		}
		if err := e.addValues(c, l, value, value+n); err != nil {
			return fmt.Errorf("encode values: %w", err)
		}
		e.page.writeData(c, to-from, to-from-n)
		from, value = to, value+n
	}
	return nil
}

// addLevels adds the levels of the entries [from, to) to the page.
func (e *encoder) addLevels(l *leaf, from, to int) error {
	s := &e.values
	window := func(levels []byte) []byte {
		if len(levels) == 0 {
			return nil // all are the same
		}
		return levels[from:to]
	}
	if l.maxRep > 0 {
		if err := e.page.addLevels(window(s.reps), to-from, 0, l.maxRep); err != nil {
			return err
		}
	}
	if l.maxDef > 0 {
		return e.page.addLevels(window(s.defs), to-from, s.level, l.maxDef)
	}
	return nil
}

// addValues adds the encoded values [from, to) to the page.
func (e *encoder) addValues(c *chunk, l *leaf, from, to int) (err error) {
	s, p := &e.values, &e.page
	switch c.encoding {
	case format.RLEDictionary:
		if p.scratch, err = new(rle.DictionaryEncoding).EncodeInt32(p.scratch, e.dict.indexes[from:to]); err != nil {
			return err
		}
		p.raw = append(p.raw, p.scratch...)
	case format.DeltaByteArray:
		p.addDeltas(s.text, s.spans[from:to])
	case format.DeltaBinaryPacked:
		if l.physical == format.Int64 {
			p.raw = appendPacked(p.raw, s.ints[from:to])
			break
		}
		p.int32s = p.int32s[:0]
		for _, v := range s.ints[from:to] {
			p.int32s = append(p.int32s, int32(v))
		}
		p.raw = appendPacked(p.raw, p.int32s)
	default:
		p.addPlain(s, l, from, to)
	}
	return nil
}

// encodeFilter appends the bloom filter of the ids that were hashed.
func (e *encoder) encodeFilter(c *chunk) {
	n := bloom.NumSplitBlocksOf(int64(len(e.hashes)), filterBits)
	if cap(e.filter) < n {
		e.filter = make(bloom.SplitBlockFilter, n)
	}
	filter := e.filter[:n]
	filter.Reset()
	filter.InsertBulk(e.hashes)
	e.page.writeFilter(c, filter.Bytes())
}
