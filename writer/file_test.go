package writer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

// someRows are n rows of the kinds table whose times run against their order.
func someRows(n int) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = fill(row{"time": testTime(int64(n - i)), "text": strings.Repeat("x", i%50), "word": fmt.Sprint("w", i%3)}, i)
	}
	return rows
}

// incompressible is a row whose text takes its length in any file.
func incompressible(i, length int) row {
	b := make([]byte, 0, length)
	for state := uint64(i)*2 + 1; len(b) < length; state = state*6364136223846793005 + 1442695040888963407 {
		b = append(b, '0'+byte(state>>58))
	}
	return fill(row{"plain": string(b)}, i)
}

func TestSmallFileTouchesNoFileSystem(t *testing.T) {
	r := newRig(t, nil)
	table := kindsTable(t)
	before := r.fs.Operations()
	data := r.write(t, table, []*schema.Batch{batchOf(table, someRows(300)...)})
	if n := r.fs.Operations() - before; n != 0 {
		t.Errorf("%d operations of the file system", n)
	}
	if diff := cmp.Diff(inOrder(someRows(300)), readRows(t, data)); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	if n := r.spool.memory.Load(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

func TestFileSpillsToTheSpool(t *testing.T) {
	table := kindsTable(t)
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"over the size of a file in memory", func(c *Config) { c.MemoryFile = 20_000 }},
		{"from the first byte", func(c *Config) { c.MemoryFile = 0 }},
		{"over the memory of all files", func(c *Config) { c.Memory = 20_000 }},
		{"no memory for files", func(c *Config) { c.Memory = 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.change)
			f, err := r.Create(testID("kinds"), table)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 10 {
				if err := f.Append(t.Context(), []*schema.Batch{batchOf(table, incompressible(i, 10_000))}); err != nil {
					t.Fatal(err)
				}
			}
			if f.body.memory != nil || r.spool.memory.Load() != 0 {
				t.Errorf("%d bytes in memory, %d reserved", len(f.body.memory), r.spool.memory.Load())
			}
			rows, err := f.Close(t.Context())
			if err != nil || rows != 10 {
				t.Fatalf("Close() = %d, %v; want 10 rows", rows, err)
			}
			if n := r.open.count(); n != 0 {
				t.Errorf("a finished file has %d descriptors", n)
			}
			if got := r.spooled(t); !slices.Equal(got, []string{"0000000000000001.spool"}) {
				t.Errorf("spool folder has %q", got)
			}
			if err := f.Put(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(readRows(t, r.bucket.objects[f.id.Key()])); n != 10 {
				t.Errorf("%d rows in the bucket, want 10", n)
			}
			f.Discard()
			if got := r.spooled(t); len(got) > 0 || r.open.count() != 0 {
				t.Errorf("Discard left %q and %d descriptors", got, r.open.count())
			}
		})
	}
}

// Files that wait for a bucket that is away hold neither memory beyond the bound nor
// descriptors.
func TestWaitingFilesFillTheDisk(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, func(c *Config) { c.Memory = 100_000 })
	var files []*Output
	for i := range 30 {
		id := testID("kinds")
		id.Window = uint64(i)
		f, err := r.Create(id, table)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Append(t.Context(), []*schema.Batch{batchOf(table, incompressible(i, 10_000))}); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		if n := r.spool.memory.Load(); n > 100_000 {
			t.Fatalf("%d bytes in memory after %d files", n, i)
		}
	}
	if n := len(r.spooled(t)); n < 15 {
		t.Errorf("%d of 30 files are spooled", n)
	}
	if r.open.count() != 0 {
		t.Errorf("%d descriptors are open", r.open.count())
	}
	for _, f := range files {
		if err := f.Put(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.Discard()
	}
	if n := len(r.bucket.objects); n != 30 {
		t.Errorf("%d objects, want 30", n)
	}
	if r.spool.memory.Load() != 0 || len(r.spooled(t)) != 0 {
		t.Errorf("%d bytes and %q are left", r.spool.memory.Load(), r.spooled(t))
	}
}

func TestConcurrentAppends(t *testing.T) {
	table := kindsTable(t)
	for _, memory := range []int64{0, 64 << 20} {
		r := newRig(t, func(c *Config) { c.Encoders, c.MemoryFile = 3, memory })
		f, err := r.Create(testID("kinds"), table)
		if err != nil {
			t.Fatal(err)
		}
		const goroutines, groups, size = 8, 5, 40
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := range groups {
					var rows []row
					for j := range size {
						rows = append(rows, fill(row{}, (g*groups+i)*size+j))
					}
					if err := f.Append(t.Context(), []*schema.Batch{batchOf(table, rows[:size/2]...), batchOf(table, rows[size/2:]...)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		n, err := f.Close(t.Context())
		if err != nil || n != goroutines*groups*size {
			t.Fatalf("Close() = %d, %v; want %d rows", n, err, goroutines*groups*size)
		}
		if err := f.Put(t.Context()); err != nil {
			t.Fatal(err)
		}
		data := r.bucket.objects[f.id.Key()]
		if n := len(openParquet(t, data).RowGroups()); n != goroutines*groups {
			t.Errorf("%d row groups, want %d", n, goroutines*groups)
		}
		seen := make(map[string]int)
		for _, r := range readRows(t, data) {
			seen[r["id"].(string)]++
		}
		for i := range goroutines * groups * size {
			if id := fmt.Sprintf("id-%06d", i); seen[id] != 1 {
				t.Errorf("row %s is there %d times", id, seen[id])
			}
		}
		checkBounds(t, data)
		f.Discard()
	}
}

func TestNoMoreEncodersThanConfigured(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, func(c *Config) { c.Encoders = 2 })
	var held []*encoder
	f, err := r.Create(testID("kinds"), table)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e, err := r.acquire(t.Context(), f.layout)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	batch := batchOf(table, someRows(1)...)
	if err := f.Append(ctx, []*schema.Batch{batch}); !errors.Is(err, context.Canceled) {
		t.Errorf("Append() = %v while all encoders are taken, want the context's error", err)
	}
	for _, e := range held {
		r.release(e)
	}
	// What was given up before it began did not spoil the file.
	if err := f.Append(t.Context(), []*schema.Batch{batch}); err != nil {
		t.Error(err)
	}
	if n := len(r.mu.idle); n != 2 {
		t.Errorf("%d encoders, want the 2 that were there", n)
	}
}

// An encoder that has served a table serves it again, so that two tables by turns
// don't make it build its columns each time.
func TestEncodersKeepTheirTables(t *testing.T) {
	r := newRig(t, nil)
	layouts := make([]*layout, 2)
	for i, table := range []*schema.Table{kindsTable(t), schema.Rejected()} {
		var err error
		if layouts[i], err = r.layout(table); err != nil {
			t.Fatal(err)
		}
	}
	a, _ := r.acquire(t.Context(), layouts[0])
	b, _ := r.acquire(t.Context(), layouts[1])
	r.release(b)
	r.release(a)
	for range 3 {
		for i, want := range []*encoder{a, b} {
			got, err := r.acquire(t.Context(), layouts[i])
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("table %d is served by another encoder", i)
			}
			r.release(got)
		}
	}
}

func TestLayoutsAreBounded(t *testing.T) {
	r := newRig(t, nil)
	for i := range 3 * maxLayouts {
		table, err := schema.Compile("t", []byte(fmt.Sprintf(`{"type":"object","properties":{"c%d":{"type":"string"}}}`, i)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.layout(table); err != nil {
			t.Fatal(err)
		}
		if n := len(r.mu.layouts); n > maxLayouts {
			t.Fatalf("%d layouts are kept", n)
		}
	}
}

func TestMetadataAndFooter(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, nil)
	rows := someRows(20)
	data := r.write(t, table, []*schema.Batch{batchOf(table, rows[:10]...)}, []*schema.Batch{batchOf(table, rows[10:]...)})
	info, err := ReadInfo(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := Info{
		FileID: testID("kinds"), Rows: 20, Schema: table.Fingerprint(), Version: "1.2.3",
		MinTime: time.UnixMicro(testTime(1)).UTC(), MaxTime: time.UnixMicro(testTime(20)).UTC(),
	}
	if diff := cmp.Diff(want, info); diff != "" {
		t.Errorf("metadata differs (-want +got):\n%s", diff)
	}
	// What the footer says itself: parquet-go numbers row groups anew when it opens.
	var footer format.FileMetaData
	length := int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data[len(data)-8-length:len(data)-8], &footer); err != nil {
		t.Fatal(err)
	}
	f := openParquet(t, data)
	if got := footer.CreatedBy; got != "parquay version 1.2.3" {
		t.Errorf("created by %q", got)
	}
	for i, g := range f.RowGroups() {
		got := g.SortingColumns()
		if len(got) != 1 || got[0].Path()[0] != "time" || got[0].Descending() {
			t.Errorf("row group %d is sorted by %v", i, got)
		}
		meta := footer.RowGroups[i]
		if int(meta.Ordinal) != i || meta.NumRows != 10 {
			t.Errorf("row group %d: ordinal %d, %d rows", i, meta.Ordinal, meta.NumRows)
		}
		total := int64(0)
		for _, c := range meta.Columns {
			total += c.MetaData.TotalCompressedSize
		}
		if total != meta.TotalCompressedSize {
			t.Errorf("row group %d: %d bytes, its columns have %d", i, meta.TotalCompressedSize, total)
		}
	}
	var names []string
	for _, field := range f.Schema().Fields() {
		names = append(names, field.Name())
	}
	var columns []string
	for _, c := range table.Columns() {
		columns = append(columns, c.Name)
	}
	if diff := cmp.Diff(columns, names); diff != "" {
		t.Errorf("columns are not in the table's order (-want +got):\n%s", diff)
	}
}

func TestDeclaredSchema(t *testing.T) {
	table := kindsTable(t)
	data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, someRows(1)...)})
	want := strings.TrimSpace(`
message kinds {
	required binary id (STRING);
	required int64 time (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	required binary word (STRING);
	optional binary text (STRING);
	optional binary plain (STRING);
	optional binary delta (STRING);
	optional int32 i32 (INT(32,true));
	optional int32 i32_delta (INT(32,true));
	optional int32 i32_plain (INT(32,true));
	required int64 amount (INT(64,true));
	optional int64 i64_dict (INT(64,true));
	optional int64 i64_delta (INT(64,true));
	optional int64 i64_plain (INT(64,true));
	optional double double;
	optional double double_plain;
	optional boolean flag;
	optional int64 at (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional int64 at_dict (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional int64 price (DECIMAL(18,6));
	optional int64 price_dict (DECIMAL(9,2));
	optional int64 price_delta (DECIMAL(18,0));
	optional group attrs (MAP) {
		repeated group key_value {
			required binary key (STRING);
			required binary value (STRING);
		}
	}
	required group attrs_given (MAP) {
		repeated group key_value {
			required binary key (STRING);
			required binary value (STRING);
		}
	}
	optional group tags (LIST) {
		repeated group list {
			required binary element (STRING);
		}
	}
	required group tags_given (LIST) {
		repeated group list {
			required binary element (STRING);
		}
	}
	required int64 received_at (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional binary _extra (STRING);
}`)
	if diff := cmp.Diff(want, openParquet(t, data).Schema().String()); diff != "" {
		t.Errorf("schema differs (-want +got):\n%s", diff)
	}
}

// A Go program reads the file with the types that it would write itself.
func TestReadAsGoStructs(t *testing.T) {
	type event struct {
		ID    string            `parquet:"id"`
		Time  time.Time         `parquet:"time,timestamp(microsecond)"`
		Text  *string           `parquet:"text,optional"`
		Flag  *bool             `parquet:"flag,optional"`
		Attrs map[string]string `parquet:"attrs,optional"`
		Tags  []string          `parquet:"tags,optional,list"`
	}
	table := kindsTable(t)
	text, flag := "hello", true
	data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table,
		fill(row{"text": text, "flag": int64(1), "attrs": []string{"a", "b", "c", "d"}, "tags": []string{"x", "y"}}, 0),
		fill(row{}, 1),
	)})
	got, err := parquet.Read[event](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := []event{
		{ID: "id-000000", Time: micros(testTime(0)), Text: &text, Flag: &flag, Attrs: map[string]string{"a": "b", "c": "d"}, Tags: []string{"x", "y"}},
		{ID: "id-000001", Time: micros(testTime(1))},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

func TestReadInfoRefuses(t *testing.T) {
	table := kindsTable(t)
	data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, someRows(20)...)})
	damage := func(from, to string) []byte {
		if !bytes.Contains(data, []byte(from)) || len(from) != len(to) {
			t.Fatalf("the file has no %q", from)
		}
		return bytes.Replace(data, []byte(from), []byte(to), 1)
	}
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"truncated", data[:len(data)-9]},
		{"another's", damage("parquay.cut", "nobodys.cut")},
		{"no number", damage("parquay.rows\x18\x0220", "parquay.rows\x18\x02xx")},
		{"another number of rows", damage("parquay.rows\x18\x0220", "parquay.rows\x18\x0221")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if info, err := ReadInfo(bytes.NewReader(c.data), int64(len(c.data))); !errors.Is(err, ErrInfo) {
				t.Errorf("ReadInfo() = %+v, %v; want ErrInfo", info, err)
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	table := kindsTable(t)
	good := func() *schema.Batch { return batchOf(table, someRows(2)...) }
	for _, c := range []struct {
		name   string
		batch  func() *schema.Batch
		usable bool // afterwards
	}{
		{"another tenant", func() *schema.Batch { b := good(); b.Tenant = "other"; return b }, true},
		{"another hour", func() *schema.Batch { b := good(); b.Hour++; return b }, true},
		{"another table", func() *schema.Batch {
			b := good()
			b.Bytes = append([]byte(nil), b.Bytes...)
			b.Bytes[8]++
			return b
		}, true},
		{"damaged", func() *schema.Batch { b := good(); b.Bytes = b.Bytes[:len(b.Bytes)-1]; return b }, true},
		{"a time after the hour", func() *schema.Batch { return batchOf(table, fill(row{"time": int64(testHour+1) * 3600_000_000}, 0)) }, false},
		{"a time before the hour", func() *schema.Batch { return batchOf(table, fill(row{"time": int64(testHour)*3600_000_000 - 1}, 0)) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			f, err := r.Create(testID("kinds"), table)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Discard()
			if err := f.Append(t.Context(), []*schema.Batch{good()}); err != nil {
				t.Fatal(err)
			}
			if err := f.Append(t.Context(), []*schema.Batch{good(), c.batch()}); err == nil {
				t.Fatal("Append() succeeded")
			}
			rows, err := f.Close(t.Context())
			if c.usable && (err != nil || rows != 2) {
				t.Errorf("Close() = %d, %v; want the 2 rows from before", rows, err)
			}
			if !c.usable && err == nil {
				t.Error("Close() succeeded after a failure that may have left rows")
			}
			if n := r.turnsFree(); n != 2 {
				t.Errorf("%d encoders are free, want 2", n)
			}
		})
	}
}

// turnsFree counts the encoders that nobody has.
func (r *rig) turnsFree() int {
	n := 0
	for r.turns.TryAcquire(1) {
		n++
	}
	r.turns.Release(int64(n))
	return n
}

func TestOrderOfCalls(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, nil)
	group := []*schema.Batch{batchOf(table, someRows(3)...)}
	create := func() *Output {
		f, err := r.Create(testID("kinds"), table)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := create()
	if err := f.Put(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Put() before Close() = %v, want ErrClosed", err)
	}
	if err := f.Append(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.Append(t.Context(), group); !errors.Is(err, ErrClosed) {
		t.Errorf("Append() after Close() = %v, want ErrClosed", err)
	}
	if _, err := f.Close(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Close() after Close() = %v, want ErrClosed", err)
	}
	f = create()
	f.Discard()
	f.Discard()
	if err := f.Append(t.Context(), group); !errors.Is(err, ErrClosed) {
		t.Errorf("Append() after Discard() = %v, want ErrClosed", err)
	}
	if err := f.Put(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Put() after Discard() = %v, want ErrClosed", err)
	}
	f = create()
	if rows, err := f.Close(t.Context()); rows != 0 || err != nil {
		t.Errorf("Close() of an empty file = %d, %v", rows, err)
	}
	if err := f.Put(t.Context()); err != nil || len(r.bucket.objects) > 0 {
		t.Errorf("Put() of an empty file = %v, %d objects", err, len(r.bucket.objects))
	}
}

func TestPutAgainIsCountedOnce(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, nil)
	f, err := r.Create(testID("kinds"), table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	if err := f.Append(t.Context(), []*schema.Batch{batchOf(table, someRows(3)...)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	down := errors.New("the bucket is away")
	r.bucket.before = func(string) error { return down }
	if err := f.Put(t.Context()); !errors.Is(err, down) {
		t.Errorf("Put() = %v, want the bucket's error", err)
	}
	puts := 0
	r.bucket.before = func(string) error { puts++; return nil }
	for range 2 {
		if err := f.Put(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if puts != 1 {
		t.Errorf("the bucket was asked %d times, want once", puts)
	}
	if got := metricValue(t, r.metrics, "parquay_file_rows_total"); got != 3 {
		t.Errorf("%v rows are counted, want 3", got)
	}
}

// Every operation of the file system fails once, with and without having been
// done: the failure shows, nothing is put that is not whole, and no descriptor and
// no memory stays behind.
func TestFileSystemFailures(t *testing.T) {
	table := kindsTable(t)
	for _, outcome := range []crashfs.Outcome{crashfs.Fail, crashfs.FailDone} {
		steps := 0
		for k := 0; ; k++ {
			r := newRig(t, func(c *Config) { c.MemoryFile = 12_000 })
			start := r.fs.Operations()
			var failed crashfs.Op
			r.fs.Inject(func(op crashfs.Op) crashfs.Outcome {
				if op.N != start+k {
					return crashfs.Done
				}
				failed = op
				return outcome
			})
			err := spoolOneFile(t, r, table)
			if r.fs.Operations() <= start+k {
				if err != nil {
					t.Fatalf("without a failure: %v", err)
				}
				break
			}
			steps++
			put := r.bucket.objects[testID("kinds").Key()]
			if put != nil && len(readRows(t, put)) != 5 {
				t.Errorf("operation %d: an object with %d rows of 5", k, len(readRows(t, put)))
			}
			if err == nil && put == nil {
				t.Errorf("operation %d: no error and no object", k)
			}
			// A read that failed after it gave all it was asked for did no harm.
			harmless := failed.Kind == crashfs.Read && outcome == crashfs.FailDone
			if err == nil && r.log.Len() == 0 && !harmless {
				t.Errorf("%s failed, and nobody was told", failed.Kind)
			}
			if r.open.count() != 0 || r.spool.memory.Load() != 0 {
				t.Errorf("operation %d: %d descriptors, %d bytes", k, r.open.count(), r.spool.memory.Load())
			}
			if left := r.spooled(t); len(left) > 0 && r.log.Len() == 0 && err == nil {
				t.Errorf("operation %d: %q is left, and nobody was told", k, left)
			}
		}
		if steps < 10 {
			t.Errorf("only %d operations were failed", steps)
		}
	}
}

// spoolOneFile makes, puts and discards a file that is spooled.
func spoolOneFile(t *testing.T, r *rig, table *schema.Table) error {
	f, err := r.Create(testID("kinds"), table)
	if err != nil {
		return err
	}
	defer f.Discard()
	for i := range 5 {
		if err := f.Append(t.Context(), []*schema.Batch{batchOf(table, incompressible(i, 8000))}); err != nil {
			return err
		}
	}
	if rows, err := f.Close(t.Context()); err != nil || rows != 5 {
		return errors.Join(err, fmt.Errorf("%d rows", rows))
	}
	return f.Put(t.Context())
}

// A file that is discarded while it is put stays discarded, and what reached the
// bucket is counted all the same.
func TestDiscardDuringPut(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, nil)
	f, err := r.Create(testID("kinds"), table)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Append(t.Context(), []*schema.Batch{batchOf(table, someRows(3)...)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.bucket.before = func(string) error { f.Discard(); return nil }
	if err := f.Put(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := metricValue(t, r.metrics, "parquay_file_rows_total"); got != 3 {
		t.Errorf("%v rows are counted, want 3", got)
	}
	if err := f.Put(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Put() after Discard() = %v, want ErrClosed", err)
	}
	if n := r.spool.memory.Load(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

// After a failed write nobody knows where the file ends: nothing more is added, and
// it is never put, even though the disk works again.
func TestFailureIsFinal(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, func(c *Config) { c.MemoryFile = 0 })
	f, err := r.Create(testID("kinds"), table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	group := []*schema.Batch{batchOf(table, someRows(3)...)}
	if err := f.Append(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	r.fs.Inject(crashfs.At(r.fs.Operations(), crashfs.Fail))
	if err := f.Append(t.Context(), group); !errors.Is(err, crashfs.ErrInjected) {
		t.Fatalf("Append() = %v, want the disk's error", err)
	}
	r.fs.Inject(nil)
	if err := f.Append(t.Context(), group); !errors.Is(err, crashfs.ErrInjected) {
		t.Errorf("Append() afterwards = %v, want the first error", err)
	}
	if _, err := f.Close(t.Context()); !errors.Is(err, crashfs.ErrInjected) {
		t.Errorf("Close() afterwards = %v, want the first error", err)
	}
	if err := f.Put(t.Context()); !errors.Is(err, crashfs.ErrInjected) || len(r.bucket.objects) > 0 {
		t.Errorf("Put() afterwards = %v, %d objects", err, len(r.bucket.objects))
	}
}

// A file whose bytes are not what was written is not believed (I4).
func TestCloseReadsBack(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, func(c *Config) { c.MemoryFile = 0 })
	f, err := r.Create(testID("kinds"), table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	if err := f.Append(t.Context(), []*schema.Batch{batchOf(table, someRows(7)...)}); err != nil {
		t.Fatal(err)
	}
	name := f.body.name
	// The disk loses the footer's end between the last write and the check.
	r.fs.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.Open {
			data, err := r.fs.ReadFile(name)
			if err != nil {
				t.Error(err)
			}
			data[len(data)-1] = 'x'
			if err := r.fs.WriteFile(name, data); err != nil {
				t.Error(err)
			}
		}
		return crashfs.Done
	})
	if rows, err := f.Close(t.Context()); err == nil {
		t.Errorf("Close() = %d of a damaged file", rows)
	}
	if err := f.Put(t.Context()); err == nil {
		t.Error("Put() of a damaged file succeeded")
	}
}

func TestNewEmptiesTheSpool(t *testing.T) {
	fsys := crashfs.New(1)
	if err := fsys.MkdirAll("/spool"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0000000000000001.spool", "00000000000000ff.spool", "notes.txt"} {
		if err := fsys.WriteFile("/spool/"+name, []byte("left")); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t, func(c *Config) { c.FS = fsys })
	r.fs = fsys
	if got := r.spooled(t); !slices.Equal(got, []string{"notes.txt"}) {
		t.Errorf("spool folder has %q, want what is not ours alone", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"no file system", func(c *Config) { c.FS = nil }},
		{"no putter", func(c *Config) { c.Putter = nil }},
		{"no folder", func(c *Config) { c.SpoolDir = "" }},
		{"no encoder", func(c *Config) { c.Encoders = 0 }},
		{"negative memory", func(c *Config) { c.Memory = -1 }},
		{"negative file in memory", func(c *Config) { c.MemoryFile = -1 }},
	} {
		r := newRig(t, nil)
		cfg := r.cfg
		c.change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: New() succeeded", c.name)
		}
	}
	r := newRig(t, nil)
	for k := range 3 {
		r.fs.Inject(crashfs.At(r.fs.Operations()+k, crashfs.Fail))
		if _, err := New(r.cfg); err == nil {
			t.Errorf("New() succeeded although operation %d failed", k)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	r := newRig(t, nil)
	table := kindsTable(t)
	if _, err := r.Create(testID("other"), table); err == nil {
		t.Error("Create() took a file of another table")
	}
	id := testID("kinds")
	id.Tenant = "a/b"
	if _, err := r.Create(id, table); !errors.Is(err, ErrKey) {
		t.Errorf("Create() of tenant a/b = %v, want ErrKey", err)
	}
}
