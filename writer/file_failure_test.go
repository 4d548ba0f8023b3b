package writer

import (
	"errors"
	"fmt"
	"testing"

	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

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
	if got := metricValue(t, r.metrics, "parquay_file_rows_sum"); got != 3 {
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
