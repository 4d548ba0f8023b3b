package journal

// This file is the form of a frame: written by AppendFrame, read by the scanner.
//
//	 0  magic     4  FF 50 51 46 (FF is in no UTF-8 text, so no text holds it)
//	 4  length    4  of the whole frame
//	 8  sequence  8
//	16  batches   4
//	20  check     4  CRC-32C of the incarnation and the 20 bytes before
//	24  batches, each:
//	     0  bytes   4
//	     4  tenant  4  length of the name
//	     8  table   4  index into the header's tables
//	    12  rows    4
//	    16  hour    8
//	    24  the tenant's name, then the batch's bytes
//	    checksum  4  CRC-32C of the incarnation, the sequence and all bytes before
//
// All numbers are little endian. The check makes the length worth believing
// before the frame is read, and the search for the next frame cheap.

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"
	"math"
	"slices"
)

const (
	frameMagic   = "\xffPQF"
	frameHead    = 24
	frameTail    = 4
	batchHead    = 24
	frameMinimum = frameHead + frameTail
)

// castagnoli is the CRC that processors compute; its table is read only.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var order = binary.LittleEndian

// FrameSize is the number of bytes that AppendFrame appends.
func FrameSize(batches []Batch) int {
	size := frameMinimum + batchHead*len(batches)
	for i := range batches {
		size += len(batches[i].Tenant) + len(batches[i].Bytes)
	}
	return size
}

// AppendFrame appends the frame that holds batches to dst. It is valid only in
// the journal of this incarnation and at this place of the sequence. A frame over
// MaxFrame is made, as far as its length has a number, and refused by Append.
func AppendFrame(dst []byte, inc Incarnation, seq uint64, batches []Batch) []byte {
	from, size := len(dst), FrameSize(batches)
	dst = slices.Grow(dst, size)
	dst = append(dst, frameMagic...)
	dst = order.AppendUint32(dst, uint32(min(size, math.MaxUint32)))
	dst = order.AppendUint64(dst, seq)
	dst = order.AppendUint32(dst, uint32(len(batches)))
	dst = order.AppendUint32(dst, headCheck(inc, dst[from:]))
	for i := range batches {
		b := &batches[i]
		dst = order.AppendUint32(dst, uint32(len(b.Bytes)))
		dst = order.AppendUint32(dst, uint32(len(b.Tenant)))
		dst = order.AppendUint32(dst, uint32(b.Table))
		dst = order.AppendUint32(dst, uint32(b.Rows))
		dst = order.AppendUint64(dst, uint64(b.Hour))
		dst = append(dst, b.Tenant...)
		dst = append(dst, b.Bytes...)
	}
	return order.AppendUint32(dst, checksum(inc, seq, dst[from:]))
}

// Offsets yields how far behind the place of a frame the bytes of each of its
// batches begin.
func Offsets(batches []Batch) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		at := int64(frameHead)
		for i := range batches {
			at += int64(batchHead + len(batches[i].Tenant))
			if !yield(at) {
				return
			}
			at += int64(len(batches[i].Bytes))
		}
	}
}

// head is a frame's header.
type head struct {
	length   int // of the whole frame, at least frameMinimum
	sequence uint64
	batches  uint32
}

// readHead reads the header at the start of b. It is false unless this
// incarnation has written it and its length is possible.
func readHead(inc Incarnation, b []byte) (head, bool) {
	if len(b) < frameHead || string(b[:4]) != frameMagic || order.Uint32(b[20:]) != headCheck(inc, b[:20]) {
		return head{}, false
	}
	h := head{length: int(order.Uint32(b[4:])), sequence: order.Uint64(b[8:]), batches: order.Uint32(b[16:])}
	return h, h.length >= frameMinimum && h.length <= MaxFrame
}

// intact says whether frame, of the length that its header h says, is what was written.
func (h head) intact(inc Incarnation, frame []byte) bool {
	body := frame[:len(frame)-frameTail]
	return order.Uint32(frame[len(body):]) == checksum(inc, h.sequence, body)
}

func headCheck(inc Incarnation, b []byte) uint32 {
	return crc32.Update(seed(0, inc[:]), castagnoli, b)
}

// checksum covers the incarnation and the sequence first, so that a frame of
// another process or another place, which a lost write can bring back, is refused.
func checksum(inc Incarnation, seq uint64, b []byte) uint32 {
	var number [8]byte
	order.PutUint64(number[:], seq)
	return crc32.Update(seed(seed(0, inc[:]), number[:]), castagnoli, b)
}

// seed is crc32.Update for a few bytes on the stack: that function hands them to
// assembly through a pointer, and so to the heap, for every frame.
func seed(crc uint32, b []byte) uint32 {
	crc = ^crc
	for _, v := range b {
		crc = castagnoli[byte(crc)^v] ^ crc>>8
	}
	return ^crc
}

// decode appends the batches of a frame to dst. Their bytes alias the frame. A
// frame that does not parse, or names a table that is not there, is an error: no
// medium makes such a frame of a good one, so a program is wrong.
func (h head) decode(dst []Batch, frame []byte, tables int, names *tenants) ([]Batch, error) {
	rest := frame[frameHead : len(frame)-frameTail]
	for i := range h.batches {
		if len(rest) < batchHead {
			return dst, fmt.Errorf("%w: frame %d ends before batch %d", ErrCorrupt, h.sequence, i)
		}
		size, name := int(order.Uint32(rest)), int(order.Uint32(rest[4:]))
		b := Batch{
			Table: int(order.Uint32(rest[8:])),
			Rows:  int(order.Uint32(rest[12:])),
			Hour:  int64(order.Uint64(rest[16:])),
		}
		rest = rest[batchHead:]
		if size > len(rest) || name > len(rest)-size {
			return dst, fmt.Errorf("%w: frame %d ends within batch %d", ErrCorrupt, h.sequence, i)
		}
		if b.Table >= tables {
			return dst, fmt.Errorf("%w: batch %d of frame %d names table %d of %d", ErrCorrupt, i, h.sequence, b.Table, tables)
		}
		b.Tenant = names.name(rest[:name])
		b.Bytes = rest[name : name+size : name+size]
		dst, rest = append(dst, b), rest[name+size:]
	}
	if len(rest) != 0 {
		return dst, fmt.Errorf("%w: frame %d has %d bytes too many", ErrCorrupt, h.sequence, len(rest))
	}
	return dst, nil
}

// tenants makes strings of tenants' names, one for all batches of a tenant, so that
// reading allocates nothing for a batch. A nil tenants makes none.
type tenants struct{ known map[string]string }

// mostTenants bounds the memory of a reader that meets ever new names.
const mostTenants = 1 << 14

func (t *tenants) name(b []byte) string {
	if t == nil {
		return ""
	}
	if s, ok := t.known[string(b)]; ok {
		return s
	}
	if t.known == nil || len(t.known) >= mostTenants {
		t.known = map[string]string{}
	}
	s := string(b)
	t.known[s] = s
	return s
}
