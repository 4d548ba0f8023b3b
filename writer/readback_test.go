package writer

import (
	"testing"

	"parquay/schema"
)

// Close finds a row group whose times are not what was encoded, though its footer
// is right: the rows are counted in the pages (I4).
func TestCloseReadsThePages(t *testing.T) {
	table := kindsTable(t)
	b := batchOf(table, repeat(edgeRows(), 50)...)
	w := newRig(t, nil)
	for _, harm := range []bool{false, true} {
		f, err := w.Create(testID(table.Name()), table)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Append(t.Context(), []*schema.Batch{b}); err != nil {
			t.Fatal(err)
		}
		g := f.groups[0]
		c := g.chunks[f.layout.time]
		if harm {
			f.body.memory[g.offset+c.data+c.size-1] ^= 1 // the last byte of its last page
		}
		rows, err := f.Close(t.Context())
		if (err != nil) != harm {
			t.Errorf("harmed: %v; Close() = %d, %v", harm, rows, err)
		}
		if !harm && rows != int64(b.Rows) {
			t.Errorf("Close() = %d rows of %d", rows, b.Rows)
		}
		f.Discard()
	}
}
