package writer

// This file writes the pages of column chunks: header, levels, values, compressed.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// compressionLevel is the fastest one, which also makes the smallest large files:
// most of what is left to compress are ids, in which higher levels find repetitions
// that cost more than they save. BenchmarkFile, row groups of 128 Ki events:
//
//	level    pages    bytes an event  events a CPU-second
//	fastest  1 MiB    50.1            948,000
//	fastest  256 KiB  50.3            892,000
//	default  1 MiB    52.3            617,000
//	default  256 KiB  52.4            585,000
//	better   1 MiB    51.0            455,000
const compressionLevel = zstd.SpeedFastest

// pageWriter appends pages to out. All its memory is reused.
type pageWriter struct {
	out  []byte
	zstd *zstd.Encoder

	// The page at work.
	raw     []byte  // before compression
	packed  []byte  // after it
	scratch []byte  // encodings want a buffer that they may overwrite
	int32s  []int32 // as above
	deltas  deltas

	// Headers are encoded by way of a buffer and of fields, which the encoder's
	// reflection would otherwise move to the heap each time.
	header       format.PageHeader
	filterHeader format.BloomFilterHeader
	buffer       *bytes.Buffer
	thrift       *thrift.Encoder
}

func newPageWriter() (pageWriter, error) {
	z, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(compressionLevel),
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), // pages have their own
		// Ids and numbers as text have no repetitions, but few characters.
		zstd.WithAllLitEntropyCompression(true),
	)
	if err != nil {
		return pageWriter{}, fmt.Errorf("make a zstd encoder: %w", err)
	}
	buffer := new(bytes.Buffer)
	return pageWriter{
		zstd:   z,
		buffer: buffer,
		thrift: thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(buffer)),
	}, nil
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
		encoding := rle.Encoding{BitWidth: bits.Len8(highest)}
		if p.scratch, err = encoding.EncodeLevels(p.scratch, levels); err != nil {
			return err
		}
		p.raw = append(p.raw, p.scratch...)
	}
	binary.LittleEndian.PutUint32(p.raw[at:], uint32(len(p.raw)-at-4))
	return nil
}

// writeDictionary ends the page as the dictionary of the chunk.
func (p *pageWriter) writeDictionary(c *chunk, n int) error {
	c.dictionary = int64(len(p.out))
	p.header = format.PageHeader{Type: format.DictionaryPage}
	p.header.DictionaryPageHeader.Set(format.DictionaryPageHeader{NumValues: int32(n), Encoding: format.Plain})
	return p.write(c)
}

// writeData ends the page as the chunk's next data page. It is of version 1, which
// every reader knows, and which compresses the levels too.
func (p *pageWriter) writeData(c *chunk, entries, nulls int) error {
	if c.pages == 0 {
		c.data = int64(len(p.out))
	}
	c.pages++
	p.header = format.PageHeader{Type: format.DataPage}
	p.header.DataPageHeader.Set(format.DataPageHeader{
		NumValues:               int32(entries),
		Encoding:                c.encoding,
		DefinitionLevelEncoding: format.RLE,
		RepetitionLevelEncoding: format.RLE,
		// The structure's encoder writes a count of nulls in any case.
		Statistics: format.Statistics{NullCount: int64(nulls)},
	})
	return p.write(c)
}

func (p *pageWriter) write(c *chunk) error {
	// Even a page that does not shrink is compressed: there are readers, parquet-go
	// is one, that take a column's codec in all row groups from the first.
	p.packed = p.zstd.EncodeAll(p.raw, p.packed[:0])
	p.header.UncompressedPageSize = int32(len(p.raw))
	p.header.CompressedPageSize = int32(len(p.packed))
	p.header.CRC = int32(crc32.ChecksumIEEE(p.packed))
	n, err := p.writeHeader(&p.header)
	if err != nil {
		return err
	}
	p.out = append(p.out, p.packed...)
	c.plainSize += int64(n + len(p.raw))
	c.size += int64(n + len(p.packed))
	p.raw = p.raw[:0]
	return nil
}

// writeFilter appends a bloom filter.
func (p *pageWriter) writeFilter(c *chunk, filter []byte) error {
	c.filter = int64(len(p.out))
	p.filterHeader = format.BloomFilterHeader{
		NumBytes:    int32(len(filter)),
		Algorithm:   format.BloomFilterAlgorithm{Value: new(format.SplitBlockAlgorithm)},
		Hash:        format.BloomFilterHash{Value: new(format.XxHash)},
		Compression: format.BloomFilterCompression{Value: new(format.BloomFilterUncompressed)},
	}
	n, err := p.writeHeader(&p.filterHeader)
	if err != nil {
		return err
	}
	p.out = append(p.out, filter...)
	c.filterSize = int32(n + len(filter))
	return nil
}

// writeHeader appends one of the format's structures and returns its length.
func (p *pageWriter) writeHeader(header any) (int, error) {
	p.buffer.Reset()
	if err := p.thrift.Encode(header); err != nil {
		return 0, fmt.Errorf("encode header: %w", err)
	}
	p.out = append(p.out, p.buffer.Bytes()...)
	return p.buffer.Len(), nil
}
