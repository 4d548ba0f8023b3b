package schema

// Column describes one column of a table.
type Column struct {
	Name        string // lower-case, valid in Athena
	Kind        Kind
	Required    bool // every row has a value: REQUIRED in the file, else OPTIONAL
	Precision   int  // Decimal only: digits in all, at most 18
	Scale       int  // Decimal only: digits after the point
	Encoding    Encoding
	Description string
}

// Table is a compiled schema. It is immutable and safe for concurrent use.
type Table struct {
	name        string
	document    []byte
	fingerprint uint64
	columns     []Column
	idColumn    int
	timeColumn  int
}

// Compile reads a JSON Schema document (draft 2020-12, the subset of
// docs/schemas.md). An unsupported keyword or an impossible combination is an
// error that names its JSON pointer.
func Compile(name string, document []byte) (*Table, error) { panic("seam") }

// Events returns the built-in table of message events.
func Events() *Table { panic("seam") }

// Rejected returns the built-in table of events that a schema refused.
// Its columns are table, code, field, message, raw and received_at.
func Rejected() *Table { panic("seam") }

// Name is the table's name: the last part of its route and the folder of its files.
func (t *Table) Name() string { return t.name }

// Document is the JSON text the table was compiled from. Compiling it again
// gives an equal table: it is what a window's header stores.
func (t *Table) Document() []byte { return t.document }

// Fingerprint identifies the table's name and columns (names, kinds, order,
// nullability): it stands in every batch's bytes, so that a batch is never read
// as another table's.
func (t *Table) Fingerprint() uint64 { return t.fingerprint }

// Columns lists the columns in the order that every batch has them: the
// document's, then received_at, then _extra where unknown fields are kept.
func (t *Table) Columns() []Column { return t.columns }

// IDColumn is the index of the x-role id column, -1 if there is none.
func (t *Table) IDColumn() int { return t.idColumn }

// TimeColumn is the index of the column whose hour a row is filed under: the
// x-role time column, or received_at in a table without one.
func (t *Table) TimeColumn() int { return t.timeColumn }
