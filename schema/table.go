package schema

import (
	"encoding/binary"
	"hash/fnv"
)

// A compiled schema: what a table's columns are, and what their values must be.

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
	rules       []rule         // what the values of each of the document's columns must satisfy
	byName      map[string]int // the document's columns: the fields that an event may name
	required    []int          // the columns that the sender must give
	idColumn    int
	timeColumn  int
	keepExtra   bool

	subjectColumn    int
	attributesColumn int

	rowBytes int // a bound on what a row occupies besides its text
}

// Name is the table's name: the last part of its route and the folder of its files.
func (t *Table) Name() string { return t.name }

// Document is the JSON text the table was compiled from. Compiling it again
// gives an equal table: it is what a window's header stores.
func (t *Table) Document() []byte { return t.document }

// Fingerprint identifies what the byte form of the table's rows depends on, its
// name and columns (names, kinds, order, nullability, precision and scale). It
// stands in every batch's bytes, so that a batch is never read as another
// table's.
func (t *Table) Fingerprint() uint64 { return t.fingerprint }

// Columns lists the columns in the order that every batch has them: the
// document's, then received_at, then _extra where unknown fields are kept.
func (t *Table) Columns() []Column { return t.columns }

// Index is the position of the named column, -1 if there is none.
func (t *Table) Index(name string) int {
	if i, ok := t.byName[name]; ok {
		return i
	}
	for i := len(t.rules); i < len(t.columns); i++ { // the gateway's own
		if t.columns[i].Name == name {
			return i
		}
	}
	return -1
}

// IDColumn is the index of the x-role id column, -1 if there is none.
func (t *Table) IDColumn() int { return t.idColumn }

// TimeColumn is the index of the column whose hour a row is filed under: the
// x-role time column, or received_at in a table without one.
func (t *Table) TimeColumn() int { return t.timeColumn }

// SubjectColumn is the index of the x-role subject column, -1 if there is none: it
// takes the subject of an event in an envelope of its own, such as a CloudEvent.
func (t *Table) SubjectColumn() int { return t.subjectColumn }

// AttributesColumn is the index of the x-role attributes column, -1 if there is
// none: it takes what else such an envelope says.
func (t *Table) AttributesColumn() int { return t.attributesColumn }

// receivedColumn is the index of received_at, which follows the document's columns.
func (t *Table) receivedColumn() int { return len(t.rules) }

// extraColumn is the index of _extra, in a table that keeps unknown fields.
func (t *Table) extraColumn() int { return len(t.rules) + 1 }

// seal computes what follows from the columns.
func (t *Table) seal() {
	t.fingerprint = t.hash()
	t.rowBytes = len(t.columns)/8 + 1 // bitmaps
	for i := range t.columns {
		t.rowBytes += t.columns[i].Kind.slot()
	}
}

// hash hashes (FNV-1a) the name and the columns, each text behind
// its length so that no two tables share an input.
func (t *Table) hash() uint64 {
	text := func(b []byte, s string) []byte {
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	b := text(nil, t.name)
	for _, c := range t.columns {
		b = text(b, c.Name)
		b = append(b, byte(c.Kind), byte(c.Precision), byte(c.Scale), 0)
		if c.Required {
			b[len(b)-1] = 1
		}
	}
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}
