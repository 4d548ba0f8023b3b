package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// wide is a table with a column of every kind, required and optional.
func wide(t testing.TB) *Table {
	t.Helper()
	table, err := Compile("wide", []byte(`{
		"type": "object",
		"required": ["s", "i32", "d", "m"],
		"properties": {
			"s": {"type": "string"}, "os": {"type": "string"},
			"i32": {"type": "integer", "format": "int32"}, "i64": {"type": "integer"},
			"d": {"type": "number"}, "od": {"type": "number"},
			"b": {"type": "boolean"},
			"t": {"type": "string", "format": "date-time"},
			"dec": {"type": "number", "x-decimal": "9,3"},
			"m": {"type": "object", "additionalProperties": {"type": "string"}},
			"om": {"type": "object", "additionalProperties": {"type": "string"}},
			"l": {"type": "array", "items": {"type": "string"}}
		}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// cell is a value as a test sees it: nil, int64, float64, string or []string.
type cell any

// cells reads all rows of the columns.
func cells(c *Columns) [][]cell {
	rows := make([][]cell, c.Rows())
	for r := range rows {
		for i, column := range c.Table().Columns() {
			rows[r] = append(rows[r], readCell(c.Vector(i), column.Kind, r))
		}
	}
	return rows
}

func readCell(v *Vector, kind Kind, row int) cell {
	if !v.Present(row) {
		from, to := 0, 0
		if kind == StringMap || kind == StringList {
			from, to = v.Elements(row)
		}
		if kind.width() > 0 && v.Int64(row) != 0 || kind == String && len(v.Bytes(row)) > 0 || from != to {
			return "a value in a row without one"
		}
		return nil
	}
	switch kind {
	case String:
		return string(v.Bytes(row))
	case Double:
		return v.Float64(row)
	case StringMap, StringList:
		list := []string{}
		for from, to := v.Elements(row); from < to; from++ {
			if kind == StringMap {
				list = append(list, string(v.Key(from)))
			}
			list = append(list, string(v.Element(from)))
		}
		return list
	}
	return v.Int64(row)
}

// drawRow draws a row of the table. Few distinct values, so that columns are
// constant, sparse and empty often enough.
func drawRow(t *rapid.T, columns []Column, absent []bool) []cell {
	row := make([]cell, len(columns))
	for i, c := range columns {
		if !c.Required && (absent[i] || rapid.Bool().Draw(t, "absent")) {
			continue
		}
		switch c.Kind {
		case String:
			row[i] = rapid.SampledFrom([]string{"", "a", "häh", "longer than eight bytes"}).Draw(t, "text")
		case Double:
			row[i] = rapid.SampledFrom([]float64{0, -1.5, 1e300}).Draw(t, "double")
		case Bool:
			row[i] = rapid.Int64Range(0, 1).Draw(t, "boolean")
		case Int32:
			row[i] = int64(rapid.Int32().Draw(t, "int32"))
		case StringMap:
			n := rapid.IntRange(0, 2).Draw(t, "pairs")
			row[i] = rapid.SliceOfN(rapid.SampledFrom([]string{"", "k", "val"}), 2*n, 2*n).Draw(t, "map")
		case StringList:
			row[i] = rapid.SliceOfN(rapid.SampledFrom([]string{"", "k", "val"}), 0, 3).Draw(t, "list")
		default:
			row[i] = rapid.SampledFrom([]int64{0, 1, -1, 1 << 60}).Draw(t, "int64")
		}
	}
	return row
}

func addRow(c *Columns, row []cell) {
	for i, x := range row {
		switch x := x.(type) {
		case int64:
			c.SetInt64(i, x)
		case float64:
			c.SetFloat64(i, x)
		case string:
			c.SetString(i, x)
		case []string:
			c.SetElements(i, x...)
		}
	}
	c.EndRow()
}

// TestFormRoundTrip draws batches, merges their byte forms, and expects the rows
// of all, in order; and the same after the merged rows went through bytes again.
func TestFormRoundTrip(t *testing.T) {
	table := wide(t)
	rapid.Check(t, func(t *rapid.T) {
		want := [][]cell{}
		merged, one := NewColumns(table), NewColumns(table)
		for range rapid.IntRange(0, 5).Draw(t, "batches") {
			one.Reset()
			absent := rapid.SliceOfN(rapid.Bool(), len(table.columns), len(table.columns)).Draw(t, "absent columns")
			for range rapid.IntRange(1, 20).Draw(t, "rows") {
				row := drawRow(t, table.columns, absent)
				want = append(want, row)
				addRow(one, row)
			}
			b := one.AppendTo(nil)
			if err := merged.AppendBatch(b); err != nil {
				t.Fatal(err)
			}
			clear(b) // nothing may alias the bytes
		}
		if d := cmp.Diff(want, cells(merged)); d != "" {
			t.Fatalf("rows differ (-want +got):\n%s", d)
		}
		again := NewColumns(table)
		prefix := []byte("prefix!")
		if err := again.AppendBatch(merged.AppendTo(prefix)[len(prefix):]); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, cells(again)); d != "" {
			t.Fatalf("rows differ after a second trip (-want +got):\n%s", d)
		}
		for i := range table.columns {
			n := 0
			for _, row := range want {
				if row[i] != nil {
					n++
				}
			}
			v := again.Vector(i)
			if v.AllPresent() != (n == len(want)) || v.NonePresent() != (n == 0) {
				t.Fatalf("column %d: %d of %d present, AllPresent %v, NonePresent %v", i, n, len(want), v.AllPresent(), v.NonePresent())
			}
		}
	})
}

