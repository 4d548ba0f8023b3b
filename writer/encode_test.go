package writer

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
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

// Rows of the same time stay in the order in which they were accepted.
func TestOrderIsStable(t *testing.T) {
	for _, c := range []struct {
		name string
		time func(i int) int64
	}{
		{"ascending", func(i int) int64 { return int64(i) }},
		{"all the same", func(int) int64 { return 7 }},
		{"descending", func(i int) int64 { return int64(1000 - i) }},
		{"few", func(i int) int64 { return int64(i*7919) % 5 }},
		{"a whole hour", func(i int) int64 { return int64(i*7919) % 3 * 1_799_999_999 }},
		{"wider than the keys", func(i int) int64 { return int64(i*7919) % 5 << 40 }},
		{"the extremes", func(i int) int64 { return []int64{math.MaxInt64, 0, math.MinInt64}[i%3] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := kindsTable(t)
			var rows []row
			for i := range 1000 {
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
			if err := e.merge([]*schema.Batch{batchOf(table, rows...)}); err != nil {
				t.Fatal(err)
			}
			want := make([]uint32, len(rows))
			for i := range want {
				want[i] = uint32(i)
			}
			slices.SortStableFunc(want, func(a, b uint32) int { return cmpInt(c.time(int(a)), c.time(int(b))) })
			if !slices.Equal(e.rows, want) {
				t.Error("the order is another than a stable sort's")
			}
		})
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

// Chunks larger than a page are cut into pages, never within a row.
func TestPages(t *testing.T) {
	table := kindsTable(t)
	var rows []row
	for i := range 600 {
		r := incompressible(i, 4000)
		var tags []string
		for j := range i % 7 {
			tags = append(tags, strings.Repeat(string(rune('a'+j)), 1000)+r["plain"].(string)[:500])
		}
		if i%5 > 0 {
			r["tags"] = append([]string{}, tags...)
			r["delta"] = r["plain"]
		}
		rows = append(rows, r)
	}
	data := newRig(t, func(c *Config) { c.MemoryFile = 64 << 20 }).write(t, table, []*schema.Batch{batchOf(table, rows...)})
	checkRows(t, inOrder(rows), readRows(t, data))
	checkBounds(t, data)
	meta := openParquet(t, data).Metadata().RowGroups[0]
	for _, c := range meta.Columns {
		m := c.MetaData
		pages := int32(0)
		for _, s := range m.EncodingStats {
			if s.PageType == format.DataPage {
				pages = s.Count
			}
		}
		switch name := m.PathInSchema[0]; name {
		case "plain", "delta", "tags":
			if pages < 2 {
				t.Errorf("column %s has %d pages in %d bytes", name, pages, m.TotalUncompressedSize)
			}
		default:
			if pages != 1 {
				t.Errorf("column %s has %d pages", name, pages)
			}
		}
	}
}

// Pages follow one another without a gap, and their headers add up to what the
// footer says.
func TestPageHeaders(t *testing.T) {
	table := kindsTable(t)
	rows := repeat(edgeRows(), 100)
	for i := range rows {
		rows[i]["tags"] = []string{strings.Repeat("x", 9000), fmt.Sprint(i)}
	}
	data := newRig(t, func(c *Config) { c.MemoryFile = 64 << 20 }).write(t, table, []*schema.Batch{batchOf(table, rows...)})
	for _, c := range openParquet(t, data).Metadata().RowGroups[0].Columns {
		m := c.MetaData
		at := m.DataPageOffset
		if m.DictionaryPageOffset > 0 {
			at = m.DictionaryPageOffset
		}
		begin, plain, values, nulls := at, int64(0), int64(0), int64(0)
		for at < begin+m.TotalCompressedSize {
			var h format.PageHeader
			r := new(thrift.CompactProtocol).NewReaderFromBytes(data[at:])
			if err := thrift.NewDecoder(r).Decode(&h); err != nil {
				t.Fatalf("column %v: page header at %d: %v", m.PathInSchema, at, err)
			}
			body := data[at+int64(r.BytesRead()):][:h.CompressedPageSize]
			if uint32(h.CRC) != crc32.ChecksumIEEE(body) {
				t.Errorf("column %v: the page at %d has another checksum", m.PathInSchema, at)
			}
			at += int64(r.BytesRead()) + int64(h.CompressedPageSize)
			plain += int64(r.BytesRead()) + int64(h.UncompressedPageSize)
			values += int64(h.DataPageHeader.V.NumValues)
			nulls += h.DataPageHeader.V.Statistics.NullCount
		}
		if at != begin+m.TotalCompressedSize || plain != m.TotalUncompressedSize || values != m.NumValues || nulls != m.Statistics.NullCount {
			t.Errorf("column %v: its pages end at %d and have %d bytes, %d values, %d nulls; the footer says %d, %d, %d, %d", m.PathInSchema,
				at, plain, values, nulls, begin+m.TotalCompressedSize, m.TotalUncompressedSize, m.NumValues, m.Statistics.NullCount)
		}
	}
}

// A dictionary whose numbers and values take more than the values alone is not used,
// even if every value is there twice.
func TestDictionaryMustPay(t *testing.T) {
	number := func(distinct, n int, text string) bool {
		s := values{ends: []uint32{0}}
		for i := range n {
			s.text = fmt.Appendf(s.text, "%s%d", text, i%distinct)
			s.ends = append(s.ends, uint32(len(s.text)))
		}
		s.n = n
		d := dictionary{seed: maphash.MakeSeed()}
		return d.build(&s, &leaf{kind: schema.String, physical: format.ByteArray})
	}
	if number(4000, 9000, "") {
		t.Error("9000 values of 4 digits, 4000 of them distinct, get a dictionary")
	}
	if !number(4000, 9000, "a rather long text") {
		t.Error("9000 long values, 4000 of them distinct, get no dictionary")
	}
}

func TestGatherRefusesARequiredColumnWithoutValue(t *testing.T) {
	table := kindsTable(t)
	l, err := newLayout(table)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	e.use(l)
	if err := e.merge([]*schema.Batch{batchOf(table, someRows(3)...)}); err != nil {
		t.Fatal(err)
	}
	leaf := l.leaves[table.Index("i32")] // which no row has
	if err := e.encodeChunk(new(chunk), &leaf, e.rows); err != nil {
		t.Fatal(err)
	}
	leaf.required, leaf.maxDef = true, 0
	if err := e.encodeChunk(new(chunk), &leaf, e.rows); err == nil {
		t.Error("a required column without values was encoded")
	}
}

func TestEncodings(t *testing.T) {
	table := kindsTable(t)
	const n = 1000
	encodings := func(value func(i int) row) map[string]format.Encoding {
		var rows []row
		for i := range n {
			rows = append(rows, fill(value(i), i))
		}
		data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, rows...)})
		got := make(map[string]format.Encoding)
		for _, c := range openParquet(t, data).Metadata().RowGroups[0].Columns {
			for _, s := range c.MetaData.EncodingStats {
				if s.PageType == format.DataPage {
					got[strings.Join(c.MetaData.PathInSchema, ".")] = s.Encoding
				}
			}
		}
		return got
	}
	few := encodings(func(i int) row {
		v := int64(i % 3)
		s := fmt.Sprint("value-", v)
		return row{
			"word": s, "text": s, "plain": s, "delta": s, "i32": v, "i32_delta": v, "i32_plain": v,
			"i64_dict": v, "i64_delta": v, "i64_plain": v, "double": float64(v), "double_plain": float64(v), "flag": v % 2,
			"at": v, "at_dict": v, "price": v, "price_dict": v, "price_delta": v, "tags": []string{s}, "tags_given": []string{s}, "attrs": []string{s, s},
		}
	})
	many := encodings(func(i int) row {
		v := int64(i) * 7919
		s := fmt.Sprint("value-", v)
		return row{
			"word": s, "text": s, "plain": s, "delta": s, "i32": v, "i32_delta": v, "i32_plain": v,
			"i64_dict": v, "i64_delta": v, "i64_plain": v, "double": float64(v), "double_plain": float64(v), "flag": v % 2,
			"at": v, "at_dict": v, "price": v, "price_dict": v, "price_delta": v, "tags": []string{s}, "tags_given": []string{s}, "attrs": []string{s, s},
		}
	})
	const dictionary, plain, numbers, texts = format.RLEDictionary, format.Plain, format.DeltaBinaryPacked, format.DeltaByteArray
	for _, c := range []struct {
		column    string
		few, many format.Encoding
	}{
		{"word", dictionary, texts}, {"text", dictionary, texts}, {"plain", plain, plain}, {"delta", texts, texts},
		{"i32", dictionary, numbers}, {"i32_delta", numbers, numbers}, {"i32_plain", plain, plain},
		{"i64_dict", dictionary, numbers}, {"i64_delta", numbers, numbers}, {"i64_plain", plain, plain},
		{"double", dictionary, plain}, {"double_plain", plain, plain}, {"flag", plain, plain},
		{"at", numbers, numbers}, {"at_dict", dictionary, numbers}, {"time", numbers, numbers}, {"received_at", numbers, numbers},
		{"price", dictionary, numbers}, {"price_dict", dictionary, numbers}, {"price_delta", numbers, numbers},
		{"tags.list.element", dictionary, texts}, {"tags_given.list.element", plain, plain},
		{"attrs.key_value.key", dictionary, texts}, {"attrs.key_value.value", dictionary, texts},
		{"attrs_given.key_value.key", plain, plain}, {"_extra", plain, plain},
	} {
		if few[c.column] != c.few || many[c.column] != c.many {
			t.Errorf("column %s is stored as %v for few values and %v for many, want %v and %v",
				c.column, few[c.column], many[c.column], c.few, c.many)
		}
	}
}

func TestDictionaryStaysWithinItsPage(t *testing.T) {
	var s values
	s.ends = append(s.ends, 0)
	text := strings.Repeat("x", 1000)
	for range 3 { // every value three times, so that it would pay
		for i := range 1100 { // 1.1 MB of distinct values
			s.text = fmt.Appendf(s.text, "%04d%s", i, text)
			s.ends = append(s.ends, uint32(len(s.text)))
		}
	}
	s.n = len(s.ends) - 1
	d := dictionary{seed: maphash.MakeSeed()}
	l := &leaf{kind: schema.String, physical: format.ByteArray}
	if d.build(&s, l) {
		t.Errorf("a dictionary of %d bytes, the bound is %d", d.size, maxDictionaryBytes)
	}
	s.n = 1000
	for i := range s.n {
		copy(s.text[s.ends[i]:], "0000")
	}
	if !d.build(&s, l) || len(d.first) != 1 {
		t.Error("no dictionary of one value")
	}
}

func TestBloomFilter(t *testing.T) {
	table := kindsTable(t)
	for _, n := range []int{minFilterValues - 1, minFilterValues} {
		var rows []row
		for i := range n {
			rows = append(rows, fill(row{}, i))
		}
		f := openParquet(t, newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, rows...)}))
		for i, c := range f.RowGroups()[0].ColumnChunks() {
			filter := c.BloomFilter()
			if i != table.IDColumn() || n < minFilterValues {
				if filter != nil {
					t.Errorf("leaf %d of %d rows has a bloom filter", i, n)
				}
				continue
			}
			if filter == nil {
				t.Fatal("no bloom filter on the ids")
			}
			false1 := 0
			for i := range n {
				if ok, err := filter.Check(parquet.ValueOf(fmt.Sprintf("id-%06d", i))); err != nil || !ok {
					t.Fatalf("id %d is not in the filter (%v)", i, err)
				}
				if ok, _ := filter.Check(parquet.ValueOf(fmt.Sprintf("no-%06d", i))); ok {
					false1++
				}
			}
			if false1 > n/50 {
				t.Errorf("%d of %d absent ids pass", false1, n)
			}
		}
	}
}

// An encoder's next row group has a filter of its own ids, or none.
func TestBloomFilterIsOfItsRowGroup(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, func(c *Config) { c.Encoders = 1 })
	group := func(from, n int) []*schema.Batch {
		var rows []row
		for i := range n {
			rows = append(rows, fill(row{}, from+i))
		}
		return []*schema.Batch{batchOf(table, rows...)}
	}
	data := r.write(t, table, group(0, minFilterValues), group(minFilterValues, minFilterValues), group(0, 10))
	want := []int64{0, 0, 0}
	for i := range 2 {
		want[i] = int64(bloom.NumSplitBlocksOf(minFilterValues, filterBits) * bloom.BlockSize)
	}
	for i, g := range openParquet(t, data).RowGroups() {
		size := int64(0)
		if filter := g.ColumnChunks()[table.IDColumn()].BloomFilter(); filter != nil {
			size = filter.Size()
		}
		if size != want[i] {
			t.Errorf("row group %d has a filter of %d bytes, want %d", i, size, want[i])
		}
	}
}

// What an event takes in a file, of a small tenant's and of a larger one. DuckDB's
// zstd Parquet of the same rows takes 62 and 57 bytes.
func TestBytesPerEvent(t *testing.T) {
	for _, c := range []struct {
		rows int
		most float64
	}{{1000, 58}, {10_000, 53}} {
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
	if many > few+10 {
		t.Errorf("%v allocations for 500 rows, %v for 4000", few, many)
	}
	if few > 250 {
		t.Errorf("%v allocations for a file", few)
	}
}
