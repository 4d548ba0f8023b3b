package writer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	if got := metricValue(t, r.metrics, "parquay_file_rows_sum"); got != 3 {
		t.Errorf("%v rows are counted, want 3", got)
	}
}
