package writer

// This file writes a file's footer. The numbers are those of the fields in the
// format's parquet.thrift.

import (
	"encoding/binary"

	"github.com/parquet-go/parquet-go/format"
)

const (
	magic = "PAR1"
	// footerEstimate is the room that a file in memory has for its footer: what one
	// row group of the events table takes.
	footerEstimate = 4 << 10
)

// footer is the scratch memory of writing footers.
type footer struct{ compact }

// encode returns the bytes that end a file of these row groups and that metadata,
// valid until the next call.
//
// There is no page index. A row group has one page or few in most columns, so it
// would tell next to nothing, and wrong ones made files of several writers
// unreadable for Athena.
func (f *footer) encode(l *layout, info *Info, metadata []format.KeyValue, groups []placedGroup) []byte {
	f.compact = compact{b: f.b[:0]}
	f.i32(1, 2) // the format's version
	f.field(2, thriftList)
	f.b = append(f.b, l.schema...)
	f.i64(3, info.Rows)
	f.list(4, len(groups), thriftStruct)
	for i := range groups {
		f.group(l, &groups[i], i)
	}
	f.last = 4
	f.list(5, len(metadata), thriftStruct)
	for _, m := range metadata {
		f.element()
		f.text(1, m.Key)
		f.text(2, m.Value)
		f.stop(5)
	}
	f.text(6, "parquay version "+info.Version)
	f.field(7, thriftList)
	f.b = append(f.b, l.orders...)
	f.stop(0)
	f.b = binary.LittleEndian.AppendUint32(f.b, uint32(len(f.b)))
	f.b = append(f.b, magic...)
	return f.b
}

// group describes a row group.
func (f *footer) group(l *layout, g *placedGroup, ordinal int) {
	plainSize, size := int64(0), int64(0)
	f.element()
	f.list(1, len(g.chunks), thriftStruct)
	for i := range g.chunks {
		f.element()
		f.i64(2, 0) // where the description would be, were it not in the footer
		f.open(3)
		f.column(g, &l.leaves[i], &g.chunks[i])
		f.stop(3)
		f.stop(1)
		plainSize += g.chunks[i].plainSize
		size += g.chunks[i].size
	}
	f.i64(2, plainSize)
	f.i64(3, int64(g.rows))
	f.list(4, 1, thriftStruct)
	f.element()
	f.i32(1, int32(l.time))
	f.bool(2, false) // descending
	f.bool(3, false) // nulls first
	f.stop(4)
	f.i64(5, g.offset)
	f.i64(6, size)
	f.i16(7, int16(ordinal))
	f.stop(0)
}

// column describes a column chunk of a row group.
func (f *footer) column(g *placedGroup, l *leaf, c *chunk) {
	dictionary := c.encoding == format.RLEDictionary
	encodings := [...]format.Encoding{format.RLE, c.encoding, format.Plain}
	n := 2
	if dictionary {
		n = 3
	}
	f.i32(1, int32(l.physical))
	f.list(2, n, thriftI32)
	for _, e := range encodings[:n] {
		f.zigzag(int64(e))
	}
	f.list(3, len(l.path), thriftBinary)
	for _, name := range l.path {
		f.string(name)
	}
	f.i32(4, int32(format.Zstd))
	f.i64(5, c.entries)
	f.i64(6, c.plainSize)
	f.i64(7, c.size)
	f.i64(9, g.offset+c.data)
	if dictionary {
		f.i64(11, g.offset+c.dictionary)
	}
	f.open(12)
	f.i64(3, c.nulls)
	if b := c.bounds; b.ok {
		f.binary(5, g.bounds[b.cut:b.to])
		f.binary(6, g.bounds[b.from:b.cut])
	}
	f.stop(12)
	f.list(13, n-1, thriftStruct)
	f.pages(format.DataPage, c.encoding, c.pages)
	if dictionary {
		f.pages(format.DictionaryPage, format.Plain, 1)
	}
	f.last = 13
	if c.filterSize > 0 {
		f.i64(14, g.offset+c.filter)
		f.i32(15, c.filterSize)
	}
}

// pages says how many pages of a type a column chunk has.
func (f *footer) pages(t format.PageType, e format.Encoding, n int32) {
	f.element()
	f.i32(1, int32(t))
	f.i32(2, int32(e))
	f.i32(3, n)
	f.stop(13)
}
