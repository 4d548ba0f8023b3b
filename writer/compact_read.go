package writer

// This file reads structures in Thrift's compact protocol, of files that this program
// has just written: see compact.go.

import (
	"encoding/binary"
	"errors"
)

var errCompact = errors.New("malformed structure")

// maxDepth bounds how deep structures are in others: the format's are 6 deep.
const maxDepth = 16

// compactReader takes structures off the front of b. After an error it reads nothing
// more, and all numbers are 0.
type compactReader struct {
	b     []byte
	depth int
	err   error
}

func (r *compactReader) fail() {
	r.b, r.err = nil, errCompact
}

// structure reads a structure, whose fields visit must read or skip.
func (r *compactReader) structure(visit func(number, kind int)) {
	if r.depth++; r.depth > maxDepth {
		r.fail()
	}
	last := 0
	for {
		head := int(r.byte())
		if head == 0 {
			break
		}
		if last += head >> 4; head>>4 == 0 {
			last = int(r.zigzag())
		}
		visit(last, head&15)
	}
	r.depth--
}

// int reads a field's whole number.
func (r *compactReader) int(kind int) int64 {
	if kind != thriftI16 && kind != thriftI32 && kind != thriftI64 {
		r.fail()
	}
	return r.zigzag()
}

// bytes reads a field's or an element's text, which is valid as long as b.
func (r *compactReader) bytes(kind int) []byte {
	n := r.uvarint()
	if kind != thriftBinary || n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

// list reads a field that is a list; visit must read or skip each element.
func (r *compactReader) list(kind int, visit func(i, kind int)) {
	head := int(r.byte())
	n := uint64(head >> 4)
	if n == 15 {
		n = r.uvarint()
	}
	if kind != thriftList || n > uint64(len(r.b)) {
		r.fail()
	}
	for i := 0; r.err == nil && i < int(n); i++ {
		visit(i, head&15)
	}
}

// skip reads a field or an element that nobody asks for.
func (r *compactReader) skip(kind int) {
	switch kind {
	case thriftTrue, thriftFalse: // the kind is the value
	case thriftI16, thriftI32, thriftI64:
		r.uvarint()
	case thriftBinary:
		r.bytes(kind)
	case thriftList:
		r.list(kind, func(_, kind int) { r.skip(kind) })
	case thriftStruct:
		r.structure(func(_, kind int) { r.skip(kind) })
	default:
		r.fail()
	}
}

// in reads a field that is a structure.
func (r *compactReader) in(kind int, visit func(number, kind int)) {
	if kind != thriftStruct {
		r.fail()
		return
	}
	r.structure(visit)
}

func (r *compactReader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *compactReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *compactReader) zigzag() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}
