package writer

// This file writes a file's footer, and reads back what it says of the file.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Info is what a file says of itself, in its key-value metadata.
type Info struct {
	FileID
	Rows             int64
	MinTime, MaxTime time.Time // of the rows' time column, UTC
	Schema           uint64    // the table's fingerprint
	Version          string    // of the program that wrote it
}

// ErrInfo is returned for a Parquet file that is not Parquay's, or not a whole one.
var ErrInfo = errors.New("not a file of Parquay's")

// The names of the metadata.
const (
	metaIncarnation = "parquay.incarnation"
	metaWindow      = "parquay.window"
	metaTable       = "parquay.table"
	metaTenant      = "parquay.tenant"
	metaHour        = "parquay.hour"
	metaCut         = "parquay.cut"
	metaRows        = "parquay.rows"
	metaMinTime     = "parquay.min_time"
	metaMaxTime     = "parquay.max_time"
	metaSchema      = "parquay.schema"
	metaVersion     = "parquay.version"
)

const (
	magic = "PAR1"
	// footerEstimate is the room that a file in memory has for its footer: what one
	// row group of the events table takes.
	footerEstimate = 6 << 10

	timeLayout = "2006-01-02T15:04:05.000000Z"
)

// micros is a time from microseconds since the epoch.
func micros(t int64) time.Time { return time.UnixMicro(t).UTC() }

func (i *Info) metadata() []format.KeyValue {
	hour := time.Unix(i.Hour*3600, 0).UTC()
	return []format.KeyValue{
		{Key: metaIncarnation, Value: i.Incarnation},
		{Key: metaWindow, Value: strconv.FormatUint(i.Window, 10)},
		{Key: metaTable, Value: i.Table},
		{Key: metaTenant, Value: i.Tenant},
		{Key: metaHour, Value: hour.Format(time.RFC3339)},
		{Key: metaCut, Value: strconv.Itoa(i.Cut)},
		{Key: metaRows, Value: strconv.FormatInt(i.Rows, 10)},
		{Key: metaMinTime, Value: i.MinTime.Format(timeLayout)},
		{Key: metaMaxTime, Value: i.MaxTime.Format(timeLayout)},
		{Key: metaSchema, Value: fmt.Sprintf("%016x", i.Schema)},
		{Key: metaVersion, Value: i.Version},
	}
}

// encodeFooter returns the bytes that end a file of these row groups.
//
// No page index is written: row groups of 128 Ki rows have a page or few in most
// columns, so it would tell next to nothing, and a wrong one makes a file unreadable.
func encodeFooter(l *layout, info *Info, groups []placedGroup) ([]byte, error) {
	meta := format.FileMetaData{
		Version:          2,
		Schema:           l.elements,
		NumRows:          info.Rows,
		RowGroups:        make([]format.RowGroup, len(groups)),
		KeyValueMetadata: info.metadata(),
		CreatedBy:        "parquay version " + info.Version,
		ColumnOrders:     l.orders,
	}
	for i := range groups {
		meta.RowGroups[i] = groups[i].metadata(l, i)
	}
	b, err := thrift.Marshal(new(thrift.CompactProtocol), &meta)
	if err != nil {
		return nil, fmt.Errorf("encode footer: %w", err)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)))
	return append(b, magic...), nil
}

func (g *placedGroup) metadata(l *layout, ordinal int) format.RowGroup {
	r := format.RowGroup{
		Columns:        make([]format.ColumnChunk, len(g.chunks)),
		NumRows:        int64(g.rows),
		SortingColumns: l.sorting,
		FileOffset:     g.offset,
		Ordinal:        int16(ordinal),
	}
	for i := range g.chunks {
		r.Columns[i].MetaData = g.chunks[i].metadata(&l.leaves[i], g.offset)
		r.TotalByteSize += g.chunks[i].plainSize
		r.TotalCompressedSize += g.chunks[i].size
	}
	return r
}

func (c *chunk) metadata(l *leaf, offset int64) format.ColumnMetaData {
	m := format.ColumnMetaData{
		Type:                  l.physical,
		PathInSchema:          l.path,
		Codec:                 c.codec,
		NumValues:             c.entries,
		TotalUncompressedSize: c.plainSize,
		TotalCompressedSize:   c.size,
		DataPageOffset:        offset + c.data,
		Statistics:            format.Statistics{NullCount: c.nulls},
		Encoding:              []format.Encoding{format.RLE, c.encoding},
		EncodingStats:         []format.PageEncodingStats{{PageType: format.DataPage, Encoding: c.encoding, Count: c.pages}},
	}
	if c.encoding == format.RLEDictionary {
		m.DictionaryPageOffset = offset + c.dictionary
		m.Encoding = append(m.Encoding, format.Plain)
		m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1})
	}
	if c.bounds.ok {
		m.Statistics.MinValue = c.bounds.b[:c.bounds.cut:c.bounds.cut]
		m.Statistics.MaxValue = c.bounds.b[c.bounds.cut:]
	}
	if c.filterSize > 0 {
		m.BloomFilterOffset = offset + c.filter
		m.BloomFilterLength = c.filterSize
	}
	return m
}

// ReadInfo opens a Parquet file and returns what it says of itself. The rows are
// those that its row groups declare. The error is [ErrInfo] where the metadata is
// missing or contradicts itself.
func ReadInfo(r io.ReaderAt, size int64) (Info, error) {
	f, err := parquet.OpenFile(r, size,
		parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(footerEstimate))
	if err != nil {
		return Info{}, fmt.Errorf("%w: %w", ErrInfo, err)
	}
	m := metaReader{file: f}
	info := Info{
		FileID: FileID{
			Incarnation: m.text(metaIncarnation), Table: m.text(metaTable), Tenant: m.text(metaTenant),
			Window: m.number(metaWindow, 10), Cut: int(m.number(metaCut, 10)),
			Hour: m.time(metaHour, time.RFC3339).Unix() / 3600,
		},
		Rows:    int64(m.number(metaRows, 10)),
		MinTime: m.time(metaMinTime, timeLayout),
		MaxTime: m.time(metaMaxTime, timeLayout),
		Schema:  m.number(metaSchema, 16),
		Version: m.text(metaVersion),
	}
	if m.err != nil {
		return Info{}, fmt.Errorf("%w: %w", ErrInfo, m.err)
	}
	rows := int64(0)
	for _, g := range f.RowGroups() {
		rows += g.NumRows()
	}
	if rows != info.Rows || rows != f.NumRows() {
		return Info{}, fmt.Errorf("%w: its row groups have %d rows, its footer %d, its metadata %d", ErrInfo, rows, f.NumRows(), info.Rows)
	}
	return info, nil
}

// metaReader reads metadata and keeps the first error.
type metaReader struct {
	file *parquet.File
	err  error
}

func (m *metaReader) text(name string) string {
	s, ok := m.file.Lookup(name)
	if !ok && m.err == nil {
		m.err = fmt.Errorf("it has no %s", name)
	}
	return s
}

func (m *metaReader) number(name string, base int) uint64 {
	n, err := strconv.ParseUint(m.text(name), base, 64)
	m.keep(name, err)
	return n
}

func (m *metaReader) time(name, layout string) time.Time {
	t, err := time.Parse(layout, m.text(name))
	m.keep(name, err)
	return t
}

func (m *metaReader) keep(name string, err error) {
	if err != nil && m.err == nil {
		m.err = fmt.Errorf("%s: %w", name, err)
	}
}
