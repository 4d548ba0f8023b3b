package writer

// This file reads what a finished file's footer says of its rows.

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go/format"
)

// foundGroup is what a footer says of a row group and of its times.
type foundGroup struct {
	rows, values     int64
	data, dictionary int64 // offsets; without a dictionary that is 0
	size             int64
	codec, physical  int64
	path             []byte
	leaves           int // of all columns
}

// readFooter reads the footer's bytes.
func (r *readback) readFooter(file io.ReaderAt, size int64) error {
	var head [len(magic)]byte
	var tail [4 + len(magic)]byte
	if size < int64(len(head)+len(tail)) {
		return fmt.Errorf("%d bytes", size)
	}
	if err := readAt(file, head[:], 0); err != nil {
		return err
	}
	if err := readAt(file, tail[:], size-int64(len(tail))); err != nil {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(head[:]) != magic || string(tail[4:]) != magic || length > size-int64(len(head)+len(tail)) {
		return fmt.Errorf("it begins with %q and ends with %q", head, tail)
	}
	r.footer = slices.Grow(r.footer[:0], int(length))[:length]
	return readAt(file, r.footer, size-int64(len(tail))-length)
}

// readAt fills b.
func readAt(file io.ReaderAt, b []byte, offset int64) error {
	n, err := file.ReadAt(b, offset)
	if n < len(b) {
		return fmt.Errorf("read %d bytes at %d: %w", len(b), offset, err)
	}
	return nil
}

// parseFooter finds the row groups, and returns how many rows the file declares. The
// numbers are those of the fields in the format's parquet.thrift.
func (r *readback) parseFooter(l *layout, metadata []format.KeyValue) (rows int64, err error) {
	r.groups = r.groups[:0]
	pairs, same := 0, 0
	c := compactReader{b: r.footer}
	c.structure(func(number, kind int) {
		switch number {
		case 3:
			rows = c.int(kind)
		case 4:
			c.list(kind, func(_, kind int) {
				var g foundGroup
				g.parse(&c, kind, l)
				r.groups = append(r.groups, g)
			})
		case 5:
			c.list(kind, func(i, kind int) {
				var key, value []byte
				c.in(kind, func(number, kind int) {
					switch number {
					case 1:
						key = c.bytes(kind)
					case 2:
						value = c.bytes(kind)
					default:
						c.skip(kind)
					}
				})
				pairs++
				if i < len(metadata) && string(key) == metadata[i].Key && string(value) == metadata[i].Value {
					same++
				}
			})
		default:
			c.skip(kind)
		}
	})
	switch {
	case c.err != nil:
		return 0, c.err
	case len(c.rest()) > 0:
		return 0, fmt.Errorf("%d bytes after its end", len(c.rest()))
	case same != len(metadata) || pairs != same:
		return 0, fmt.Errorf("of %d pairs of metadata %d are as they were written", pairs, same)
	}
	return rows, nil
}

// parse reads the description of a row group.
func (g *foundGroup) parse(c *compactReader, kind int, l *layout) {
	c.in(kind, func(number, kind int) {
		switch number {
		case 1:
			c.list(kind, func(i, kind int) {
				g.leaves++
				if i != l.time {
					c.skip(kind)
					return
				}
				c.in(kind, func(number, kind int) {
					if number == 3 {
						c.in(kind, func(number, kind int) { g.parseColumn(c, number, kind) })
						return
					}
					c.skip(kind)
				})
			})
		case 3:
			g.rows = c.int(kind)
		default:
			c.skip(kind)
		}
	})
}

// parseColumn reads a field of the description of the times.
func (g *foundGroup) parseColumn(c *compactReader, number, kind int) {
	switch number {
	case 1:
		g.physical = c.int(kind)
	case 3:
		c.list(kind, func(_, kind int) { g.path = c.bytes(kind) })
	case 4:
		g.codec = c.int(kind)
	case 5:
		g.values = c.int(kind)
	case 7:
		g.size = c.int(kind)
	case 9:
		g.data = c.int(kind)
	case 11:
		g.dictionary = c.int(kind)
	default:
		c.skip(kind)
	}
}
