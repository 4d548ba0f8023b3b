package writer

// This file has the bytes of a spool file checked whenever they are read.

import (
	"errors"
	"hash/crc32"
	"io"
	"sync"
)

// sumBlock is how much has a checksum of its own: what most readers read at once.
const sumBlock = 32 << 10

var sumTable = crc32.MakeTable(crc32.Castagnoli)

// blockSums are the checksums of a file's blocks, made of what is written. Nobody syncs
// a spool file. So the kernel may give back from its memory what was written, fail to
// write it to the disk without a word to anybody, and give back something else once it
// has needed that memory: after the file was read back, and before it is put (I4).
type blockSums struct {
	sums []uint32
	size int64
}

// add takes what was written next.
func (s *blockSums) add(p []byte) {
	for len(p) > 0 {
		within := int(s.size % sumBlock)
		if within == 0 {
			s.sums = append(s.sums, 0)
		}
		n := min(len(p), sumBlock-within)
		last := &s.sums[len(s.sums)-1]
		*last = crc32.Update(*last, sumTable, p[:n])
		s.size += int64(n)
		p = p[n:]
	}
}

// errOtherBytes is returned for a file that does not hold what was written to it.
var errOtherBytes = errors.New("the spool file holds other bytes than were written to it")

// sumBlocks has blocks that are read for a part of them.
var sumBlocks = sync.Pool{New: func() any { return new([sumBlock]byte) }}

// readAt reads from a file as its ReadAt does, whole blocks, and checks each.
func (s *blockSums) readAt(file io.ReaderAt, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		if at >= s.size {
			return n, io.EOF
		}
		block := at / sumBlock
		begin := block * sumBlock
		length := int(min(sumBlock, s.size-begin))
		if at == begin && len(p)-n >= length {
			err = s.readBlock(file, p[n:n+length], block)
			n += length
		} else {
			scratch := sumBlocks.Get().(*[sumBlock]byte)
			if err = s.readBlock(file, scratch[:length], block); err == nil {
				n += copy(p[n:], scratch[at-begin:length])
			}
			sumBlocks.Put(scratch)
		}
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (s *blockSums) readBlock(file io.ReaderAt, p []byte, block int64) error {
	if n, err := file.ReadAt(p, block*sumBlock); n < len(p) {
		if err == io.EOF {
			return errOtherBytes
		}
		return err
	}
	if crc32.Checksum(p, sumTable) != s.sums[block] {
		return errOtherBytes
	}
	return nil
}
