package writer

// This file is what a Parquet file says of itself in its key-value metadata.

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
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

// timeLayout is RFC 3339 with the microseconds that all times here have.
const timeLayout = "2006-01-02T15:04:05.000000Z"

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

// ReadInfo opens a Parquet file and returns what it says of itself. The rows are
// those that its row groups declare. The error is [ErrInfo] where the metadata is
// missing or contradicts itself.
func ReadInfo(r io.ReaderAt, size int64) (info Info, err error) {
	defer recoverInto(&err)
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return Info{}, fmt.Errorf("%w: %w", ErrInfo, err)
	}
	m := metaReader{file: f}
	info = Info{
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
