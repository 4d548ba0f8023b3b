package writer

// This file turns a group of batches into row groups: ordered by time, merged and
// encoded column by column.

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/bloom"

	"parquay/schema"
)

// The bounds of a row group. Whoever reads one column of it holds that column of
// 128 Ki rows; whoever writes one holds all of it.
const (
	maxGroupRows  = 128 << 10
	maxGroupBytes = 64 << 20
)

// An encoder turns batches of one table into row groups. It is the scratch memory
// of that work, all of it reused: a row costs no allocation. It serves one caller
// at a time.
//
// Of parquet-go the encodings are used, and its reader to look at files later, but not
// its writer. That one wants every value boxed, takes more than twice the time and up
// to half more space (BenchmarkRival), keeps its buffers for as long as a file is
// open, and always writes a page index, which is where files of several writers became
// unreadable for Athena.
type encoder struct {
	layout *layout
	group  *schema.Group
	times  schema.Vector // of all rows
	column schema.Vector // the one at work, of all rows
	at     int           // which that is; -1 for none

	rows   []uint32 // row numbers in the order of time
	stored []uint32 // those of the row group at work in the order of batches, if its rows are scattered
	keys   []uint64 // for sorting
	spare  []uint64 // same
	ranks  []uint32 // of a column's values in the order of batches, by row
	placed []uint32 // ranks in the order of time

	values values     // of the leaf at work
	dict   dictionary // same
	page   pageWriter
	bounds []byte   // of the row group's chunks
	hashes []uint64 // of its ids
	filter bloom.SplitBlockFilter
}

// rowGroup is an encoded row group. Its bytes are valid until the encoder is used
// again, the rest for ever.
type rowGroup struct {
	bytes            []byte
	rows             int
	minTime, maxTime int64
	chunks           []chunk
	bounds           []byte // what chunks' bounds point into
}

func newEncoder() (*encoder, error) {
	p, err := newPageWriter()
	if err != nil {
		return nil, err
	}
	return &encoder{page: p, dict: dictionary{seed: newSeed()}}, nil
}

// use prepares the encoder for rows of a table.
func (e *encoder) use(l *layout) {
	if e.layout != l {
		e.layout = l
		e.group = schema.NewGroup(l.table)
	}
}

// take takes the rows of all batches and finds their order. The batches must stay as
// they are until drop.
func (e *encoder) take(batches []*schema.Batch) error {
	e.at = -1
	for i, b := range batches {
		if err := e.group.Add(b.Bytes); err != nil {
			return fmt.Errorf("take batch %d of %d: %w", i, len(batches), err)
		}
	}
	if err := e.group.Read(e.layout.table.TimeColumn(), &e.times); err != nil {
		return fmt.Errorf("merge the times of %d batches: %w", len(batches), err)
	}
	return e.order()
}

// drop lets go of the batches.
func (e *encoder) drop() { e.group.Reset() }

// vector returns a column of all rows, until the next call.
func (e *encoder) vector(column int) (*schema.Vector, error) {
	switch column {
	case e.layout.table.TimeColumn():
		return &e.times, nil
	case e.at: // keys come before values
		return &e.column, nil
	}
	e.at = -1
	if err := e.group.Read(column, &e.column); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	e.at = column
	return &e.column, nil
}

// order sorts the row numbers by the rows' time; rows of the same time keep the
// order in which they were accepted.
func (e *encoder) order() error {
	n, times := e.group.Rows(), &e.times
	if !times.AllPresent() {
		return fmt.Errorf("order rows of table %s: some have no time", e.layout.table.Name())
	}
	e.rows = slices.Grow(e.rows[:0], n)[:n]
	sorted := true
	first, last := int64(0), int64(0) // the earliest and the latest so far
	for row := range n {
		e.rows[row] = uint32(row)
		t := times.Int64(row)
		if row == 0 {
			first, last = t, t
		}
		sorted = sorted && t >= last
		first, last = min(first, t), max(last, t)
	}
	switch {
	case sorted:
	case uint64(last-first) < 1<<32 && n <= 1<<32:
		// An hour has less than 2^32 microseconds, so time and row fit in one integer.
		e.keys = slices.Grow(e.keys[:0], n)[:n]
		for row := range n {
			e.keys[row] = uint64(times.Int64(row)-first)<<32 | uint64(row)
		}
		e.sortKeys(uint64(last - first))
		for i, k := range e.keys {
			e.rows[i] = uint32(k)
		}
	default:
		slices.SortStableFunc(e.rows, func(a, b uint32) int {
			switch ta, tb := times.Int64(int(a)), times.Int64(int(b)); {
			case ta < tb:
				return -1
			case ta > tb:
				return 1
			}
			return 0
		})
	}
	return nil
}

// minRadix is where sorting by digits overtakes comparing.
const minRadix = 1 << 10

// sortKeys sorts the keys, whose high halves are at most that large. The low halves
// are in order.
func (e *encoder) sortKeys(largest uint64) {
	if len(e.keys) < minRadix {
		slices.Sort(e.keys)
		return
	}
	const digit = 11
	e.spare = slices.Grow(e.spare[:0], len(e.keys))[:len(e.keys)]
	for shift := 32; largest>>(shift-32) > 0; shift += digit {
		var next [1 << digit]int // where the next key of a digit goes
		for _, k := range e.keys {
			next[k>>shift&(1<<digit-1)]++
		}
		sum := 0
		for i, n := range next {
			next[i] = sum
			sum += n
		}
		for _, k := range e.keys {
			at := &next[k>>shift&(1<<digit-1)]
			e.spare[*at] = k
			*at++
		}
		e.keys, e.spare = e.spare, e.keys
	}
}

// groups cuts the ordered rows into row groups within the bounds. The caller's
// groups are within them already, but for a batch that exceeds them on its own.
func (e *encoder) groups() iter.Seq[[]uint32] {
	n := len(e.rows)
	parts := max(ceilDiv(n, maxGroupRows), ceilDiv(e.group.Size(), maxGroupBytes), 1)
	return slices.Chunk(e.rows, max(ceilDiv(n, parts), 1))
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// encode makes a row group of rows, which groups yielded.
func (e *encoder) encode(rows []uint32) (rowGroup, error) {
	e.page.out, e.bounds, e.hashes = e.page.out[:0], e.bounds[:0], e.hashes[:0]
	e.page.discard() // what a failure in the middle of a page has left, of another tenant perhaps (I8)
	g := rowGroup{
		rows:    len(rows),
		minTime: e.times.Int64(int(rows[0])),
		maxTime: e.times.Int64(int(rows[len(rows)-1])),
		chunks:  make([]chunk, len(e.layout.leaves)),
	}
	e.scatter(rows)
	for i := range e.layout.leaves {
		leaf := &e.layout.leaves[i]
		if err := e.encodeChunk(&g.chunks[i], leaf, rows); err != nil {
			return rowGroup{}, fmt.Errorf("encode column %s: %w", strings.Join(leaf.path, "."), err)
		}
	}
	if len(e.hashes) > 0 {
		e.encodeFilter(&g.chunks[e.layout.filter])
	}
	g.bytes, g.bounds = e.page.out, bytes.Clone(e.bounds)
	return g, nil
}
