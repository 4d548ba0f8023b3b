package journal

// This file finds the frames of one segment, also behind bytes that are wrong.

import (
	"bytes"

	"parquay/buffer/journal/vfs"
)

// scan is the search through a segment.
type scan struct {
	view    view
	offset  int64 // of the frame that was found, or the place to look at next
	from    int64 // what is before is a header or frames
	trusted bool  // a frame belongs at offset: something intact ends there
	wasted  int64 // bytes of candidates that were no frames
	proof   string
}

// start begins with the frames at body; 0 means that the header is not valid.
func (s *scan) start(f vfs.File, size, body int64) {
	s.view.reset(f, size)
	s.offset, s.from, s.trusted, s.wasted, s.proof = body, body, body > 0, 0, ""
}

func (s *scan) close() error {
	if s.view.file == nil {
		return nil
	}
	err := s.view.file.Close()
	s.view.file = nil
	return err
}

// find looks for the next frame of the window below limit, and leaves its batches
// in r. Frames come in order, each once: a frame with an earlier sequence is one
// that a lost or misplaced write has brought back.
//
// A header that is intact and stands where a frame belongs is believed, so that
// the search goes on behind its frame and what a client wrote into that is never
// taken for a frame. Elsewhere only a right checksum is believed.
func (s *scan) find(r *reader, limit uint64) (head, bool) {
	for s.offset < s.view.size {
		rest := s.view.size - s.offset
		h, ok := readHead(r.inc, s.view.at(s.offset, int(min(frameHead, rest))))
		if !ok {
			if s.trusted && s.blank() {
				s.view.size = s.offset // what was written ahead is not a part of it
				break
			}
			s.search()
			continue
		}
		if int64(h.length) <= rest && h.sequence >= r.next && h.sequence < limit {
			frame := s.view.at(s.offset, h.length)
			switch {
			case h.intact(r.inc, frame):
				var err error
				if r.batches, err = h.decode(r.batches[:0], frame, len(r.header.Tables), &r.tenants); err == nil {
					return h, true
				}
				s.proof, s.trusted = err.Error(), true // it is a frame, whatever it says
			case !s.trusted:
				s.wasted += int64(h.length)
			}
		}
		if s.wasted > s.view.size {
			// Frames do not overlap, so these headers are forged.
			s.proof = "more frame headers than there can be frames"
			break
		}
		if s.trusted {
			s.offset += min(int64(h.length), rest)
		} else {
			s.search()
		}
	}
	s.offset = s.view.size
	return head{}, false
}

// accept goes behind the frame that was found.
func (s *scan) accept(h head) {
	s.offset += int64(h.length)
	s.from, s.trusted, s.proof = s.offset, true, ""
}

// search goes to the next place after offset where a frame might begin.
func (s *scan) search() {
	s.trusted = false
	for s.offset++; s.offset+frameMinimum <= s.view.size; {
		b := s.view.ahead(s.offset, frameMinimum)
		if i := bytes.Index(b, []byte(frameMagic)); i >= 0 {
			s.offset += int64(i)
			return
		}
		s.offset += int64(len(b) - len(frameMagic) + 1)
	}
	s.offset = s.view.size
}

// blank says whether there is nothing but zeros from offset on.
func (s *scan) blank() bool {
	for at := s.offset; at < s.view.size; {
		b := s.view.ahead(at, 1)
		if len(bytes.TrimLeft(b, "\x00")) > 0 {
			return false
		}
		at += int64(len(b))
	}
	return s.view.fault == nil || s.view.faultAt < s.offset
}

// bad says whether bytes before offset are neither header nor frame.
func (s *scan) bad() bool { return s.offset > s.from }

// certain says whether those bytes are more than an unfinished write.
func (s *scan) certain() bool { return s.proof != "" || s.unread() }

// unread says whether some of them could not be read.
func (s *scan) unread() bool { return s.view.fault != nil && s.view.faultAt >= s.from }

// reason says what is wrong with them.
func (s *scan) reason() string {
	switch {
	case s.proof != "":
		return s.proof
	case s.unread():
		return "unreadable: " + s.view.fault.Error()
	}
	return "no valid frame"
}
