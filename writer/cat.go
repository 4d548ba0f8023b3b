package writer

// This file prints a Parquet file as NDJSON.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"parquay/schema"
)

// Cat writes the rows of a Parquet file of Parquay's to w, a JSON object and a line
// feed each, in the order of the file: times as RFC 3339 with microseconds,
// decimals as numbers with all their digits, maps as objects, lists as arrays,
// _extra as the JSON it holds. What has no value is left out. It holds a few rows
// and pages in memory, however large the file.
func Cat(w io.Writer, r io.ReaderAt, size int64) (err error) {
	defer recoverInto(&err)
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("open Parquet file: %w", err)
	}
	p, err := newPrinter(f.Schema())
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	for i, g := range f.RowGroups() {
		if err := p.print(out, g.Rows()); err != nil {
			return fmt.Errorf("row group %d: %w", i, err)
		}
	}
	return out.Flush()
}

// printer turns rows into JSON.
type printer struct {
	fields []printedField
	line   []byte
}

// printedField is a column.
type printedField struct {
	name   string // as JSON, with its colon
	shape  shape
	leaf   int // index of its first leaf: the value, the list's elements, the map's keys
	level  int // definition level of a value that is there
	append func(dst []byte, v parquet.Value) []byte
}

type shape uint8

const (
	single shape = iota
	list
	pairs
)

func newPrinter(s *parquet.Schema) (*printer, error) {
	p := new(printer)
	leaf := 0
	for _, field := range s.Fields() {
		f := printedField{name: string(appendString(nil, field.Name())) + ":", leaf: leaf}
		if !field.Required() {
			f.level = 1
		}
		value := parquet.Node(field)
		switch leaves := countLeaves(field); {
		case field.Leaf():
		case leaves == 1 && isA[*format.ListType](field):
			f.shape, value = list, onlyLeaf(field)
		case leaves == 2 && isA[*format.MapType](field):
			f.shape, value = pairs, onlyLeaf(field)
		default:
			return nil, fmt.Errorf("column %s: not a type that Parquay writes", field.Name())
		}
		var err error
		if f.append, err = appendFunc(field.Name(), value); err != nil {
			return nil, err
		}
		p.fields = append(p.fields, f)
		leaf += countLeaves(field)
	}
	return p, nil
}

func isA[T any](n parquet.Node) bool {
	l := n.Type().LogicalType()
	if l == nil {
		return false
	}
	_, ok := l.Value.(T)
	return ok
}

func countLeaves(n parquet.Node) int {
	if n.Leaf() {
		return 1
	}
	count := 0
	for _, f := range n.Fields() {
		count += countLeaves(f)
	}
	return count
}

func onlyLeaf(n parquet.Node) parquet.Node {
	for !n.Leaf() {
		n = n.Fields()[0]
	}
	return n
}

// appendFunc returns what prints a value of a leaf.
func appendFunc(name string, n parquet.Node) (func([]byte, parquet.Value) []byte, error) {
	switch n.Type().Kind() {
	case parquet.ByteArray:
		if name == schema.Extra {
			return appendRaw, nil
		}
		return func(dst []byte, v parquet.Value) []byte { return appendString(dst, string(v.ByteArray())) }, nil
	case parquet.Boolean:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendBool(dst, v.Boolean()) }, nil
	case parquet.Double:
		return func(dst []byte, v parquet.Value) []byte { return appendDouble(dst, v.Double()) }, nil
	case parquet.Int32:
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendInt(dst, int64(v.Int32()), 10) }, nil
	case parquet.Int64:
		switch l := logicalOf(n).(type) {
		case *format.DecimalType:
			return func(dst []byte, v parquet.Value) []byte { return appendDecimal(dst, v.Int64(), int(l.Scale)) }, nil
		case *format.TimestampType:
			return func(dst []byte, v parquet.Value) []byte {
				return append(micros(v.Int64()).AppendFormat(append(dst, '"'), timeLayout), '"')
			}, nil
		}
		return func(dst []byte, v parquet.Value) []byte { return strconv.AppendInt(dst, v.Int64(), 10) }, nil
	}
	return nil, fmt.Errorf("column %s: not a type that Parquay writes", name)
}

func logicalOf(n parquet.Node) format.LogicalTypeValue {
	if l := n.Type().LogicalType(); l != nil {
		return l.Value
	}
	return nil
}

// print writes the rows and closes them.
func (p *printer) print(w io.Writer, rows parquet.Rows) (err error) {
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	buffer := make([]parquet.Row, 64)
	for {
		n, err := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			p.appendRow(row)
			if _, err := w.Write(p.line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// appendRow makes the row's line.
func (p *printer) appendRow(row parquet.Row) {
	leaves := make([][]parquet.Value, 0, len(p.fields)+8)
	for _, values := range row.Range {
		leaves = append(leaves, values)
	}
	line := append(p.line[:0], '{')
	for i := range p.fields {
		f := &p.fields[i]
		values := leaves[f.leaf]
		if values[0].DefinitionLevel() < f.level {
			continue
		}
		if len(line) > 1 {
			line = append(line, ',')
		}
		line = append(line, f.name...)
		if f.shape == single {
			line = f.append(line, values[0])
			continue
		}
		line = append(line, "[{"[f.shape-list])
		for j, v := range values {
			if v.DefinitionLevel() == f.level {
				break // it is empty
			}
			if j > 0 {
				line = append(line, ',')
			}
			line = f.append(line, v)
			if f.shape == pairs {
				line = f.append(append(line, ':'), leaves[f.leaf+1][j])
			}
		}
		line = append(line, "]}"[f.shape-list])
	}
	p.line = append(line, '}', '\n')
}

// appendRaw adds JSON as it is, and anything else as a string.
func appendRaw(dst []byte, v parquet.Value) []byte {
	b := v.ByteArray()
	if !json.Valid(b) {
		return appendString(dst, string(b))
	}
	return append(dst, b...)
}

// appendDouble adds the shortest digits that give the number back. JSON has no
// infinities: they are strings.
func appendDouble(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendString(dst, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendDecimal adds a decimal without the zeros that end its fraction.
func appendDecimal(dst []byte, unscaled int64, scale int) []byte {
	digits := strconv.FormatInt(unscaled, 10)
	if sign, rest, ok := strings.Cut(digits, "-"); ok && sign == "" {
		dst, digits = append(dst, '-'), rest
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, fraction := digits[:len(digits)-scale], strings.TrimRight(digits[len(digits)-scale:], "0")
	dst = append(dst, whole...)
	if fraction != "" {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst
}

// appendString adds a JSON string.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
