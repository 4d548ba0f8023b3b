// Package check reads the files in a bucket with arrow-go, a reader that Parquay
// does not use, and compares their rows with a ledger.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"parquay/loadtest/e2e/ledger"
)

// Found is a row of a file.
type Found struct {
	ledger.Row
	Number   int   // in the file, from 0
	Group    int   // its row group
	Received int64 // received_at, microseconds since 1970
}

// The columns that the checker itself looks at.
const (
	receivedAt = "received_at"
	extra      = "_extra"
	eventTime  = "time"
)

const batchRows = 8 << 10 // read at a time

// Describe returns a file's columns and what it says of itself.
func Describe(name string) (columns []string, metadata map[string]string, err error) {
	f, err := file.OpenParquetFile(name, false)
	if err != nil {
		return nil, nil, fmt.Errorf("open: %w", err)
	}
	defer f.Close()
	metadata = map[string]string{}
	values := f.MetaData().KeyValueMetadata()
	for _, key := range values.Keys() {
		if value := values.FindValue(key); value != nil {
			metadata[key] = *value
		}
	}
	root := f.MetaData().Schema.Root()
	for i := range root.NumFields() {
		columns = append(columns, root.Field(i).Name())
	}
	return columns, metadata, nil
}

// Rows calls each with every row of a file, in order.
func Rows(name string, each func(Found) error) error {
	f, err := file.OpenParquetFile(name, false)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer f.Close()
	reader, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: batchRows}, memory.DefaultAllocator)
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	number := 0
	for group := range f.NumRowGroups() {
		records, err := reader.GetRecordReader(context.Background(), nil, []int{group})
		if err != nil {
			return fmt.Errorf("read row group %d: %w", group, err)
		}
		before := number
		err = eachRecord(records, func(row Found) error {
			row.Number, row.Group = number, group
			number++
			return each(row)
		})
		records.Release()
		if err != nil {
			return fmt.Errorf("read row group %d: %w", group, err)
		}
		if declared := f.RowGroup(group).NumRows(); declared != int64(number-before) {
			return fmt.Errorf("read row group %d: it declares %d rows and has %d", group, declared, number-before)
		}
	}
	if declared := f.NumRows(); declared != int64(number) {
		return fmt.Errorf("the footer declares %d rows and there are %d", declared, number)
	}
	return nil
}

// Count returns the number of rows that a file's footer declares.
func Count(name string) (int64, error) {
	f, err := file.OpenParquetFile(name, false)
	if err != nil {
		return 0, fmt.Errorf("open: %w", err)
	}
	defer f.Close()
	return f.NumRows(), nil
}

func eachRecord(records pqarrow.RecordReader, each func(Found) error) error {
	for {
		record, err := records.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		cells := make([]func(int) (string, error), record.NumCols())
		for i := range cells {
			if cells[i], err = cell(record.Column(i)); err != nil {
				return fmt.Errorf("column %s: %w", record.ColumnName(i), err)
			}
		}
		for n := range int(record.NumRows()) {
			row, err := rowOf(record, cells, n)
			if err == nil {
				err = each(row)
			}
			if err != nil {
				return err
			}
		}
	}
}

// rowOf gives a row of a record the ledger's spelling.
func rowOf(record arrow.RecordBatch, cells []func(int) (string, error), n int) (Found, error) {
	row := Found{Row: ledger.Row{}}
	for i := range cells {
		if record.Column(i).IsNull(n) {
			continue
		}
		name := record.ColumnName(i)
		text, err := cells[i](n)
		if err == nil && name == extra {
			text, err = ledger.Canonical(text)
		}
		if err == nil && name == receivedAt {
			row.Received, err = strconv.ParseInt(text, 10, 64)
			text = ""
		}
		if err != nil {
			return row, fmt.Errorf("column %s: %w", name, err)
		}
		if name != receivedAt {
			row.Row[name] = text
		}
	}
	return row, nil
}

// cell returns a function that gives a column's values the ledger's spelling.
func cell(column arrow.Array) (func(int) (string, error), error) {
	of := func(f func(int) string) (func(int) (string, error), error) {
		return func(i int) (string, error) { return f(i), nil }, nil
	}
	switch c := column.(type) {
	case *array.String:
		return of(c.Value)
	case *array.Int32:
		return of(func(i int) string { return strconv.Itoa(int(c.Value(i))) })
	case *array.Int64:
		return of(func(i int) string { return strconv.FormatInt(c.Value(i), 10) })
	case *array.Float64:
		return of(func(i int) string { return strconv.FormatFloat(c.Value(i), 'g', -1, 64) })
	case *array.Boolean:
		return of(func(i int) string { return strconv.FormatBool(c.Value(i)) })
	case *array.Timestamp:
		t := c.DataType().(*arrow.TimestampType)
		if t.Unit != arrow.Microsecond || t.TimeZone != "UTC" {
			return nil, fmt.Errorf("is %v, not in microseconds UTC", t)
		}
		return of(func(i int) string { return strconv.FormatInt(int64(c.Value(i)), 10) })
	case *array.Decimal128:
		scale := c.DataType().(*arrow.Decimal128Type).Scale
		return of(func(i int) string { return c.Value(i).ToString(scale) })
	case *array.Map:
		keys, okKeys := c.Keys().(*array.String)
		items, okItems := c.Items().(*array.String)
		if !okKeys || !okItems {
			return nil, fmt.Errorf("is %v, not a map of strings", c.DataType())
		}
		return of(func(i int) string {
			var pairs []string
			begin, end := c.ValueOffsets(i)
			for j := int(begin); j < int(end); j++ {
				pairs = append(pairs, keys.Value(j), items.Value(j))
			}
			return ledger.Strings(pairs)
		})
	case *array.List:
		elements, ok := c.ListValues().(*array.String)
		if !ok {
			return nil, fmt.Errorf("is %v, not a list of strings", c.DataType())
		}
		return of(func(i int) string {
			var values []string
			begin, end := c.ValueOffsets(i)
			for j := int(begin); j < int(end); j++ {
				values = append(values, elements.Value(j))
			}
			return ledger.Strings(values)
		})
	}
	return nil, fmt.Errorf("is %v, which no table has", column.DataType())
}
