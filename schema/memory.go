package schema

import "sync"

// The memory of batches, used again.

const (
	// minKept is the least memory that is kept: Go's allocator deals with less as fast,
	// and knows sizes of less by finer steps.
	minKept = 32 << 10
	// maxKept is the most. Larger batches are rare, and a handful of them would hold
	// the memory of thousands.
	maxKept = 1 << 20
	// keptStep is how far kept sizes lie apart: what Go's allocator rounds such sizes up
	// to anyway, so that no more is held than without.
	keptStep = 8 << 10
)

// Memory keeps the bytes of batches that were freed for those to come: by size, so that
// a small batch never holds the memory of a large one. It has no bound of its own, and
// needs none: two collections of garbage empty it, and what lies in it counts against
// the runtime's limit as garbage does. A nil Memory keeps nothing. It is safe for
// concurrent use.
type Memory struct {
	// Poison has bytes that are freed overwritten, so that whoever still reads them
	// finds nothing that looks like a batch. Tests set it; under the race detector it
	// is always so.
	Poison bool

	sizes [maxKept/keptStep + 1]sync.Pool // of *[]byte, whose capacity is keptStep times the index
}

// Take returns memory for size bytes, with none in it.
func (m *Memory) Take(size int) []byte {
	if m == nil || size < minKept || size > maxKept {
		return make([]byte, 0, size)
	}
	steps := (size + keptStep - 1) / keptStep
	if b, ok := m.sizes[steps].Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 0, steps*keptStep)
}

// Give takes memory of Take back. Nobody may refer to it any more.
func (m *Memory) Give(b []byte) {
	if m == nil {
		return
	}
	if m.Poison || raced {
		poison(b[:cap(b)])
	}
	if n := cap(b); n >= minKept && n <= maxKept && n%keptStep == 0 {
		kept := b[:0]
		m.sizes[n/keptStep].Put(&kept)
	}
}

// poison makes bytes of which none can be a batch's first.
func poison(b []byte) {
	if len(b) == 0 {
		return
	}
	b[0] = 0xdb
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}
