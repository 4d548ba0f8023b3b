// The columns of a Parquet file, read side by side.

package prove

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"parquay/loadtest/scenario"
)

// column is a column of a file's leaves, with what its values are.
type column struct {
	name  string // of the field; a map's keys and values have the same
	part  string // name, and "value" for a map's values: what is summed apart
	kind  scenario.Kind
	index int
}

// layout is the columns of a file.
type layout struct {
	columns []column
	kinds   scenario.Kinds
}

// layoutOf reads a file's schema.
func layoutOf(f *parquet.File) (l layout, err error) {
	l.kinds = scenario.Kinds{}
	for _, field := range f.Root().Columns() {
		kind, err := kindOf(field)
		if err != nil {
			return l, fmt.Errorf("column %s: %w", field.Name(), err)
		}
		if field.Name() != receivedAt && field.Name() != scenario.Extra {
			l.kinds[field.Name()] = kind
		}
		l.add(field.Name(), kind, field)
	}
	return l, nil
}

func (l *layout) add(name string, kind scenario.Kind, c *parquet.Column) {
	if c.Leaf() {
		part := name
		if kind.Type == scenario.Map && c.Name() == "value" {
			part = scenario.ValuesOf(name)
		}
		l.columns = append(l.columns, column{name, part, kind, c.Index()})
	}
	for _, child := range c.Columns() {
		l.add(name, kind, child)
	}
}

func kindOf(c *parquet.Column) (k scenario.Kind, err error) {
	if !c.Leaf() {
		switch inner := c.Columns()[0].Name(); inner {
		case "key_value":
			return scenario.Kind{Type: scenario.Map}, nil
		case "list":
			return scenario.Kind{Type: scenario.List}, nil
		default:
			return k, fmt.Errorf("it is a group of %s, which no table has", inner)
		}
	}
	if logical := c.Type().LogicalType(); logical != nil {
		switch t := logical.Value.(type) {
		case *format.TimestampType:
			if _, micros := t.Unit.Value.(*format.MicroSeconds); !micros || !t.IsAdjustedToUTC {
				return k, fmt.Errorf("it is %v, and not in microseconds of UTC", t)
			}
			return scenario.Kind{Type: scenario.Time}, nil
		case *format.DecimalType:
			return scenario.Kind{Type: scenario.Decimal, Scale: int(t.Scale)}, nil
		}
	}
	switch c.Type().Kind() {
	case parquet.ByteArray:
		return scenario.Kind{Type: scenario.Text}, nil
	case parquet.Int32, parquet.Int64:
		return scenario.Kind{Type: scenario.Integer}, nil
	case parquet.Double:
		return scenario.Kind{Type: scenario.Float}, nil
	case parquet.Boolean:
		return scenario.Kind{Type: scenario.Boolean}, nil
	}
	return k, fmt.Errorf("it is %v, which no table has", c.Type())
}

// cursor reads a column of a row group, some rows at a time.
type cursor struct {
	column
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer []parquet.Value
	at     int // of the next value in buffer
}

const bufferValues = 512

func openCursor(c column, g parquet.RowGroup) *cursor {
	return &cursor{column: c, pages: g.ColumnChunks()[c.index].Pages(), buffer: make([]parquet.Value, 0, bufferValues)}
}

// rows calls each with the values of the next n rows. A value is valid during the call.
func (c *cursor) rows(n int, each func(row int, v *parquet.Value) error) error {
	for row := -1; ; c.at++ {
		if c.at == len(c.buffer) {
			if err := c.fill(); errors.Is(err, io.EOF) && row == n-1 {
				return nil
			} else if err != nil {
				return fmt.Errorf("column %s: %w", c.name, noEOF(err))
			}
		}
		v := &c.buffer[c.at]
		if v.RepetitionLevel() == 0 {
			if row == n-1 {
				return nil
			}
			row++
		}
		if row < 0 {
			return fmt.Errorf("column %s: its first value belongs to no row", c.name)
		}
		if err := each(row, v); err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("it has fewer rows than the row group")
	}
	return err
}

// fill reads the next values. It is io.EOF after the last one.
func (c *cursor) fill() error {
	for {
		if c.values == nil {
			page, err := c.pages.ReadPage()
			if err != nil {
				return err
			}
			c.page, c.values = page, page.Values()
		}
		n, err := c.values.ReadValues(c.buffer[:cap(c.buffer)])
		c.buffer, c.at = c.buffer[:n], 0
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n > 0 {
			return nil
		}
		parquet.Release(c.page)
		c.page, c.values = nil, nil
	}
}

// end is an error unless all values were read.
func (c *cursor) end() error {
	if c.at < len(c.buffer) {
		return fmt.Errorf("column %s: it has more rows than the row group", c.name)
	}
	switch err := c.fill(); {
	case err == nil:
		return fmt.Errorf("column %s: it has more rows than the row group", c.name)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("column %s: %w", c.name, err)
	}
	return nil
}

func (c *cursor) close() error {
	if c.page != nil {
		parquet.Release(c.page)
	}
	return c.pages.Close()
}
