package writer

// This file writes structures in Thrift's compact protocol, which page headers and
// footers are in. A small file has some forty of them, and finding their fields by
// reflection takes as long as compressing its pages.

// The types of fields and of lists' elements.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftBinary = 8
	thriftList   = 9
	thriftStruct = 12
)

// compact appends fields to b. Those of a structure come in the order of their
// numbers, and a stop ends it.
type compact struct {
	b    []byte
	last int // number of the structure's field before; 0 at its begin
}

// field begins a field: its number as the distance from the one before, which is no
// more than 15 in the format's structures, and its type.
func (c *compact) field(number, kind int) {
	c.b = append(c.b, byte((number-c.last)<<4|kind))
	c.last = number
}

// stop ends a structure. The number is that of the field which it was, in the
// structure around it.
func (c *compact) stop(number int) {
	c.b = append(c.b, 0)
	c.last = number
}

// open begins a field that is a structure.
func (c *compact) open(number int) {
	c.field(number, thriftStruct)
	c.last = 0
}

// element begins a structure in a list.
func (c *compact) element() { c.last = 0 }

func (c *compact) i16(number int, v int16) { c.field(number, thriftI16); c.zigzag(int64(v)) }
func (c *compact) i32(number int, v int32) { c.field(number, thriftI32); c.zigzag(int64(v)) }
func (c *compact) i64(number int, v int64) { c.field(number, thriftI64); c.zigzag(v) }

func (c *compact) bool(number int, v bool) {
	kind := thriftFalse
	if v {
		kind = thriftTrue
	}
	c.field(number, kind)
}

func (c *compact) binary(number int, v []byte) { c.field(number, thriftBinary); c.bytes(v) }
func (c *compact) text(number int, v string)   { c.field(number, thriftBinary); c.string(v) }

// list begins a field that is a list of n elements, which follow.
func (c *compact) list(number, n, kind int) {
	c.field(number, thriftList)
	if n < 15 {
		c.b = append(c.b, byte(n<<4|kind))
		return
	}
	c.b = append(c.b, byte(0xf0|kind))
	c.uvarint(uint64(n))
}

// uvarint is binary.AppendUvarint, but that it writes the address of b only when that
// changes: while the garbage collector runs, the write is not free.
func (c *compact) uvarint(v uint64) {
	for ; v >= 0x80; v >>= 7 {
		c.b = append(c.b, byte(v)|0x80)
	}
	c.b = append(c.b, byte(v))
}

func (c *compact) zigzag(v int64) { c.uvarint(uint64(v)<<1 ^ uint64(v>>63)) }

func (c *compact) bytes(v []byte) {
	c.uvarint(uint64(len(v)))
	c.b = append(c.b, v...)
}

func (c *compact) string(v string) {
	c.uvarint(uint64(len(v)))
	c.b = append(c.b, v...)
}
