// Buffers for bodies and answers, reused by size.

package server

import (
	"math/bits"
	"sync"
)

const (
	// minBuffer holds most single events, and is about what a connection costs
	// anyway, so that reserving less would count nothing real.
	minBuffer = 4 << 10
	// maxPooled is the largest buffer that is kept for reuse. Larger bodies are
	// rare, and a handful of their buffers would hold the memory of thousands.
	maxPooled = 1 << 20

	bufferClasses = 9 // minBuffer << 8 == maxPooled
)

// buffer is bytes with room to grow into.
type buffer struct{ bytes []byte }

// buffers keeps buffers of 4 KiB, 8 KiB and so on to 1 MiB apart, so that a small
// body never holds a large buffer that its account does not cover.
type buffers struct {
	classes [bufferClasses]sync.Pool
}

// capacity is what get gives for a size: the next power of two, or, for sizes
// that are not kept, the size itself.
func capacity(size int64) int64 {
	switch {
	case size <= minBuffer:
		return minBuffer
	case size > maxPooled:
		return size
	}
	return 1 << bits.Len64(uint64(size-1))
}

func class(capacity int64) int { return bits.Len64(uint64(capacity/minBuffer)) - 1 }

// get returns an empty buffer of capacity(size).
func (p *buffers) get(size int64) *buffer {
	c := capacity(size)
	if c <= maxPooled {
		if b, ok := p.classes[class(c)].Get().(*buffer); ok {
			return b
		}
	}
	return &buffer{bytes: make([]byte, 0, c)}
}

// put takes a buffer of get back. Nobody may use its bytes any more.
func (p *buffers) put(b *buffer) {
	if c := int64(cap(b.bytes)); c <= maxPooled {
		b.bytes = b.bytes[:0]
		p.classes[class(c)].Put(b)
	}
}
