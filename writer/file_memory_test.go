package writer

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/schema"
)

// TestAppendKeepsNothing: once Append has returned, the memory of its batches may be
// others': small batches, which are put together, and large ones, and those of a row
// group that follows in the same encoder.
func TestAppendKeepsNothing(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Encoders = 1 })
	table := kindsTable(t)
	memory := &schema.Memory{Poison: true}
	f, err := r.Create(testID("kinds"), table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	var want []row
	for range 3 {
		rows := someRows(900)
		want = append(want, inOrder(rows)...)
		var group []*schema.Batch
		for _, part := range [][]row{rows[:1], rows[1:31], rows[31:500], rows[500:503], rows[503:]} {
			b := batchOf(table, part...)
			b.Memory = memory
			group = append(group, b)
		}
		if err := f.Append(t.Context(), slices.Clone(group)); err != nil {
			t.Fatal(err)
		}
		for _, b := range group {
			b.Free()
		}
	}
	if rows, err := f.Close(t.Context()); err != nil || rows != 2700 {
		t.Fatalf("Close() = %d, %v; want 2700 rows", rows, err)
	}
	if err := f.Put(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, readRows(t, r.bucket.objects[f.id.Key()])); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}
