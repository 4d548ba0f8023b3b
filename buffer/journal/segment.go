package journal

// This file is the form of a segment: its name, and the header it begins with.
//
//	 0  magic     8  FF 50 51 4A 52 4E 4C 00
//	 8  length    4  of the header
//	12  version   4  1
//	16  incarnation 16
//	32  window    8
//	40  begins    8  sequence of the window's first frame
//	48  first     8  sequence of the segment's first frame
//	56  opened    8  microseconds since the epoch
//	64  file rows 8
//	72  tables    4, each:
//	     0  name     4  length
//	     4  document 4  length
//	     8  the name, then the document
//	    checksum  4  CRC-32C of all bytes before
//
// Frames follow without a gap, and zeros after the last. The magic, the length, the
// version, what the name says, and the checksum stay where they are in every version.

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
	"time"

	"parquay/buffer/journal/vfs"
)

const (
	headerMagic   = "\xffPQJRNL\x00"
	headerVersion = 1
	headerHead    = 76
	headerMinimum = headerHead + 4
	tableHead     = 8
)

// name is what a segment's file is called: the window and the sequence of the
// first frame. A segment is created when all frames before it are durable, so its
// name alone proves that those below first have existed.
type name struct {
	id    WindowID
	first uint64
}

const suffix = ".journal"

func (n name) String() string { return fmt.Sprintf("%s-%012d%s", n.id, n.first, suffix) }

// parseName is false for all that String has not written.
func parseName(file string) (name, bool) {
	parts := strings.Split(strings.TrimSuffix(file, suffix), "-")
	if len(parts) != 3 {
		return name{}, false
	}
	inc, err := ParseIncarnation(parts[0])
	if err != nil {
		return name{}, false
	}
	window, err := strconv.ParseUint(parts[1], 10, 64)
	if err != nil {
		return name{}, false
	}
	first, err := strconv.ParseUint(parts[2], 10, 64)
	if err != nil {
		return name{}, false
	}
	n := name{WindowID{inc, window}, first}
	return n, n.String() == file
}

// header is what a segment begins with: the window's header, and its place.
type header struct {
	Header
	begins uint64 // sequence of the window's first frame
	first  uint64 // sequence of the segment's first frame
}

func (h *header) name() name { return name{h.ID(), h.first} }

// append appends the header's bytes to dst.
func (h *header) append(dst []byte) ([]byte, error) {
	size := headerMinimum
	for _, t := range h.Tables {
		size += tableHead + len(t.Name) + len(t.Document)
	}
	if size > MaxHeader {
		return dst, fmt.Errorf("%w: header of %d bytes, at most %d", ErrTooLarge, size, MaxHeader)
	}
	from := len(dst)
	dst = append(dst, headerMagic...)
	dst = order.AppendUint32(dst, uint32(size))
	dst = order.AppendUint32(dst, headerVersion)
	dst = append(dst, h.Incarnation[:]...)
	dst = order.AppendUint64(dst, h.Window)
	dst = order.AppendUint64(dst, h.begins)
	dst = order.AppendUint64(dst, h.first)
	dst = order.AppendUint64(dst, uint64(h.Opened.UnixMicro()))
	dst = order.AppendUint64(dst, h.FileRows)
	dst = order.AppendUint32(dst, uint32(len(h.Tables)))
	for _, t := range h.Tables {
		dst = order.AppendUint32(dst, uint32(len(t.Name)))
		dst = order.AppendUint32(dst, uint32(len(t.Document)))
		dst = append(dst, t.Name...)
		dst = append(dst, t.Document...)
	}
	return order.AppendUint32(dst, crc32.Checksum(dst[from:], castagnoli)), nil
}

// errUnread is why there may be a header after all, when the bytes can be read again.
var errUnread = errors.New("no header can be read")

// readHeader reads the header of a segment of that size, and its length. Nil
// without an error means that there is none: unfinished, or damaged.
func readHeader(fsys vfs.FS, file string, size int64) (h *header, length int64, err error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if size < headerMinimum {
		return nil, 0, nil
	}
	var v view
	v.reset(f, size)
	defer func() {
		if h == nil && err == nil && v.fault != nil {
			err = fmt.Errorf("%w: %w", errUnread, v.fault)
		}
	}()
	b := v.at(0, headerMinimum)
	length = int64(order.Uint32(b[8:]))
	if string(b[:8]) != headerMagic || length < headerMinimum || length > min(MaxHeader, size) {
		return nil, 0, nil
	}
	b = v.at(0, int(length))
	body := b[:length-4]
	if order.Uint32(b[len(body):]) != crc32.Checksum(body, castagnoli) {
		return nil, 0, nil
	}
	h, err = parseHeader(body)
	return h, length, err
}

// parseHeader reads a header whose checksum is right. Of an unknown version it
// reads what the name says, and returns ErrVersion with it.
func parseHeader(b []byte) (*header, error) {
	h := &header{begins: order.Uint64(b[40:]), first: order.Uint64(b[48:])}
	h.Incarnation, h.Window = Incarnation(b[16:32]), order.Uint64(b[32:])
	if version := order.Uint32(b[12:]); version != headerVersion {
		return h, fmt.Errorf("%w %d", ErrVersion, version)
	}
	h.Opened, h.FileRows = time.UnixMicro(int64(order.Uint64(b[56:]))).UTC(), order.Uint64(b[64:])
	rest := b[headerHead:]
	for i := range order.Uint32(b[72:]) {
		if len(rest) < tableHead {
			return h, fmt.Errorf("%w: header ends before table %d", ErrCorrupt, i)
		}
		n, d := int(order.Uint32(rest)), int(order.Uint32(rest[4:]))
		rest = rest[tableHead:]
		if n > len(rest) || d > len(rest)-n {
			return h, fmt.Errorf("%w: header ends within table %d", ErrCorrupt, i)
		}
		h.Tables = append(h.Tables, Table{Name: string(rest[:n]), Document: append([]byte(nil), rest[n:n+d]...)})
		rest = rest[n+d:]
	}
	if len(rest) != 0 {
		return h, fmt.Errorf("%w: header has %d bytes too many", ErrCorrupt, len(rest))
	}
	return h, nil
}

// unbounded is the end of a segment that none follows.
const unbounded = math.MaxUint64
