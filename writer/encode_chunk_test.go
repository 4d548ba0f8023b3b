package writer

import (
	"bytes"
	"fmt"
	"hash/crc32"
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

// Chunks larger than a page are cut into pages, never within a row.
func TestPages(t *testing.T) {
	table := kindsTable(t)
	var rows []row
	const text = pageBytes / 250
	for i := range 600 {
		r := incompressible(i, text)
		var tags []string
		for j := range i % 7 {
			tags = append(tags, strings.Repeat(string(rune('a'+j)), text/4)+r["plain"].(string)[:text/8])
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
		rows[i]["tags"] = []string{strings.Repeat("x", pageBytes/100), fmt.Sprint(i)}
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
			again, err := thrift.Marshal(new(thrift.CompactProtocol), h)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, data[at:at+int64(r.BytesRead())]) {
				t.Errorf("column %v: parquet-go encodes what it has read of the header at %d in another way", m.PathInSchema, at)
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

// add adds a string to the values.
func (s *values) add(text string) {
	from := uint32(len(s.text))
	s.text = append(s.text, text...)
	s.spans = append(s.spans, span{from, uint32(len(s.text))})
	s.n++
	s.size += len(text)
}

// A dictionary whose numbers and values take more than the values alone is not used,
// even if every value is there twice.
func TestDictionaryMustPay(t *testing.T) {
	number := func(distinct, n int, text string) bool {
		var s values
		for i := range n {
			s.add(fmt.Sprintf("%s%d", text, i%distinct))
		}
		d := dictionary{seed: newSeed()}
		return d.build(&s, &leaf{kind: schema.String, physical: format.ByteArray})
	}
	if number(4000, 9000, "") {
		t.Error("9000 values of 4 digits, 4000 of them distinct, get a dictionary")
	}
	if !number(4000, 9000, "a rather long text") {
		t.Error("9000 long values, 4000 of them distinct, get no dictionary")
	}
}

// Long strings of the same hash are told apart by their text.
func TestDictionaryComparesLongStrings(t *testing.T) {
	var s values
	s.add("a string that does not fit its id")
	s.add("a string that does not fit an id.")
	s.add("a string that does not fit its id")
	d := dictionary{seed: newSeed()}
	d.reset(s.n, s.text)
	same := id{low: 7, len: 33}
	for i, want := range []int32{0, 1, 0} {
		if got := d.find(&s, i, same, 0); got != want {
			t.Errorf("string %d has number %d, want %d", i, got, want)
		}
	}
}

func TestExtremeStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		head := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "0192a7c4-5e3b-7", "0192a7c4-5e3b-7f", "0192a7c4-5e3b-7f0"}), rapid.String())
		var s values
		var all []string
		for range rapid.IntRange(1, 20).Draw(t, "strings") {
			all = append(all, head.Draw(t, "head")+rapid.SampledFrom([]string{"", "\x00", "a", "b"}).Draw(t, "tail"))
			s.add(all[len(all)-1])
		}
		low, high := s.extremeStrings()
		if got := string(s.text[low.from:low.to]); got != slices.Min(all) {
			t.Errorf("%q is the smallest of %q", got, all)
		}
		if got := string(s.text[high.from:high.to]); got != slices.Max(all) {
			t.Errorf("%q is the largest of %q", got, all)
		}
	})
}

// Many values are not numbered to learn that too many are distinct.
func TestDictionaryMustPromise(t *testing.T) {
	const n = 100_000
	l := &leaf{kind: schema.Int64, physical: format.Int64}
	for _, c := range []struct {
		name     string
		value    func(i int) int64
		promises bool
	}{
		{"one", func(int) int64 { return 7 }, true},
		{"few, one after the other", func(i int) int64 { return int64(i / 1000) }, true},
		{"a tenth, in rounds", func(i int) int64 { return int64(i % (n / 10)) }, true},
		{"a tenth, one after the other", func(i int) int64 { return int64(i / 10) }, true},
		{"few, after many", func(i int) int64 { return int64(min(i, n/10)) }, true},
		{"all", func(i int) int64 { return int64(i) }, false},
		{"all after a few", func(i int) int64 { return int64(max(i, n/10)) }, false},
	} {
		s := values{n: n}
		for i := range n {
			s.ints = append(s.ints, c.value(i))
		}
		d := dictionary{seed: newSeed()}
		if got := d.promises(&s, l); got != c.promises {
			t.Errorf("%s: a dictionary promises to pay: %v", c.name, got)
		}
		if got := d.build(&s, l); got != c.promises {
			t.Errorf("%s: a dictionary pays: %v", c.name, got)
		}
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
	if err := e.take([]*schema.Batch{batchOf(table, someRows(3)...)}); err != nil {
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
		{"word", dictionary, texts},
		{"text", dictionary, texts},
		{"plain", plain, plain},
		{"delta", dictionary, texts},
		{"i32", dictionary, numbers},
		{"i32_delta", numbers, numbers},
		{"i32_plain", plain, plain},
		{"i64_dict", dictionary, numbers},
		{"i64_delta", numbers, numbers},
		{"i64_plain", plain, plain},
		{"double", dictionary, plain},
		{"double_plain", plain, plain},
		{"flag", plain, plain},
		{"at", numbers, numbers},
		{"at_dict", dictionary, numbers},
		{"time", numbers, numbers},
		{"received_at", numbers, numbers},
		{"price", dictionary, numbers},
		{"price_dict", dictionary, numbers},
		{"price_delta", numbers, numbers},
		{"tags.list.element", dictionary, texts},
		{"tags_given.list.element", plain, plain},
		{"attrs.key_value.key", dictionary, texts},
		{"attrs.key_value.value", dictionary, texts},
		{"attrs_given.key_value.key", plain, plain},
		{"_extra", plain, plain},
	} {
		if few[c.column] != c.few || many[c.column] != c.many {
			t.Errorf("column %s is stored as %v for few values and %v for many, want %v and %v",
				c.column, few[c.column], many[c.column], c.few, c.many)
		}
	}
}

// Ids of messages come back in each of their events; those of events are not even
// looked at for that.
func TestOnlyOtherIDsGetADictionary(t *testing.T) {
	columns := schema.NewColumns(schema.Events())
	for i := range 1000 {
		id := fmt.Sprintf("0192a7c4-5e3b-7%d", i/4)
		addRow(columns, row{"id": id, "message_id": id, "type": "message.sent", "time": testTime(int64(i)), "received_at": testTime(1000)})
	}
	b := &schema.Batch{Table: columns.Table(), Tenant: "acme", Hour: testHour, Rows: columns.Rows(), Bytes: columns.AppendTo(nil)}
	for _, c := range openParquet(t, newRig(t, nil).write(t, b.Table, []*schema.Batch{b})).Metadata().RowGroups[0].Columns {
		want, ok := map[string]format.Encoding{"id": format.DeltaByteArray, "message_id": format.RLEDictionary}[c.MetaData.PathInSchema[0]]
		if ok && !slices.Contains(c.MetaData.Encoding, want) {
			t.Errorf("%s is stored as %v, want %s", c.MetaData.PathInSchema[0], c.MetaData.Encoding, want)
		}
	}
}

func TestDictionaryStaysWithinItsPage(t *testing.T) {
	var s values
	text := strings.Repeat("x", 1000)
	for range 3 { // every value three times, so that it would pay
		for i := range 2200 { // 2.2 MB of distinct values
			s.add(fmt.Sprintf("%04d%s", i, text))
		}
	}
	d := dictionary{seed: newSeed()}
	l := &leaf{kind: schema.String, physical: format.ByteArray}
	if d.build(&s, l) {
		t.Errorf("a dictionary of %d bytes, the bound is %d", d.size, maxDictionaryBytes)
	}
	s.n, s.spans = 1000, s.spans[:1000]
	for i := range s.n {
		copy(s.text[s.spans[i].from:], "0000")
	}
	if !d.build(&s, l) || d.distinct.n != 1 {
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
