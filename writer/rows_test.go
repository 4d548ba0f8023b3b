package writer

// This file makes batches of rows, and reads rows back out of files with
// parquet-go, for the tests.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/prometheus/client_golang/prometheus"

	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

// row is a row's values by column: string, int64 (of all whole numbers), float64,
// []string (a list's strings, or a map's keys and values by turns). What is absent
// has no value.
type row map[string]any

// kindsDocument has a column of every kind, with every hint that makes sense.
const kindsDocument = `{
	"type": "object",
	"required": ["word", "amount", "tags_given", "attrs_given"],
	"properties": {
		"id": {"type": "string", "x-role": "id", "x-encoding": "plain"},
		"time": {"type": ["string", "integer"], "format": "date-time", "x-role": "time", "x-encoding": "delta"},
		"word": {"type": "string", "x-encoding": "dictionary"},
		"text": {"type": "string"},
		"plain": {"type": "string", "x-encoding": "plain"},
		"delta": {"type": "string", "x-encoding": "delta"},
		"i32": {"type": "integer", "format": "int32"},
		"i32_delta": {"type": "integer", "format": "int32", "x-encoding": "delta"},
		"i32_plain": {"type": "integer", "format": "int32", "x-encoding": "plain"},
		"amount": {"type": "integer"},
		"i64_dict": {"type": "integer", "x-encoding": "dictionary"},
		"i64_delta": {"type": "integer", "x-encoding": "delta"},
		"i64_plain": {"type": "integer", "x-encoding": "plain"},
		"double": {"type": "number"},
		"double_plain": {"type": "number", "x-encoding": "plain"},
		"flag": {"type": "boolean"},
		"at": {"type": "string", "format": "date-time"},
		"at_dict": {"type": "string", "format": "date-time", "x-encoding": "dictionary"},
		"price": {"type": "string", "x-decimal": "18,6"},
		"price_dict": {"type": "string", "x-decimal": "9,2", "x-encoding": "dictionary"},
		"price_delta": {"type": "string", "x-decimal": "18,0", "x-encoding": "delta"},
		"attrs": {"type": "object", "additionalProperties": {"type": "string"}},
		"attrs_given": {"type": "object", "additionalProperties": {"type": "string"}},
		"tags": {"type": "array", "items": {"type": "string"}},
		"tags_given": {"type": "array", "items": {"type": "string"}, "x-encoding": "plain"}
	}
}`

func kindsTable(t testing.TB) *schema.Table {
	t.Helper()
	table, err := schema.Compile("kinds", []byte(kindsDocument))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// testHour is the hour that test rows are of.
const testHour = 500_000

// testTime is a time within it.
func testTime(micros int64) int64 { return testHour*3600_000_000 + micros%3600_000_000 }

// fill gives a row what every row of the kinds table must have.
func fill(r row, i int) row {
	for name, v := range map[string]any{
		"id": fmt.Sprintf("id-%06d", i), "time": testTime(int64(i)), "received_at": testTime(int64(i) + 5),
		"word": "w", "amount": int64(i), "tags_given": []string{}, "attrs_given": []string{},
	} {
		if _, ok := r[name]; !ok {
			r[name] = v
		}
	}
	return r
}

// batchOf makes a batch of rows.
func batchOf(t *schema.Table, rows ...row) *schema.Batch {
	c := schema.NewColumns(t)
	for _, r := range rows {
		addRow(c, r)
	}
	return &schema.Batch{Table: t, Tenant: "acme", Hour: testHour, Rows: len(rows), Bytes: c.AppendTo(nil)}
}

func addRow(c *schema.Columns, r row) {
	for i, column := range c.Table().Columns() {
		switch v := r[column.Name].(type) {
		case string:
			c.SetString(i, v)
		case int64:
			c.SetInt64(i, v)
		case float64:
			c.SetFloat64(i, v)
		case []string:
			c.SetElements(i, v...)
		case nil:
		default:
			panic(fmt.Sprintf("row has a %T", v))
		}
	}
	c.EndRow()
}

func testID(table string) FileID {
	return FileID{Incarnation: "7f3a9c", Window: 42, Table: table, Tenant: "acme", Hour: testHour}
}

// memoryPutter keeps what is put, and enforces the bucket's contract: what is under
// a key never changes.
type memoryPutter struct {
	mu      sync.Mutex
	objects map[string][]byte
	before  func(key string) error // asked before each put
}

func (p *memoryPutter) Put(ctx context.Context, key string, b Body) error {
	if p.before != nil {
		if err := p.before(key); err != nil {
			return err
		}
	}
	data, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	if err != nil {
		return err
	}
	if int64(len(data)) != b.Size() {
		return fmt.Errorf("body of %d bytes has %d", b.Size(), len(data))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.objects[key]; ok && !bytes.Equal(old, data) {
		return errors.New("the object under " + key + " would change")
	}
	if p.objects == nil {
		p.objects = make(map[string][]byte)
	}
	p.objects[key] = data
	return nil
}

// rig is a writer on a file system in memory.
type rig struct {
	*Writer
	fs      *crashfs.FS
	open    *openFiles
	bucket  *memoryPutter
	metrics *prometheus.Registry
	log     *bytes.Buffer
}

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	r := &rig{
		fs: crashfs.New(1), bucket: new(memoryPutter),
		metrics: prometheus.NewRegistry(), log: new(bytes.Buffer),
	}
	r.open = &openFiles{FS: r.fs}
	cfg := Config{
		FS: r.open, SpoolDir: "/spool", Putter: r.bucket, Encoders: 2,
		MemoryFile: 1 << 20, Memory: 64 << 20, Version: "1.2.3",
		Logger: slog.New(slog.NewTextHandler(r.log, nil)), Metrics: NewMetrics(r.metrics),
	}
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Writer = w
	return r
}

// spooled lists the files in the spool folder.
func (r *rig) spooled(t testing.TB) []string {
	t.Helper()
	r.fs.Inject(nil)
	entries, err := r.fs.ReadDir("/spool")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// openFiles counts the descriptors that are open.
type openFiles struct {
	FS
	mu      sync.Mutex
	n, most int
}

func (o *openFiles) track(f File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n++
	o.most = max(o.most, o.n)
	return &trackedFile{File: f, owner: o}, nil
}

func (o *openFiles) Create(name string) (File, error) { return o.track(o.FS.Create(name)) }
func (o *openFiles) Open(name string) (File, error)   { return o.track(o.FS.Open(name)) }

func (o *openFiles) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n
}

type trackedFile struct {
	File
	owner *openFiles
	once  sync.Once
}

// Close releases the descriptor even when it fails, as close(2) does on Linux.
func (f *trackedFile) Close() error {
	f.once.Do(func() {
		f.owner.mu.Lock()
		f.owner.n--
		f.owner.mu.Unlock()
	})
	return f.File.Close()
}

// write makes a file of groups and returns its bytes.
func (r *rig) write(t testing.TB, table *schema.Table, groups ...[]*schema.Batch) []byte {
	t.Helper()
	f, err := r.Create(testID(table.Name()), table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	for _, g := range groups {
		if err := f.Append(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.bucket.objects[f.id.Key()]
}

func openParquet(t testing.TB, data []byte) *parquet.File {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// readRows reads all rows of a file with parquet-go, from values and levels.
func readRows(t testing.TB, data []byte) []row {
	t.Helper()
	f := openParquet(t, data)
	var rows []row
	for _, g := range f.RowGroups() {
		r := g.Rows()
		buffer := make([]parquet.Row, 16)
		for {
			n, err := r.ReadRows(buffer)
			for _, values := range buffer[:n] {
				rows = append(rows, rowOf(t, f, values))
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

func rowOf(t testing.TB, f *parquet.File, values parquet.Row) row {
	t.Helper()
	paths := f.Schema().Columns()
	required := make(map[string]bool)
	for _, field := range f.Schema().Fields() {
		required[field.Name()] = field.Required()
	}
	r := make(row)
	pairs := make(map[string][2][]string) // a map's keys and values
	for leaf, vs := range values.Range {
		path := paths[leaf]
		name := path[0]
		base := 1 // the level of a collection that is there
		if required[name] {
			base = 0
		}
		for _, v := range vs {
			if len(path) == 1 {
				if !v.IsNull() {
					r[name] = valueOf(t, v)
				}
				continue
			}
			if v.DefinitionLevel() < base {
				continue
			}
			p := pairs[name]
			which := 0
			if path[2] == "value" {
				which = 1
			}
			if v.DefinitionLevel() > base {
				p[which] = append(p[which], string(v.ByteArray()))
			}
			pairs[name] = p
			elements := []string{}
			for i := range p[0] {
				elements = append(elements, p[0][i])
				if i < len(p[1]) {
					elements = append(elements, p[1][i])
				}
			}
			r[name] = elements
		}
	}
	return r
}

func valueOf(t testing.TB, v parquet.Value) any {
	t.Helper()
	switch v.Kind() {
	case parquet.ByteArray:
		return string(v.ByteArray())
	case parquet.Int32:
		return int64(v.Int32())
	case parquet.Int64:
		return v.Int64()
	case parquet.Double:
		return v.Double()
	case parquet.Boolean:
		if v.Boolean() {
			return int64(1)
		}
		return int64(0)
	}
	t.Fatalf("a value of kind %v", v.Kind())
	return nil
}

// inOrder sorts rows as a file has them: by time, then as they were given.
func inOrder(rows []row) []row {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b row) int { return int(min(max(a["time"].(int64)-b["time"].(int64), -1), 1)) })
	return rows
}

// checkRows compares rows; cmp does it only where they differ, which takes longer.
func checkRows(t interface {
	Helper()
	Fatalf(string, ...any)
}, want, got []row,
) {
	t.Helper()
	same := func(a, b any) bool {
		x, ok := a.(float64)
		y, _ := b.(float64)
		return ok && math.IsNaN(x) && math.IsNaN(y) || reflect.DeepEqual(a, b)
	}
	equal := len(want) == len(got)
	for i := 0; equal && i < len(want); i++ {
		equal = maps.EqualFunc(want[i], got[i], same)
	}
	if !equal {
		t.Fatalf("rows differ (-want +got):\n%s", cmp.Diff(want, got, cmpopts.EquateNaNs()))
	}
}

// checkBounds reads every value of every page and compares it with what the footer
// says of it.
func checkBounds(t testing.TB, data []byte) {
	t.Helper()
	f := openParquet(t, data)
	for gi, g := range f.RowGroups() {
		meta := f.Metadata().RowGroups[gi]
		for ci, c := range g.ColumnChunks() {
			m := meta.Columns[ci].MetaData
			name := strings.Join(m.PathInSchema, ".")
			if meta.Columns[ci].ColumnIndexOffset != 0 || meta.Columns[ci].OffsetIndexOffset != 0 {
				t.Errorf("column %s has a page index", name)
			}
			var low, high parquet.Value
			values, nulls, pages, nan := int64(0), int64(0), int32(0), false
			for v := range chunkValues(t, c, &pages) {
				values++
				if v.IsNull() {
					nulls++
					continue
				}
				nan = nan || v.Kind() == parquet.Double && math.IsNaN(v.Double())
				if low.IsNull() || c.Type().Compare(v, low) < 0 {
					low = v.Clone()
				}
				if high.IsNull() || c.Type().Compare(v, high) > 0 {
					high = v.Clone()
				}
			}
			if m.Codec != format.Zstd { // the same in all row groups: see pageWriter.write
				t.Errorf("column %s is compressed with %v", name, m.Codec)
			}
			if values != m.NumValues || nulls != m.Statistics.NullCount {
				t.Errorf("column %s: %d values and %d nulls, the footer says %d and %d", name, values, nulls, m.NumValues, m.Statistics.NullCount)
			}
			for _, s := range m.EncodingStats {
				if s.PageType == format.DataPage && s.Count != pages {
					t.Errorf("column %s: %d pages, the footer says %d", name, pages, s.Count)
				}
			}
			if len(m.PathInSchema) > 1 || nulls == values || nan ||
				len(low.Bytes()) > maxBoundBytes || len(high.Bytes()) > maxBoundBytes {
				if m.Statistics.MinValue != nil || m.Statistics.MaxValue != nil {
					t.Errorf("column %s has bounds and should not", name)
				}
				continue
			}
			min, max := c.Type().Kind().Value(m.Statistics.MinValue), c.Type().Kind().Value(m.Statistics.MaxValue)
			if m.Statistics.MinValue == nil || m.Statistics.MaxValue == nil ||
				c.Type().Compare(min, low) != 0 || c.Type().Compare(max, high) != 0 {
				t.Errorf("column %s: values from %v to %v, the footer says %v to %v", name, low, high, min, max)
			}
		}
	}
}

// chunkValues reads all values of a column chunk, and counts its pages.
func chunkValues(t testing.TB, c parquet.ColumnChunk, pages *int32) func(func(parquet.Value) bool) {
	return func(yield func(parquet.Value) bool) {
		p := c.Pages()
		defer p.Close()
		buffer := make([]parquet.Value, 100)
		for {
			page, err := p.ReadPage()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			*pages++
			first := true
			for r := page.Values(); ; {
				n, err := r.ReadValues(buffer)
				for _, v := range buffer[:n] {
					if first && v.RepetitionLevel() != 0 {
						t.Errorf("page %d begins within a row", *pages)
					}
					first = false
					if !yield(v) {
						return
					}
				}
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			parquet.Release(page)
		}
	}
}
