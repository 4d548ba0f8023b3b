package schema

import (
	"bytes"
	"encoding/binary"
	"math"
)

// The byte form of columns, which FORMAT.md draws: what the journal stores and
// recovery reads.

const (
	formVersion = 1
	formHeader  = 16 // bytes before the modes

	// maxSame bounds the rows of a value stored once, so that a few corrupt
	// bytes can't ask for gigabytes of equal values.
	maxSame = 1 << 16
)

// mode says how a column's section is stored.
type mode uint8

const (
	modeNone mode = iota // no row has a value; there is no section
	modeAll              // every row has one
	modeSome             // some have: a bitmap comes first
	modeSame             // every row has the same value of fixed width, stored once
)

// AppendTo appends the byte form of all rows to dst.
func (c *Columns) AppendTo(dst []byte) []byte {
	c.chooseModes()
	return c.appendForm(dst)
}

// chooseModes decides in which mode each column is stored, and returns the length of
// the byte form.
func (c *Columns) chooseModes() (size int) {
	size = formHeader + len(c.vectors)
	for i := range c.vectors {
		v := &c.vectors[i]
		m := v.mode()
		c.modes[i] = byte(m)
		switch m {
		case modeSame:
			size += v.kind.slot()
		case modeSome:
			size += (v.rows + 7) >> 3
			fallthrough
		case modeAll:
			size += v.rows*v.kind.slot() + len(v.elements) + len(v.text)
		}
	}
	return size
}

// appendForm appends the byte form in the modes that were chosen for these rows.
func (c *Columns) appendForm(dst []byte) []byte {
	dst = append(dst, formVersion, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(c.vectors)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(c.rows))
	dst = binary.LittleEndian.AppendUint64(dst, c.table.fingerprint)
	dst = append(dst, c.modes...)
	for i := range c.vectors {
		dst = c.vectors[i].appendTo(dst, mode(c.modes[i]))
	}
	return dst
}

// AppendBatch adds the rows of a batch's byte form. It checks every length and
// offset first, and adds nothing when it returns an error: ErrFingerprint for
// another table's bytes, ErrCorrupt for bytes that no Columns has written, and
// ErrFull when a column would come to hold more text than its offsets can count.
// It keeps no reference to b.
func (c *Columns) AppendBatch(b []byte) error {
	rows, err := c.table.openForm(b)
	if err != nil {
		return err
	}
	if c.sections == nil {
		c.sections = make([]section, len(c.vectors))
	}
	defer clear(c.sections)
	if err := c.cutSections(b, rows); err != nil {
		return err
	}
	for i := range c.vectors {
		c.vectors[i].concat(c.rows, &c.sections[i])
	}
	c.rows += rows
	c.endRows()
	return nil
}

// cutSections takes a form apart, and says whether its sections can be added to the
// columns.
func (c *Columns) cutSections(b []byte, rows int) error {
	modes, rest := b[formHeader:], b[formHeader+len(c.vectors):]
	for i := range c.vectors {
		var ok bool
		v, s, m := &c.vectors[i], &c.sections[i], mode(modes[i])
		if rest, ok = s.cut(v.kind, m, rows, rest); !ok || !s.valid(v.kind) {
			return ErrCorrupt
		}
		if c.table.columns[i].Required && s.present < rows {
			return ErrCorrupt
		}
		if max(len(v.text)+len(s.text), len(v.elements)+len(s.elements)) > math.MaxUint32 {
			return ErrFull
		}
	}
	if len(rest) > 0 {
		return ErrCorrupt
	}
	return nil
}

// mode is the one in which the column is stored.
func (v *Vector) mode() mode {
	switch w := v.kind.width(); {
	case v.present == 0:
		return modeNone
	case v.present < v.rows:
		return modeSome
	case v.rows == 1:
		return modeAll
	case w > 0 && v.rows <= maxSame && bytes.Equal(v.fixed[w:], v.fixed[:len(v.fixed)-w]):
		return modeSame
	}
	return modeAll
}

// appendTo appends the column's section.
func (v *Vector) appendTo(dst []byte, m mode) []byte {
	if m == modeNone {
		return dst
	}
	w := v.kind.width()
	switch m {
	case modeSame:
		return append(dst, v.fixed[:w]...)
	case modeSome:
		at := len(dst)
		dst = append(dst, v.bits...)
		if len(v.bits) == 0 {
			dst = bitmap(dst).addOnes(0, v.stored)
		}
		dst = append(dst, make([]byte, (v.rows+7)>>3-(len(dst)-at))...)
	}
	missing := v.rows - v.stored
	if w > 0 {
		if dst = append(dst, v.fixed...); missing > 0 {
			dst = append(dst, make([]byte, w*missing)...)
		}
		return dst
	}
	if dst = append(dst, v.ends...); missing > 0 {
		dst = appendOffsets(dst, v.ends.last(), missing)
	}
	if v.kind != String {
		dst = append(dst, v.elements...)
	}
	return append(dst, v.text...)
}

// concat adds the rows of a section behind the first `rows` ones.
func (v *Vector) concat(rows int, s *section) {
	if s.present == 0 {
		return
	}
	v.store(rows)
	if len(s.bits) > 0 {
		v.needBits()
		v.bits = v.bits.concat(v.stored, s.bits, s.rows)
	} else if len(v.bits) > 0 {
		v.bits = v.bits.addOnes(v.stored, s.rows)
	}
	switch v.kind {
	case String:
		v.ends = v.ends.concat(s.ends, len(v.text))
	case StringList:
		v.ends = v.ends.concat(s.ends, v.elements.len())
		v.elements = v.elements.concat(s.elements, len(v.text))
	case StringMap:
		v.ends = v.ends.concat(s.ends, v.elements.len()/2)
		v.elements = v.elements.concat(s.elements, len(v.text))
	default:
		for range s.copies {
			v.fixed = append(v.fixed, s.fixed...)
		}
	}
	v.text = append(v.text, s.text...)
	v.stored += s.rows
	v.present += s.present
}
