package writer

// This file writes a file's footer.

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	magic = "PAR1"
	// footerEstimate is the room that a file in memory has for its footer: what one
	// row group of the events table takes.
	footerEstimate = 4 << 10
)

// footer is the scratch memory of writing footers. The structures of one row group
// take 20 KB, which a small file should not cost.
type footer struct {
	meta      format.FileMetaData
	columns   []format.ColumnChunk // of all row groups
	encodings []format.Encoding    // of all columns
	stats     []format.PageEncodingStats
	buffer    *bytes.Buffer
	encoder   *thrift.Encoder
}

func newFooter() *footer {
	buffer := new(bytes.Buffer)
	return &footer{
		buffer:  buffer,
		encoder: thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(buffer)),
	}
}

// encode returns the bytes that end a file of these row groups, valid until the
// next call.
//
// There is no page index. A row group has one page or few in most columns, so it
// would tell next to nothing, and wrong ones made files of several writers
// unreadable for Athena.
func (f *footer) encode(l *layout, info *Info, groups []placedGroup) ([]byte, error) {
	f.columns, f.encodings, f.stats = f.columns[:0], f.encodings[:0], f.stats[:0]
	f.meta = format.FileMetaData{
		Version:          2,
		Schema:           l.elements,
		NumRows:          info.Rows,
		RowGroups:        f.meta.RowGroups[:0],
		KeyValueMetadata: info.metadata(),
		CreatedBy:        "parquay version " + info.Version,
		ColumnOrders:     l.orders,
	}
	for i := range groups {
		f.add(l, &groups[i])
	}
	f.buffer.Reset()
	if err := f.encoder.Encode(&f.meta); err != nil {
		return nil, fmt.Errorf("encode footer: %w", err)
	}
	b := binary.LittleEndian.AppendUint32(f.buffer.Bytes(), uint32(f.buffer.Len()))
	return append(b, magic...), nil
}

// add adds a row group.
func (f *footer) add(l *layout, g *placedGroup) {
	r := format.RowGroup{
		NumRows:        int64(g.rows),
		SortingColumns: l.sorting,
		FileOffset:     g.offset,
		Ordinal:        int16(len(f.meta.RowGroups)),
	}
	from := len(f.columns)
	for i := range g.chunks {
		f.columns = append(f.columns, format.ColumnChunk{MetaData: f.column(g, &l.leaves[i], &g.chunks[i])})
		r.TotalByteSize += g.chunks[i].plainSize
		r.TotalCompressedSize += g.chunks[i].size
	}
	r.Columns = f.columns[from:]
	f.meta.RowGroups = append(f.meta.RowGroups, r)
}

// column describes a column chunk of a row group.
func (f *footer) column(g *placedGroup, l *leaf, c *chunk) format.ColumnMetaData {
	m := format.ColumnMetaData{
		Type:                  l.physical,
		PathInSchema:          l.path,
		Codec:                 format.Zstd,
		NumValues:             c.entries,
		TotalUncompressedSize: c.plainSize,
		TotalCompressedSize:   c.size,
		DataPageOffset:        g.offset + c.data,
		Statistics:            format.Statistics{NullCount: c.nulls},
	}
	encodings, stats := len(f.encodings), len(f.stats)
	f.encodings = append(f.encodings, format.RLE, c.encoding)
	f.stats = append(f.stats, format.PageEncodingStats{PageType: format.DataPage, Encoding: c.encoding, Count: c.pages})
	if c.encoding == format.RLEDictionary {
		m.DictionaryPageOffset = g.offset + c.dictionary
		f.encodings = append(f.encodings, format.Plain)
		f.stats = append(f.stats, format.PageEncodingStats{PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1})
	}
	m.Encoding, m.EncodingStats = f.encodings[encodings:], f.stats[stats:]
	if b := c.bounds; b.ok {
		m.Statistics.MinValue = g.bounds[b.from:b.cut:b.cut]
		m.Statistics.MaxValue = g.bounds[b.cut:b.to:b.to]
	}
	if c.filterSize > 0 {
		m.BloomFilterOffset = g.offset + c.filter
		m.BloomFilterLength = c.filterSize
	}
	return m
}
