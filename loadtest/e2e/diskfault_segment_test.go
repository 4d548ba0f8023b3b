// What the tests know of the journal's format, from buffer/journal/FORMAT.md and by
// themselves: where in a segment its frames are.

package e2e

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
)

// extent is a part of a segment: its header, or a frame.
type extent struct {
	from, to int
	rows     int
}

// segment is one file of the journal.
type segment struct {
	name   string
	size   int
	header extent
	frames []extent
}

// readSegment finds the frames of an intact segment.
func readSegment(t *testing.T, name string) segment {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	number := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	s := segment{name: name, size: len(b)}
	s.header.to = number(8)
	for at := s.header.to; at+24 <= len(b) && bytes.HasPrefix(b[at:], []byte("\xffPQF")); {
		f := extent{from: at, to: at + number(at+4)}
		batch := at + 24
		for range number(at + 16) {
			f.rows += number(batch + 12)
			batch += 24 + number(batch) + number(batch+4) // the lengths of its bytes and its tenant's name
		}
		s.frames = append(s.frames, f)
		at = f.to
	}
	return s
}

// rows is how many all frames have.
func (s *segment) rows() int {
	n := 0
	for _, f := range s.frames {
		n += f.rows
	}
	return n
}

// lost is how many rows are lost when the bytes from and to are wrong: those of the
// frames that they touch, or all if they touch the header.
func (s *segment) lost(from, to int) int {
	if from < s.header.to {
		return s.rows()
	}
	n := 0
	for _, f := range s.frames {
		if f.from < to && from < f.to {
			n += f.rows
		}
	}
	return n
}
