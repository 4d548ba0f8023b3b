// Sets of frame numbers, small enough to keep one for every file of a window.

package buffer

import "encoding/binary"

// frameSet is an ascending set of frame numbers: the varints of their differences,
// mostly one byte each. Its zero value is empty.
type frameSet struct {
	last   uint64
	deltas []byte
}

// add adds a number that is not less than any before it, and returns how many
// bytes the set has grown by.
func (s *frameSet) add(n uint64) int {
	if n == s.last {
		return 0
	}
	before := len(s.deltas)
	s.deltas = binary.AppendUvarint(s.deltas, n-s.last)
	s.last = n
	return len(s.deltas) - before
}

func (s *frameSet) has(n uint64) bool {
	if n == 0 || n >= s.last {
		return n != 0 && n == s.last
	}
	at := uint64(0)
	for rest := s.deltas; at < n; {
		delta, size := binary.Uvarint(rest)
		at += delta
		rest = rest[size:]
	}
	return at == n
}
