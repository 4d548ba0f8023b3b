package writer

// This file reads pages of times.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

// decode decodes the times of a page. They are of a required column, so that there
// are no levels.
func (r *readback) decode(h *pageHeader) (err error) {
	switch format.Encoding(h.encoding) {
	case format.DeltaBinaryPacked:
		r.times, err = new(delta.BinaryPackedEncoding).DecodeInt64(r.times, r.page)
	case format.Plain:
		r.times = appendInt64s(r.times[:0], r.page)
	case format.RLEDictionary:
		r.indexes, err = new(rle.DictionaryEncoding).DecodeInt32(r.indexes, r.page)
		r.times = r.times[:0]
		// Runs of packed numbers come in eights, the last of which may be more than
		// there are.
		for _, i := range r.indexes[:min(len(r.indexes), int(h.values))] {
			r.times = append(r.times, r.dictionary[i])
		}
	default:
		err = fmt.Errorf("unknown encoding %d", h.encoding)
	}
	if err == nil && int64(len(r.times)) != h.values {
		err = fmt.Errorf("a page of %d times has %d", h.values, len(r.times))
	}
	return err
}

func appendInt64s(dst []int64, plain []byte) []int64 {
	for ; len(plain) >= 8; plain = plain[8:] {
		dst = append(dst, int64(binary.LittleEndian.Uint64(plain)))
	}
	return dst
}

// pageHeader is what a page says of itself.
type pageHeader struct {
	kind, plain, packed, crc, values, encoding int64
	length                                     int // of the header and the page
}

var errChecksum = errors.New("a page has another checksum")

// cutPage returns the first page of a column chunk.
func cutPage(b []byte) (h pageHeader, body []byte, err error) {
	c := compactReader{b: b}
	c.structure(func(number, kind int) {
		switch number {
		case 1:
			h.kind = c.int(kind)
		case 2:
			h.plain = c.int(kind)
		case 3:
			h.packed = c.int(kind)
		case 4:
			h.crc = c.int(kind)
		case 5, 7: // a data page's, or a dictionary's
			c.in(kind, func(number, kind int) {
				switch number {
				case 1:
					h.values = c.int(kind)
				case 2:
					h.encoding = c.int(kind)
				default:
					c.skip(kind)
				}
			})
		default:
			c.skip(kind)
		}
	})
	if c.err != nil {
		return h, nil, fmt.Errorf("a page's header: %w", c.err)
	}
	if h.packed < 0 || h.packed > int64(len(c.rest())) {
		return h, nil, fmt.Errorf("a page of %d bytes in %d", h.packed, len(c.rest()))
	}
	body = c.rest()[:h.packed]
	if uint32(h.crc) != crc32.ChecksumIEEE(body) {
		return h, nil, errChecksum
	}
	h.length = c.at + len(body)
	return h, body, nil
}
