// One file: each of its rows against the event that it must be.

package prove

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/parquet-go/parquet-go"

	"parquay/loadtest/scenario"
)

// What a gateway adds to a row, and its table of refused events.
const (
	receivedAt = "received_at"
	rejected   = "rejected"
)

// chunkRows are compared at a time, which bounds the memory for any file.
const chunkRows = 8 << 10

// reader reads files. It belongs to one goroutine.
type reader struct {
	v      *verifier
	maker  *scenario.Maker
	sums   scenario.Sums
	expect map[string]*scenario.Expect // by a file's columns
	rows   chunk
}

// chunk is some rows of a file.
type chunk struct {
	first int64 // in the file
	row   [chunkRows]struct {
		id       scenario.ID
		ours     bool
		time     int64 // of the event, microseconds
		received int64
		sum      uint64
		chain    uint64 // of the list or map that is read
		// Of the table rejected.
		raw         []byte
		code, table string
	}
}

func newReader(v *verifier) *reader {
	return &reader{v: v, maker: scenario.NewMaker(v.Plan), sums: scenario.NewSums(), expect: map[string]*scenario.Expect{}}
}

// file reads a file. The error is of a file that can't be read.
func (r *reader) file(o Object, content Content) (err error) {
	defer func() {
		if p := recover(); p != nil { // as the library does with some broken files
			err = fmt.Errorf("it is broken: %v", p)
		}
	}()
	at, err := parseAddress(o.Key)
	if err != nil {
		return err
	}
	f, err := parquet.OpenFile(content, o.Size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	l, err := layoutOf(f)
	if err != nil {
		return err
	}
	expect, err := r.expected(l)
	if err != nil {
		return err
	}
	first := int64(0)
	for _, g := range f.RowGroups() {
		if err := r.group(o.Key, at, l, g, first, expect); err != nil {
			return fmt.Errorf("from row %d on: %w", first, err)
		}
		first += g.NumRows()
	}
	if first != f.NumRows() {
		return fmt.Errorf("it declares %d rows and has %d", f.NumRows(), first)
	}
	return nil
}

// expected returns the sums for files of these columns.
func (r *reader) expected(l layout) (*scenario.Expect, error) {
	columns := fmt.Sprint(l.columns)
	if r.expect[columns] == nil {
		e, err := r.maker.NewExpect(r.sums, l.kinds)
		if err != nil {
			return nil, err
		}
		r.expect[columns] = e
	}
	return r.expect[columns], nil
}

func (r *reader) group(key string, at address, l layout, g parquet.RowGroup, first int64, expect *scenario.Expect) (err error) {
	var cursors []*cursor
	for _, c := range l.columns {
		cursors = append(cursors, openCursor(c, g))
	}
	defer func() {
		for _, c := range cursors {
			err = errors.Join(err, c.close())
		}
	}()
	for done := int64(0); done < g.NumRows(); {
		n := int(min(chunkRows, g.NumRows()-done))
		clear(r.rows.row[:n])
		r.rows.first = first + done
		for _, c := range cursors {
			if err := r.column(c, n, at.table == rejected); err != nil {
				return err
			}
		}
		r.judge(key, at, n, expect)
		done += int64(n)
	}
	for _, c := range cursors {
		if err := c.end(); err != nil {
			return err
		}
	}
	return nil
}

// column reads the values of n rows into the chunk.
func (r *reader) column(c *cursor, n int, isRejected bool) error {
	column := r.sums.Column(c.part)
	many := c.kind.Type == scenario.Map || c.kind.Type == scenario.List
	err := c.rows(n, func(row int, v *parquet.Value) error {
		if v.IsNull() {
			return nil
		}
		to := &r.rows.row[row]
		number, err := r.value(c, column, v)
		switch {
		case err != nil:
			return err
		case many:
			to.chain = r.sums.Join(to.chain, number)
			return nil
		case c.name == receivedAt:
			to.received = v.Int64()
			return nil
		case c.name == "id":
			to.id, to.ours = r.v.Plan.ParseID(v.ByteArray())
		case c.name == "time":
			to.time = v.Int64()
		case isRejected:
			switch c.name {
			case "raw":
				to.raw = bytes.Clone(v.ByteArray())
			case "code":
				to.code = string(v.ByteArray())
			case "table":
				to.table = string(v.ByteArray())
			}
		}
		to.sum += number
		return nil
	})
	if many {
		for i := range n {
			r.rows.row[i].sum += r.rows.row[i].chain
			r.rows.row[i].chain = 0
		}
	}
	return err
}

// value is the number of a value.
func (r *reader) value(c *cursor, column uint64, v *parquet.Value) (uint64, error) {
	switch v.Kind() {
	case parquet.ByteArray:
		text := v.ByteArray()
		if c.name == scenario.Extra {
			var err error
			if text, err = scenario.Canonical(text); err != nil {
				return 0, err
			}
		}
		return r.sums.Bytes(column, text), nil
	case parquet.Int32:
		return r.sums.Integer(column, int64(v.Int32())), nil
	case parquet.Int64:
		return r.sums.Integer(column, v.Int64()), nil
	case parquet.Double:
		return r.sums.Integer(column, int64(math.Float64bits(v.Double()))), nil
	case parquet.Boolean:
		if v.Boolean() {
			return r.sums.Integer(column, 1), nil
		}
		return r.sums.Integer(column, 0), nil
	}
	return 0, fmt.Errorf("a value of kind %v", v.Kind())
}
