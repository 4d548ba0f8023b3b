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
	at    int // what is before it has been read
	depth int
	err   error
}

// rest is what follows.
func (r *compactReader) rest() []byte { return r.b[r.at:] }

func (r *compactReader) fail() {
	r.at, r.err = len(r.b), errCompact
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
	if kind != thriftBinary || n > uint64(len(r.b)-r.at) {
		r.fail()
		return nil
	}
	from := r.at
	r.at += int(n)
	return r.b[from:r.at]
}

// list reads a field that is a list; visit must read or skip each element.
func (r *compactReader) list(kind int, visit func(i, kind int)) {
	n, element := r.length(kind)
	for i := 0; r.err == nil && i < n; i++ {
		visit(i, element)
	}
}

// length reads how many elements a list has and of what kind.
func (r *compactReader) length(kind int) (n, element int) {
	head := int(r.byte())
	length := uint64(head >> 4)
	if length == 15 {
		length = r.uvarint()
	}
	if kind != thriftList || length > uint64(len(r.b)-r.at) {
		r.fail()
		return 0, 0
	}
	return int(length), head & 15
}

// skip reads a field or an element that nobody asks for, which most of a footer is.
func (r *compactReader) skip(kind int) {
	switch kind {
	case thriftTrue, thriftFalse: // the kind is the value
	case thriftI16, thriftI32, thriftI64:
		r.uvarint()
	case thriftBinary:
		r.bytes(kind)
	case thriftList:
		n, element := r.length(kind)
		for i := 0; r.err == nil && i < n; i++ {
			r.skip(element)
		}
	case thriftStruct:
		if r.depth++; r.depth > maxDepth {
			r.fail()
		}
		for head := r.byte(); head != 0; head = r.byte() {
			if head>>4 == 0 {
				r.uvarint()
			}
			r.skip(int(head & 15))
		}
		r.depth--
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
	if r.at >= len(r.b) {
		r.fail()
		return 0
	}
	v := r.b[r.at]
	r.at++
	return v
}

func (r *compactReader) uvarint() uint64 {
	if r.at < len(r.b) && r.b[r.at] < 0x80 {
		r.at++
		return uint64(r.b[r.at-1])
	}
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		r.fail()
		return 0
	}
	r.at += n
	return v
}

func (r *compactReader) zigzag() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}
