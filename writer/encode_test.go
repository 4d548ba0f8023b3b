package writer

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"parquay/schema"
)

// edgeRows has, for every kind, what is easy to get wrong.
func edgeRows() []row {
	long := strings.Repeat("日本語", 1_000)
	return []row{
		fill(row{}, 0),
		fill(row{
			"word": "", "text": "", "plain": "", "delta": "", "i32": int64(0), "i32_delta": int64(0), "i32_plain": int64(0),
			"i64_dict": int64(0), "i64_delta": int64(0), "i64_plain": int64(0), "double": 0.0, "double_plain": 0.0,
			"flag": int64(0), "at": int64(0), "at_dict": int64(0), "price": int64(0), "price_dict": int64(0), "price_delta": int64(0),
			"attrs": []string{}, "attrs_given": []string{}, "tags": []string{}, "tags_given": []string{}, "_extra": "{}",
		}, 1),
		fill(row{
			"word": "ünï", "text": "😀", "plain": long, "delta": "a\x00b", "i32": int64(math.MinInt32), "i32_delta": int64(math.MaxInt32), "i32_plain": int64(math.MinInt32),
			"i64_dict": int64(math.MinInt64), "i64_delta": int64(math.MaxInt64), "i64_plain": int64(math.MinInt64), "double": -math.MaxFloat64, "double_plain": math.SmallestNonzeroFloat64,
			"flag": int64(1), "at": int64(-1), "at_dict": int64(1), "price": int64(-999_999_999_999_999_999), "price_dict": int64(-1), "price_delta": int64(-5),
			"attrs": []string{"k", ""}, "attrs_given": []string{"", "v", "k", "w"}, "tags": []string{""}, "tags_given": []string{"a", "", "a"}, "_extra": `{"x":1}`,
		}, 2),
		fill(row{
			"word": "", "text": "😀", "plain": "x", "delta": long, "i32": int64(math.MaxInt32), "i32_delta": int64(math.MinInt32), "i32_plain": int64(math.MaxInt32),
			"i64_dict": int64(math.MaxInt64), "i64_delta": int64(math.MinInt64), "i64_plain": int64(math.MaxInt64), "double": math.Inf(1), "double_plain": math.Copysign(0, -1),
			"flag": int64(0), "at": int64(1), "at_dict": int64(1), "price": int64(999_999_999_999_999_999), "price_dict": int64(-1), "price_delta": int64(5),
			"attrs": []string{"k", "v", "l", "w"}, "tags": []string{"a", "b", "c"},
		}, 3),
	}
}

func TestRoundTripOfEveryKind(t *testing.T) {
	table := kindsTable(t)
	rows := edgeRows()
	for _, c := range []struct {
		name string
		rows []row
	}{
		{"all", rows},
		{"one, nearly empty", rows[:1]},
		{"one, zero values", rows[1:2]},
		{"one, extremes", rows[2:3]},
		{"many, so that dictionaries pay", repeat(rows, 300)},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, c.rows...)})
			checkRows(t, inOrder(c.rows), readRows(t, data))
			checkBounds(t, data)
		})
	}
}

func repeat(rows []row, n int) []row {
	var all []row
	for i := range n {
		for _, r := range rows {
			again := make(row)
			for name, v := range r {
				again[name] = v
			}
			again["time"] = testTime(int64(len(all)*7919) % 1000)
			again["amount"] = int64(i)
			all = append(all, again)
		}
	}
	return all
}

// genRow draws a row of the kinds table. Values are drawn from small and from large
// sets, so that dictionaries pay in some files and not in others.
func genRow(t *rapid.T, i int) row {
	text := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "b", "ünï"}), rapid.StringN(0, 60, 90))
	texts := rapid.SliceOfN(text, 0, 4)
	number := rapid.OneOf(rapid.Int64Range(-2, 2), rapid.Int64())
	small := rapid.OneOf(rapid.Int64Range(-2, 2), rapid.Int64Range(math.MinInt32, math.MaxInt32))
	decimal := func(digits int) *rapid.Generator[int64] {
		most := int64(math.Pow10(digits)) - 1
		return rapid.OneOf(rapid.Int64Range(-2, 2), rapid.Int64Range(-most, most))
	}
	generators := map[string]*rapid.Generator[any]{
		"word": text.AsAny(), "text": text.AsAny(), "plain": text.AsAny(), "delta": text.AsAny(), "_extra": text.AsAny(),
		"i32": small.AsAny(), "i32_delta": small.AsAny(), "i32_plain": small.AsAny(),
		"amount": number.AsAny(), "i64_dict": number.AsAny(), "i64_delta": number.AsAny(), "i64_plain": number.AsAny(),
		"double": rapid.Float64().AsAny(), "double_plain": rapid.OneOf(rapid.SampledFrom([]float64{0, 1, math.NaN()}), rapid.Float64()).AsAny(),
		"flag": rapid.Int64Range(0, 1).AsAny(), "at": number.AsAny(), "at_dict": number.AsAny(),
		"price": decimal(18).AsAny(), "price_dict": decimal(9).AsAny(), "price_delta": decimal(18).AsAny(),
		"tags": texts.AsAny(), "tags_given": texts.AsAny(),
	}
	pairs := rapid.Map(texts, func(s []string) []string { return s[:len(s)/2*2] }).AsAny()
	generators["attrs"], generators["attrs_given"] = pairs, pairs
	// Most columns of most rows have no value: the rest is drawn.
	r := row{"time": testTime(rapid.Int64Range(0, 30).Draw(t, "time"))}
	for _, name := range slices.Sorted(maps.Keys(generators)) {
		if rapid.Bool().Draw(t, "has "+name) {
			r[name] = generators[name].Draw(t, name)
		}
	}
	return fill(r, i)
}

func TestRandomRows(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, nil)
	window := uint64(0)
	rapid.Check(t, func(rt *rapid.T) {
		window++
		id := testID("kinds")
		id.Window = window
		f, err := r.Create(id, table)
		if err != nil {
			rt.Fatal(err)
		}
		defer f.Discard()
		var want []row
		for range rapid.IntRange(1, 3).Draw(rt, "groups") {
			var group []*schema.Batch
			var rows []row
			for range rapid.IntRange(1, 3).Draw(rt, "batches") {
				var batch []row
				for range rapid.IntRange(1, 12).Draw(rt, "rows") {
					batch = append(batch, genRow(rt, len(want)+len(rows)+len(batch)))
				}
				group = append(group, batchOf(table, batch...))
				rows = append(rows, batch...)
			}
			if err := f.Append(context.Background(), group); err != nil {
				rt.Fatal(err)
			}
			want = append(want, inOrder(rows)...)
		}
		if n, err := f.Close(context.Background()); err != nil || int(n) != len(want) {
			rt.Fatalf("Close() = %d, %v; want %d rows", n, err, len(want))
		}
		if err := f.Put(context.Background()); err != nil {
			rt.Fatal(err)
		}
		data := r.bucket.objects[id.Key()]
		delete(r.bucket.objects, id.Key())
		checkRows(rt, want, readRows(t, data))
		checkBounds(t, data)
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// The same groups give the same bytes, whichever encoder makes them: it may have
// served anything before.
func TestSameRowsSameBytes(t *testing.T) {
	table := kindsTable(t)
	rows := repeat(edgeRows(), 200)
	group := []*schema.Batch{batchOf(table, rows[:300]...), batchOf(table, rows[300:]...)}
	first := newRig(t, nil).write(t, table, group)
	r := newRig(t, func(c *Config) { c.Encoders = 1 })
	for i := range 3 {
		r.bucket.objects = nil
		r.write(t, table, []*schema.Batch{batchOf(table, someRows(10+100*i)...)})
		r.bucket.objects = nil
		if again := r.write(t, table, group); !bytes.Equal(first, again) {
			t.Errorf("file %d of the same rows has other bytes", i)
		}
	}
}

// TestHalfAPage: what an encoder has left that failed, or panicked, in the middle of a
// page is in no file of anybody's (I8).
func TestHalfAPage(t *testing.T) {
	table := kindsTable(t)
	group := []*schema.Batch{batchOf(table, repeat(edgeRows(), 200)...)}
	first := newRig(t, nil).write(t, table, group)
	r := newRig(t, func(c *Config) { c.Encoders = 1 })
	r.write(t, table, group)
	for _, e := range r.mu.idle {
		e.page.raw = append(e.page.raw, "another tenant's values"...)
		e.page.alike = alike{0, 8}
	}
	r.bucket.objects = nil
	if again := r.write(t, table, group); !bytes.Equal(first, again) {
		t.Error("the file has other bytes")
	}
}

// Rows of the same time stay in the order in which they were accepted.
func TestOrderIsStable(t *testing.T) {
	for _, c := range []struct {
		name string
		time func(i int) int64
	}{
		{"ascending", func(i int) int64 { return int64(i) }},
		{"all the same", func(int) int64 { return 7 }},
		{"descending", func(i int) int64 { return int64(-i) }},
		{"few", func(i int) int64 { return int64(i*7919) % 5 }},
		{"a whole hour", func(i int) int64 { return int64(i*7919) % 3 * 1_799_999_999 }},
		{"anywhere in an hour", func(i int) int64 { return int64(i*2654435761) % 3_600_000_000 }},
		{"wider than the keys", func(i int) int64 { return int64(i*7919) % 5 << 40 }},
		{"the extremes", func(i int) int64 { return []int64{math.MaxInt64, 0, math.MinInt64}[i%3] }},
	} {
		for _, n := range []int{minRadix - 1, 2 * minRadix} {
			table := kindsTable(t)
			var rows []row
			for i := range n {
				rows = append(rows, fill(row{"time": c.time(i)}, i))
			}
			e, err := newEncoder()
			if err != nil {
				t.Fatal(err)
			}
			l, err := newLayout(table)
			if err != nil {
				t.Fatal(err)
			}
			e.use(l)
			if err := e.take([]*schema.Batch{batchOf(table, rows...)}); err != nil {
				t.Fatal(err)
			}
			want := make([]uint32, len(rows))
			for i := range want {
				want[i] = uint32(i)
			}
			slices.SortStableFunc(want, func(a, b uint32) int { return cmpInt(c.time(int(a)), c.time(int(b))) })
			if !slices.Equal(e.rows, want) {
				t.Errorf("%s, %d rows: the order is another than a stable sort's", c.name, n)
			}
		}
	}
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// TestOnlyColumn: where the column that a row group ends with is the one that the next
// begins with, each has its own values.
func TestOnlyColumn(t *testing.T) {
	table, err := schema.Compile("t", []byte(`{"type":"object","properties":{"text":{"type":"string"}},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	var groups [][]*schema.Batch
	for i := range 6 {
		rows = append(rows, row{"text": fmt.Sprint("value ", i), schema.ReceivedAt: testTime(int64(i))})
		groups = append(groups, []*schema.Batch{batchOf(table, rows[i])})
	}
	checkRows(t, rows, readRows(t, newRig(t, func(c *Config) { c.Encoders = 1 }).write(t, table, groups...)))
}

// A group beyond the bounds, which only one huge batch can be, becomes several row
// groups within them.
func TestHugeBatchIsCut(t *testing.T) {
	table, err := schema.Compile("t", []byte(`{"type":"object","properties":{"text":{"type":"string"}},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		rows, text int
		groups     int
	}{
		{"as many rows as fit", maxGroupRows, 1, 1},
		{"a row too many", maxGroupRows + 1, 1, 2},
		{"too many bytes", 7000, 10_000, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			columns := schema.NewColumns(table)
			text := strings.Repeat("a", c.text)
			for i := range c.rows {
				columns.SetString(0, text)
				columns.SetInt64(1, testTime(int64(i)))
				columns.EndRow()
			}
			batch := &schema.Batch{Table: table, Tenant: "acme", Hour: testHour, Rows: c.rows, Bytes: columns.AppendTo(nil)}
			r := newRig(t, nil)
			f := openParquet(t, r.write(t, table, []*schema.Batch{batch}))
			rows := int64(0)
			for _, g := range f.RowGroups() {
				rows += g.NumRows()
				if g.NumRows() > maxGroupRows {
					t.Errorf("a row group of %d rows", g.NumRows())
				}
			}
			if rows != int64(c.rows) || len(f.RowGroups()) != c.groups {
				t.Errorf("%d rows in %d groups, want %d in %d", rows, len(f.RowGroups()), c.rows, c.groups)
			}
		})
	}
}

// What an event takes in a file, of a small tenant's and of a larger one. DuckDB's
// zstd Parquet of the same rows takes 62 and 57 bytes. (docs/performance.md compares
// whole row groups.)
func TestBytesPerEvent(t *testing.T) {
	for _, c := range []struct {
		rows int
		most float64
	}{{1000, 54}, {10_000, 48}} {
		data := newRig(t, func(c *Config) { c.MemoryFile = 64 << 20 }).write(t, schema.Events(), eventBatches(c.rows))
		if size := float64(len(data)) / float64(c.rows); size > c.most {
			t.Errorf("%.1f bytes an event in a file of %d, want at most %v", size, c.rows, c.most)
		}
	}
}

// What an event costs in memory does not show in allocations: they are of the file
// and its row groups.
func TestNoAllocationPerRow(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Putter = nowhere{} })
	allocations := func(n int) float64 {
		batches := eventBatches(n)
		return testing.AllocsPerRun(5, func() {
			f, err := r.Create(testID("events"), schema.Events())
			if err != nil {
				t.Fatal(err)
			}
			defer f.Discard()
			if err := f.Append(t.Context(), batches); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
	allocations(4000) // the encoder's memory is made once
	few, many := allocations(500), allocations(4000)
	// The race detector makes pools forget at random, which is a few dozen either
	// way; one allocation in a hundred rows' values would be hundreds.
	if perRow := (many - few) / 3500; perRow > 0.05 {
		t.Errorf("%v allocations for 500 rows, %v for 4000", few, many)
	}
	if few > 300 {
		t.Errorf("%v allocations for a file", few)
	}
}
