package schema

// Batch is the accepted events of one request that share table, tenant and
// hour. It is immutable once made.
type Batch struct {
	Table  *Table
	Tenant string
	Hour   int64  // hours since the epoch, UTC
	Rows   int    // at least 1
	Bytes  []byte // the byte form: see FORMAT.md; owned by the batch
}

// Columns holds rows of one table column by column. Bodies are decoded into it,
// and the batches of a row group are merged in it. It is not safe for concurrent
// use; Reset keeps its memory for the next use.
type Columns struct {
	table   *Table
	rows    int
	vectors []Vector
}

// Vector is one column's values. Rows are numbered from 0. The slices that its
// methods return alias the vector and are valid until it changes.
type Vector struct {
	kind Kind
}

// NewColumns returns an empty set of columns for t.
func NewColumns(t *Table) *Columns { panic("seam") }

// Table is the table whose columns these are.
func (c *Columns) Table() *Table { return c.table }

// Rows is the number of whole rows.
func (c *Columns) Rows() int { return c.rows }

// Size is the number of bytes that the values occupy, which is within a few
// bytes a column of what AppendTo would append.
func (c *Columns) Size() int { panic("seam") }

// Reset removes all rows.
func (c *Columns) Reset() { panic("seam") }

// AppendTo appends the byte form of all rows to dst.
func (c *Columns) AppendTo(dst []byte) []byte { panic("seam") }

// AppendBatch adds the rows of a batch's byte form. It checks every length and
// offset first, and adds nothing when it returns an error: ErrFingerprint for
// another table's bytes, ErrCorrupt for bytes that no Columns has written.
func (c *Columns) AppendBatch(b []byte) error { panic("seam") }

// Vector returns column i, in the order of Table.Columns.
func (c *Columns) Vector(i int) *Vector { return &c.vectors[i] }

// Kind is the column's kind.
func (v *Vector) Kind() Kind { return v.kind }

// AllPresent says that no row lacks a value, NonePresent that every row does.
func (v *Vector) AllPresent() bool { panic("seam") }

// NonePresent says that no row has a value.
func (v *Vector) NonePresent() bool { panic("seam") }

// Present says whether the row has a value.
func (v *Vector) Present(row int) bool { panic("seam") }

// Int64 is the value of an Int32, Int64, Bool, Timestamp or Decimal column; 0
// where the row has none.
func (v *Vector) Int64(row int) int64 { panic("seam") }

// Float64 is the value of a Double column.
func (v *Vector) Float64(row int) float64 { panic("seam") }

// Bytes is the value of a String column; empty where the row has none.
func (v *Vector) Bytes(row int) []byte { panic("seam") }

// Elements returns the range [from, to) of a row's elements in a StringList or
// StringMap column.
func (v *Vector) Elements(row int) (from, to int) { panic("seam") }

// Element is element i of a StringList, or the value of pair i of a StringMap.
func (v *Vector) Element(i int) []byte { panic("seam") }

// Key is the key of pair i of a StringMap.
func (v *Vector) Key(i int) []byte { panic("seam") }
