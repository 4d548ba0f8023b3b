package journal

// This file reads a segment through one buffer.

import (
	"fmt"

	"parquay/buffer/journal/vfs"
)

const (
	viewBytes = 256 << 10 // read at once, where so much is left
	page      = 4096      // what a disk loses at least when it can't read
)

// view is a segment's bytes. Its buffer grows to the largest frame that was asked
// for and is used again for the next segment.
type view struct {
	file vfs.File
	size int64  // bytes that may be read
	from int64  // offset of buf in the file
	buf  []byte // what was read last

	fault   error // why the last bytes that could not be read could not
	faultAt int64 // the highest place where that was so
}

// reset makes it the view of another file.
func (v *view) reset(f vfs.File, size int64) {
	*v = view{file: f, size: size, buf: v.buf[:0]}
}

// at returns n bytes at off, valid until the next call; off+n is within size.
// Bytes that can't be read are zeros, and fault says so: they fail the checksum of
// the frame they belong to, and cost no other.
func (v *view) at(off int64, n int) []byte {
	if off < v.from || off+int64(n) > v.from+int64(len(v.buf)) {
		v.load(off, n)
	}
	i := int(off - v.from)
	return v.buf[i : i+n : i+n]
}

// ahead is like at, but returns more than n bytes where more are at hand.
func (v *view) ahead(off int64, n int) []byte {
	v.at(off, n)
	return v.buf[off-v.from:]
}

func (v *view) load(off int64, n int) {
	size := int(min(max(int64(n), viewBytes), v.size-off))
	if cap(v.buf) < size {
		v.buf = make([]byte, min(int64(max(size, 2*cap(v.buf))), v.size-off))
	}
	v.from, v.buf = off, v.buf[:size]
	if read, _ := v.file.ReadAt(v.buf, off); read == size {
		return
	}
	// Once more, page by page: one that can't be read shall not cost the others.
	for i := 0; i < size; {
		to := min(i+page-int((off+int64(i))%page), size)
		if read, err := v.file.ReadAt(v.buf[i:to], off+int64(i)); read < to-i {
			v.lose(i, v.buf[i+read:to], err)
		}
		i = to
	}
}

func (v *view) lose(at int, part []byte, err error) {
	clear(part)
	v.faultAt = max(v.faultAt, v.from+int64(at+len(part)-1))
	v.fault = fmt.Errorf("read at %d: %w", v.from+int64(at), err)
}
