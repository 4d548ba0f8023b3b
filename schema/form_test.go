package schema

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
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

// TestFormGolden pins the bytes that FORMAT.md draws: a journal written by one
// release is read by the next.
func TestFormGolden(t *testing.T) {
	table, err := Compile("g", []byte(`{"type": "object", "additionalProperties": false, "properties": {
		"s": {"type": "string"}, "i": {"type": "integer", "format": "int32"}, "b": {"type": "boolean"},
		"m": {"type": "object", "additionalProperties": {"type": "string"}}, "l": {"type": "array", "items": {"type": "string"}},
		"none": {"type": "number"}
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := NewColumns(table)
	for row := range 3 {
		if row != 1 {
			c.SetString(0, []string{"hé", "", "!"}[row])
		}
		c.SetInt64(1, int64(-1-row))
		c.SetInt64(2, 1)
		if row == 2 {
			c.SetElements(3, "k", "v", "", "w")
		}
		c.SetElements(4, []string{"x", "yz"}[:row]...)
		c.SetInt64(6, 0x0102030405060708)
		c.EndRow()
	}
	want := "" +
		"01" + "00" + "0700" + "03000000" + "831b7014ef121097" + // version, 0, columns, rows, fingerprint
		"02" + "01" + "03" + "02" + "01" + "00" + "03" + // modes: some, all, same, some, all, none, same
		"05" + "03000000" + "03000000" + "04000000" + "68c3a9" + "21" + // s: rows 0 and 2, ends, text
		"ffffffff" + "feffffff" + "fdffffff" + // i
		"01" + // b
		"04" + "00000000" + "00000000" + "02000000" + // m: row 2; pairs of each row
		"01000000" + "02000000" + "02000000" + "03000000" + "6b" + "76" + "77" + // k, v, "", w
		"00000000" + "01000000" + "03000000" + "01000000" + "02000000" + "04000000" + "78" + "78" + "797a" + // l
		"0807060504030201" // received_at
	if got := hex.EncodeToString(c.AppendTo(nil)); got != want {
		t.Errorf("the byte form changed\n got %s\nwant %s", got, want)
	}
}

// TestFormCorrupt damages a form in every way that the checks are for.
func TestFormCorrupt(t *testing.T) {
	table := wide(t)
	one := NewColumns(table)
	rapid.Check(t, func(t *rapid.T) {
		one.Reset()
		absent := make([]bool, len(table.columns))
		for range rapid.IntRange(1, 20).Draw(t, "rows") {
			addRow(one, drawRow(t, table.columns, absent))
		}
		whole := one.AppendTo(nil)
		merged := NewColumns(table)
		if err := merged.AppendBatch(whole); err != nil {
			t.Fatal(err)
		}
		before := cells(merged)
		refused := func(b []byte, want error, how string) {
			if err := merged.AppendBatch(b); !errors.Is(err, want) {
				t.Fatalf("%s: got %v, want %v", how, err, want)
			}
			if d := cmp.Diff(before, cells(merged)); d != "" {
				t.Fatalf("%s: refused bytes changed the columns:\n%s", how, d)
			}
		}
		refused(whole[:rapid.IntRange(0, len(whole)-1).Draw(t, "cut")], ErrCorrupt, "cut")
		refused(append(slices.Clone(whole), 0), ErrCorrupt, "a byte more")
		damaged := func(at int, to byte) []byte {
			b := slices.Clone(whole)
			b[at] = to
			return b
		}
		refused(damaged(0, 2), ErrCorrupt, "version")
		refused(damaged(1, 1), ErrCorrupt, "flags")
		refused(damaged(2, 99), ErrCorrupt, "columns")
		refused(damaged(8, whole[8]+1), ErrFingerprint, "fingerprint")
		refused(damaged(formHeader, byte(modeNone)), ErrCorrupt, "a required column without values")
		refused(damaged(formHeader, 4), ErrCorrupt, "an unknown mode")
		refused(damaged(7, 0x40), ErrCorrupt, "a billion rows")
	})
}

// TestFormRequired refuses a row without a value in a required column, from bytes
// and by hand.
func TestFormRequired(t *testing.T) {
	table := wide(t)
	c := NewColumns(table)
	form := c.AppendTo(nil)
	form[4] = 1 // a row, and no column with a value
	if err := c.AppendBatch(form); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("EndRow ended a row without its required values")
		}
	}()
	c.SetInt64(table.Index(ReceivedAt), 1)
	c.EndRow()
}

// TestSectionInvalid gives each check of a section the bytes that it alone refuses.
func TestSectionInvalid(t *testing.T) {
	u32 := func(values ...uint32) (b []byte) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		return b
	}
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	for _, tt := range []struct {
		name  string
		kind  Kind
		mode  mode
		rows  int
		bytes []byte
		ok    bool
	}{
		{"all", Bool, modeAll, 3, []byte{1, 0, 1}, true},
		{"boolean beyond 1", Bool, modeAll, 3, []byte{1, 2, 1}, false},
		{"no row", Bool, modeAll, 0, nil, false},
		{"some", Bool, modeSome, 3, []byte{0b101, 1, 0, 1}, true},
		{"some of all", Bool, modeSome, 3, []byte{0b111, 1, 0, 1}, false},
		{"some of none", Bool, modeSome, 3, []byte{0, 0, 0, 0}, false},
		{"bits beyond the rows", Bool, modeSome, 3, []byte{0b1001, 1, 0, 0}, false},
		{"value in a row without one", Bool, modeSome, 3, []byte{0b101, 1, 1, 1}, false},
		{"same", Int64, modeSame, 1 << 16, make([]byte, 8), true},
		{"same beyond the bound", Int64, modeSame, 1<<16 + 1, make([]byte, 8), false},
		{"same text", String, modeSame, 1, join(u32(1), []byte("x")), false},
		{"text", String, modeAll, 2, join(u32(1, 3), []byte("abc")), true},
		{"text that falls", String, modeAll, 3, join(u32(2, 1, 3), []byte("abc")), false},
		{"text that falls late", String, modeAll, 4, join(u32(0, 3, 2, 3), []byte("abc")), false},
		{"text in a row without one", String, modeSome, 2, join([]byte{0b01}, u32(1, 2), []byte("ab")), false},
		{"text cut short", String, modeAll, 2, join(u32(1, 4), []byte("abc")), false},
		{"list", StringList, modeAll, 2, join(u32(0, 2), u32(0, 1), []byte("a")), true},
		{"elements that fall", StringList, modeAll, 1, join(u32(3), u32(1, 0, 1), []byte("a")), false},
		{"map", StringMap, modeAll, 1, join(u32(1), u32(1, 2), []byte("kv")), true},
		{"half a pair", StringMap, modeAll, 1, join(u32(1), u32(1), []byte("k")), false},
		{"more elements than bytes", StringMap, modeAll, 1, u32(1 << 31), false},
	} {
		var s section
		rest, ok := s.cut(tt.kind, tt.mode, tt.rows, tt.bytes)
		if got := ok && s.valid(tt.kind) && len(rest) == 0; got != tt.ok {
			t.Errorf("%s: valid %v, want %v", tt.name, got, tt.ok)
		}
	}
}
