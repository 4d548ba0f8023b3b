// Reading a body: as sent, then decompressed, never beyond what was reserved.

package server

import (
	"context"
	"io"
	"net/http"
)

// readText returns the request's body, decompressed, in a buffer of s.buffers. It
// opens the account before it reads anything, which is also when a client that
// waits for 100 Continue gets it.
func (s *Server) readText(w http.ResponseWriter, r *http.Request, p *post) (*buffer, error) {
	a := &p.account
	coding, err := contentCoding(r.Header)
	if err != nil {
		return nil, err
	}
	limit, size := s.cfg.MaxBody, capacity(r.ContentLength) // the least where the length is unknown: -1
	need := size
	if coding == identity {
		limit, need = min(limit, s.cfg.MaxDecoded), foreseen*size
	}
	if r.ContentLength > limit {
		return nil, tooLargeError{limit: limit}
	}
	if err := a.open(need); err != nil {
		return nil, err
	}
	a.text = size
	wire := s.buffers.get(size)
	p.body = bodyReader{w: w, src: r.Body, started: p.began}
	err = s.fill(wire, &p.body, tooLargeError{limit: limit}, a, 0)
	a.read = int64(len(wire.bytes))
	s.metrics.wireBytes.Add(float64(p.body.received))
	notesOf(w).received = p.body.received
	if err != nil {
		return nil, err
	}
	if coding == identity {
		return wire, nil
	}
	text, err := s.decompress(r.Context(), coding, wire, a)
	if err != nil {
		return nil, err
	}
	s.buffers.put(wire)
	return text, nil
}

// decompress returns what wire decompresses to. The whole body is at hand, so it
// never waits for the network: a slow client holds no decompressor.
func (s *Server) decompress(ctx context.Context, c coding, wire *buffer, a *account) (*buffer, error) {
	beside := int64(cap(wire.bytes))
	size := capacity(min(expansion*int64(len(wire.bytes)), s.cfg.MaxDecoded))
	if err := a.growText(size, beside); err != nil {
		return nil, err
	}
	inf, err := s.inflaters.get(ctx)
	if err != nil {
		return nil, err
	}
	defer s.inflaters.put(inf)
	src, err := inf.open(c, wire.bytes)
	if err != nil {
		return nil, err
	}
	text := s.buffers.get(size)
	err = s.fill(text, src, tooLargeError{limit: s.cfg.MaxDecoded, decoded: true}, a, beside)
	a.read = int64(len(text.bytes))
	if err != nil {
		return nil, err
	}
	return text, nil
}

// expansion is the first guess of how far a body decompresses. JSON events shrink
// to a fifth or less; a smaller guess is one doubling away.
const expansion = 4

// fill reads src to its end into b, which grows by doubling. The account covers
// every growth before it happens, beside bytes that are held elsewhere. More bytes
// than over allows are that error.
func (s *Server) fill(b *buffer, src io.Reader, over tooLargeError, a *account, beside int64) error {
	for {
		n, err := src.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case int64(len(b.bytes)) > over.limit:
			return over
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case len(b.bytes) < cap(b.bytes):
			continue
		}
		// Full: whether anything is left is asked for before the buffer grows,
		// since many bodies fill it exactly.
		var next [1]byte
		if n, err = readByte(src, &next); err == io.EOF && n == 0 {
			return nil
		} else if n == 0 {
			return err
		}
		if int64(len(b.bytes)) == over.limit {
			return over
		}
		if err := s.grow(b, over.limit, a, beside); err != nil {
			return err
		}
		b.bytes = append(b.bytes, next[0])
	}
}

// readByte reads one byte; n is 0 only with an error.
func readByte(src io.Reader, p *[1]byte) (n int, err error) {
	for n == 0 && err == nil {
		n, err = src.Read(p[:])
	}
	return n, err
}

// grow doubles a full buffer, but for what lies beyond limit.
func (s *Server) grow(b *buffer, limit int64, a *account, beside int64) error {
	size := capacity(min(2*int64(cap(b.bytes)), limit))
	if err := a.growText(size, int64(cap(b.bytes))+beside); err != nil {
		return err
	}
	larger := s.buffers.get(size)
	larger.bytes = append(larger.bytes, b.bytes...)
	*b, *larger = *larger, *b
	s.buffers.put(larger)
	return nil
}
