package writer

// This file reads one file of a bucket from its first page to its last, and
// compares what is in it with its key and its metadata.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// fileCheck is a file that is verified, and what is found of it.
type fileCheck struct {
	object   Object
	id       FileID // by the key
	rows     int64  // counted
	schema   uint64 // by the metadata
	columns  string // empty if the file is unreadable
	problems []Problem

	// The rows' times as far as they are read.
	low, high  int64
	strays     rowsFound // of another hour
	disordered rowsFound // earlier than the row before
}

// rowsFound counts rows and keeps the first.
type rowsFound struct {
	count, first int64
	time         int64
}

func (r *rowsFound) add(row, t int64) {
	if r.count == 0 {
		r.first, r.time = row, t
	}
	r.count++
}

func (f *fileCheck) problem(kind ProblemKind, format string, args ...any) {
	f.problems = append(f.problems, Problem{kind, f.object.Key, fmt.Sprintf(format, args...)})
}

// read reads the file and adds its ids to the tenant's. The error is that of a
// check which could not be finished; what is wrong with the file is in problems.
func (f *fileCheck) read(ctx context.Context, b Bucket, idColumn string, ids *idSet, number uint32) error {
	c, err := download(ctx, b, f.object)
	if errors.Is(err, ErrNotFound) {
		f.problem(ProblemUnreadable, "it was listed, and is gone")
		return nil
	}
	if err != nil {
		return err
	}
	defer c.Close() // read only
	p, err := openPages(c)
	if err != nil {
		f.problem(ProblemUnreadable, "%v", err)
		return nil
	}
	info, infoErr := ReadInfo(c, c.Size())
	for i := range p.RowGroups() {
		if err := f.readGroup(ctx, p, i, idColumn, ids, number); err != nil {
			return err
		}
	}
	if infoErr != nil {
		f.problem(ProblemMetadata, "%v", infoErr)
	} else {
		f.compare(&info)
	}
	f.columns, f.schema = p.Schema().String(), info.Schema
	f.judgeTimes()
	return nil
}

// compare holds the metadata against the key and the rows.
func (f *fileCheck) compare(info *Info) {
	if info.FileID != f.id {
		f.problem(ProblemMetadata, "it says it is %s", info.Key())
	}
	if info.Rows != f.rows {
		f.problem(ProblemMetadata, "it says its rows are %d, and %d can be read", info.Rows, f.rows)
	}
	if low, high := micros(f.low), micros(f.high); f.rows > 0 && (!low.Equal(info.MinTime) || !high.Equal(info.MaxTime)) {
		f.problem(ProblemMetadata, "it says its rows are from %s to %s, and they are from %s to %s",
			info.MinTime.Format(timeLayout), info.MaxTime.Format(timeLayout), low.Format(timeLayout), high.Format(timeLayout))
	}
}

func (f *fileCheck) judgeTimes() {
	if r := f.strays; r.count > 0 {
		f.problem(ProblemTime, "rows of another hour: %d; the first is row %d of %s", r.count, r.first, micros(r.time).Format(timeLayout))
	}
	if r := f.disordered; r.count > 0 {
		f.problem(ProblemTime, "rows earlier than the row before: %d; the first is row %d of %s", r.count, r.first, micros(r.time).Format(timeLayout))
	}
}

// readGroup reads every page of row group i. Its time column is the one that it is
// sorted by.
func (f *fileCheck) readGroup(ctx context.Context, p *parquet.File, i int, idColumn string, ids *idSet, number uint32) error {
	group, meta := p.RowGroups()[i], &p.Metadata().RowGroups[i]
	sorted := -1
	if len(meta.SortingColumns) > 0 {
		sorted = int(meta.SortingColumns[0].ColumnIdx)
	}
	if sorted < 0 || sorted >= len(group.ColumnChunks()) || group.ColumnChunks()[sorted].Type().Kind() != parquet.Int64 {
		f.problem(ProblemMetadata, "row group %d is not sorted by a time", i)
		return nil
	}
	gather := idGatherer{ids: ids, file: number}
	for c, chunk := range group.ColumnChunks() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var visit func(row int64, v parquet.Value) error
		switch {
		case c == sorted:
			visit = f.timeVisitor()
		case isColumn(&meta.Columns[c].MetaData, idColumn):
			visit = gather.visit
		}
		rows, err := readColumn(chunk, f.rows, visit)
		if gather.err != nil {
			return gather.err
		}
		if err == nil && rows != group.NumRows() {
			err = fmt.Errorf("%d rows of %d", rows, group.NumRows())
		}
		if err != nil {
			f.problem(ProblemUnreadable, "row group %d, column %s: %v", i, strings.Join(meta.Columns[c].MetaData.PathInSchema, "."), err)
			return nil
		}
	}
	f.rows += group.NumRows()
	return gather.flush()
}

// timeVisitor looks at the times of one row group.
func (f *fileCheck) timeVisitor() func(int64, parquet.Value) error {
	from := f.id.Hour * time.Hour.Microseconds()
	to := from + time.Hour.Microseconds()
	last := int64(0)
	first := true
	return func(row int64, v parquet.Value) error {
		if v.IsNull() {
			return fmt.Errorf("row %d has no time", row)
		}
		t := v.Int64()
		if t < from || t >= to {
			f.strays.add(row, t)
		}
		if !first && t < last {
			f.disordered.add(row, t)
		}
		if row == 0 {
			f.low, f.high = t, t
		}
		f.low, f.high = min(f.low, t), max(f.high, t)
		last, first = t, false
		return nil
	}
}

// idGatherer adds ids in portions.
type idGatherer struct {
	ids     *idSet
	file    uint32
	records []idRecord
	err     error // of adding, which is not the file's fault
}

func (g *idGatherer) visit(row int64, v parquet.Value) error {
	if v.IsNull() {
		return nil
	}
	g.records = append(g.records, g.ids.record(v.ByteArray(), g.file, uint32(row)))
	if len(g.records) < valuesAtOnce {
		return nil
	}
	g.err = g.flush()
	return g.err
}

func (g *idGatherer) flush() error {
	err := g.ids.add(g.records)
	g.records = g.records[:0]
	return err
}

// valuesAtOnce is how many values are taken from a page, or ids to the set.
const valuesAtOnce = 1024

// readColumn reads all pages of a column chunk, which checks their checksums, and
// returns how many rows they have. The values are given to visit, if it is not nil,
// with their row's number from base; in a column without repetition. A page that
// makes parquet-go panic is an error like any other.
func readColumn(chunk parquet.ColumnChunk, base int64, visit func(row int64, v parquet.Value) error) (rows int64, err error) {
	defer recoverInto(&err)
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		if visit != nil {
			err = readValues(page.Values(), base+rows, visit)
		}
		rows += page.NumRows()
		parquet.Release(page)
		if err != nil {
			return rows, err
		}
	}
}

func readValues(r parquet.ValueReader, row int64, visit func(int64, parquet.Value) error) error {
	var buffer [valuesAtOnce]parquet.Value
	for {
		n, err := r.ReadValues(buffer[:])
		for _, v := range buffer[:n] {
			if err := visit(row, v); err != nil {
				return err
			}
			row++
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// isColumn says that a column chunk is that of a string column at the top.
func isColumn(m *format.ColumnMetaData, name string) bool {
	return len(m.PathInSchema) == 1 && m.PathInSchema[0] == name && m.Type == format.ByteArray
}

func openPages(c content) (p *parquet.File, err error) {
	defer recoverInto(&err)
	return parquet.OpenFile(c, c.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
}

func recoverInto(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("parquet reader: %v", r)
	}
}

// errFound ends the reading of a column.
var errFound = errors.New("found")

// idOf returns the id of one row of a file that was readable before.
func idOf(ctx context.Context, b Bucket, key, column string, row int64) (id string, err error) {
	o, err := b.Head(ctx, key)
	if err != nil {
		return "", err
	}
	c, err := download(ctx, b, o)
	if err != nil {
		return "", err
	}
	defer c.Close() // read only
	p, err := openPages(c)
	if err != nil {
		return "", err
	}
	base := int64(0)
	for i, group := range p.RowGroups() {
		for c, chunk := range group.ColumnChunks() {
			if row >= base+group.NumRows() || !isColumn(&p.Metadata().RowGroups[i].Columns[c].MetaData, column) {
				continue
			}
			_, err := readColumn(chunk, base, func(r int64, v parquet.Value) error {
				if r < row {
					return nil
				}
				id = string(v.ByteArray())
				return errFound
			})
			if !errors.Is(err, errFound) {
				return "", fmt.Errorf("row %d of %s: %w", row, key, err)
			}
			return id, nil
		}
		base += group.NumRows()
	}
	return "", fmt.Errorf("%s has no row %d any more", key, row)
}
