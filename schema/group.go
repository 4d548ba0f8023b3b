package schema

import (
	"encoding/binary"
	"math"
)

// The batches of a row group, of which one column at a time is brought together.

const (
	// minWhole is the number of rows from which a batch is read where it is: each has
	// as much to describe as another, in each column.
	minWhole = 32
	// packedRows is how many rows of smaller batches are put together, which is about
	// what a processor's own cache holds.
	packedRows = 512
)

// Group is the rows of many batches of one table. It reads one column at a time: all
// columns at once are a copy of all batches, which nobody needs and which is in no
// cache when it is read. It is not safe for concurrent use; Reset keeps its memory
// for the next use.
type Group struct {
	table *Table
	rows  int
	size  int
	forms []form
	next  int // the column that all forms are taken apart up to

	small  *Columns // rows of small batches that are in no form yet
	packed [][]byte // forms of such rows, of which the first are in use
	used   int
}

// form is a byte form on its way to be taken apart.
type form struct {
	rows  int
	bytes []byte
	rest  []byte // from the section of the group's next column on
}

// NewGroup returns an empty group of t's rows.
func NewGroup(t *Table) *Group {
	return &Group{table: t, small: NewColumns(t)}
}

// Rows is the number of rows.
func (g *Group) Rows() int { return g.rows }

// Size is the number of bytes of the batches.
func (g *Group) Size() int { return g.size }

// Reset removes all rows. Nothing refers to their batches any more.
func (g *Group) Reset() {
	clear(g.forms)
	g.forms = g.forms[:0]
	g.rows, g.size, g.next, g.used = 0, 0, 0, 0
	g.small.Reset()
}

// Add adds the rows of a batch's byte form, which must not change before Reset. It is
// ErrFingerprint for another table's bytes, and ErrCorrupt for bytes that no Columns
// has written, unless Read finds that out.
func (g *Group) Add(b []byte) error {
	rows, err := g.table.openForm(b)
	if err != nil {
		return err
	}
	if rows < minWhole {
		if err := g.small.AppendBatch(b); err != nil {
			return err
		}
		if g.small.rows >= packedRows {
			g.pack()
		}
	} else {
		g.pack()
		g.open(rows, b)
	}
	g.rows += rows
	g.size += len(b)
	return nil
}

// pack makes a form of the rows of small batches.
func (g *Group) pack() {
	rows := g.small.rows
	if rows == 0 {
		return
	}
	if g.used == len(g.packed) {
		g.packed = append(g.packed, nil)
	}
	b := g.small.AppendTo(g.packed[g.used][:0])
	g.packed[g.used] = b
	g.used++
	g.small.Reset()
	g.open(rows, b)
}

func (g *Group) open(rows int, b []byte) {
	g.forms = append(g.forms, form{rows: rows, bytes: b})
	g.next = len(g.table.columns) // which makes Read begin anew
}

// Read replaces the rows of v by all rows' values of a column, in the order in which
// they were added. It takes the least when columns are read in their order. It is
// ErrCorrupt for bytes that no Columns has written, and ErrFull when the column has
// more text than its offsets can count.
func (g *Group) Read(column int, v *Vector) error {
	g.pack()
	if column < g.next {
		g.rewind()
	}
	for g.next < column {
		if err := g.skip(); err != nil {
			return err
		}
	}
	v.reset()
	v.kind = g.table.columns[column].Kind
	rows := 0
	for i := range g.forms {
		f := &g.forms[i]
		var s section
		if !g.cut(f, &s) || !s.valid(v.kind) {
			return ErrCorrupt
		}
		if g.table.columns[column].Required && s.present < s.rows {
			return ErrCorrupt
		}
		if max(len(v.text)+len(s.text), len(v.elements)+len(s.elements)) > math.MaxUint32 {
			return ErrFull
		}
		v.concat(rows, &s)
		rows += f.rows
	}
	v.rows = rows
	return g.step()
}

// rewind begins with the first column again.
func (g *Group) rewind() {
	g.next = 0
	for i := range g.forms {
		f := &g.forms[i]
		f.rest = f.bytes[formHeader+len(g.table.columns):]
	}
}

// skip passes over the next column.
func (g *Group) skip() error {
	for i := range g.forms {
		var s section
		if !g.cut(&g.forms[i], &s) {
			return ErrCorrupt
		}
	}
	return g.step()
}

// cut takes the section of the next column off a form.
func (g *Group) cut(f *form, s *section) (ok bool) {
	m := mode(f.bytes[formHeader+g.next])
	f.rest, ok = s.cut(g.table.columns[g.next].Kind, m, f.rows, f.rest)
	return ok
}

// step ends a column. Nothing may be left after the last one.
func (g *Group) step() error {
	g.next++
	for i := range g.forms {
		if g.next == len(g.table.columns) && len(g.forms[i].rest) > 0 {
			return ErrCorrupt
		}
	}
	return nil
}

// openForm checks what a byte form says before its sections.
func (t *Table) openForm(b []byte) (rows int, err error) {
	switch {
	case len(b) < formHeader+len(t.columns) || b[0] != formVersion || b[1] != 0:
		return 0, ErrCorrupt
	case binary.LittleEndian.Uint64(b[8:]) != t.fingerprint:
		return 0, ErrFingerprint
	case int(binary.LittleEndian.Uint16(b[2:])) != len(t.columns):
		return 0, ErrCorrupt
	}
	return int(binary.LittleEndian.Uint32(b[4:])), nil
}
