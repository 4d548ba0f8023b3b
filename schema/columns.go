package schema

import "fmt"

// Rows of one table, column by column: what bodies are decoded into, and what
// the batches of a row group are merged in.

// Columns holds rows of one table column by column. It is not safe for concurrent
// use; Reset keeps its memory for the next use.
type Columns struct {
	table   *Table
	rows    int
	vectors []Vector
	modes   []byte // each column's mode in the byte form: see chooseModes

	sections []section // of a batch that is being added; nil before the first
}

// NewColumns returns an empty set of columns for t.
func NewColumns(t *Table) *Columns {
	c := &Columns{table: t, vectors: make([]Vector, len(t.columns)), modes: make([]byte, len(t.columns))}
	for i := range c.vectors {
		c.vectors[i].kind = t.columns[i].Kind
	}
	return c
}

// Table is the table whose columns these are.
func (c *Columns) Table() *Table { return c.table }

// Rows is the number of whole rows.
func (c *Columns) Rows() int { return c.rows }

// Vector returns column i, in the order of Table.Columns.
func (c *Columns) Vector(i int) *Vector { return &c.vectors[i] }

// Size is the number of bytes that the values occupy, which is within a few
// bytes a column of what AppendTo would append.
func (c *Columns) Size() int {
	n := 0
	for i := range c.vectors {
		n += c.vectors[i].size()
	}
	return n
}

// Reset removes all rows.
func (c *Columns) Reset() {
	c.rows = 0
	for i := range c.vectors {
		c.vectors[i].reset()
	}
}

// release drops the memory of all rows. Vectors stay where they are.
func (c *Columns) release() {
	c.rows = 0
	for i := range c.vectors {
		c.vectors[i] = Vector{kind: c.vectors[i].kind}
	}
}

// SetInt64 gives the row that the next EndRow ends a value in an Int32, Int64,
// Bool, Timestamp or Decimal column.
//
// Rows are built by hand with the Set methods, each at most once a column and
// row, and EndRow. They trust their caller with the rules of the schema.
func (c *Columns) SetInt64(column int, x int64) { c.vectors[column].setInt64(c.rows, x) }

// SetFloat64 gives the row a value in a Double column.
func (c *Columns) SetFloat64(column int, x float64) { c.vectors[column].setFloat64(c.rows, x) }

// SetString gives the row a value in a String column.
func (c *Columns) SetString(column int, s string) { c.vectors[column].setString(c.rows, s) }

// SetElements gives the row the strings of a StringList column, or the keys and
// values, by turns, of a StringMap column.
func (c *Columns) SetElements(column int, elements ...string) {
	v := &c.vectors[column]
	for _, e := range elements {
		v.addElement(e)
	}
	v.endElements(c.rows)
}

// EndRow ends the row. It panics when a required column has no value, since a
// file can't hold such a row.
func (c *Columns) EndRow() {
	for i := range c.vectors {
		if c.table.columns[i].Required && !c.vectors[i].Present(c.rows) {
			panic(fmt.Sprintf("row of table %s without a value in required column %s", c.table.name, c.table.columns[i].Name))
		}
	}
	c.rows++
	c.endRows()
}

// endRows tells every vector how many rows there are.
func (c *Columns) endRows() {
	for i := range c.vectors {
		c.vectors[i].rows = c.rows
	}
}
