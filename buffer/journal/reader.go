package journal

// This file reads a window: the frames of its segments in order, with what is
// wrong in between told apart from what a crash has left unfinished.

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"parquay/buffer/journal/vfs"
)

// part is a segment as the reader sees it.
type part struct {
	file  string
	size  int64  // bytes to read
	body  int64  // where the frames begin; 0 if there is no valid header
	limit uint64 // all frames below it come here or before: a segment follows that begins with it

	unread bool // there was no reading the header
}

// reader reads the parts of one window.
type reader struct {
	fs     vfs.FS
	dir    string
	inc    Incarnation
	header *Header
	parts  []part // those not read yet, the current one first

	scan    scan
	next    uint64 // the lowest sequence that may come
	batches []Batch
	tenants tenants
	damage  []Damage
	torn    *Torn
}

// ReadSegment reads one segment by itself, without its window and without changing
// anything, for tools. It returns ErrCorrupt if the header is not valid; what is
// missing before and after the segment is not its concern.
func ReadSegment(fsys vfs.FS, file string) (Reader, error) {
	info, err := fsys.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read segment: %w", err)
	}
	h, length, err := readHeader(fsys, file, info.Size())
	if err == nil && h == nil {
		err = fmt.Errorf("%w: no valid header", ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("read segment %s: %w", file, err)
	}
	return &reader{
		fs: fsys, dir: path.Dir(file), inc: h.Incarnation, header: &h.Header, next: h.first,
		parts: []part{{file: path.Base(file), size: info.Size(), body: length, limit: unbounded}},
	}, nil
}

// Header is the window's header.
func (r *reader) Header() *Header { return r.header }

// Damage is the corruption met so far.
func (r *reader) Damage() []Damage { return r.damage }

// Torn is the tail behind the last frame.
func (r *reader) Torn() (Torn, bool) {
	if r.torn == nil {
		return Torn{}, false
	}
	return *r.torn, true
}

// Close releases the reader.
func (r *reader) Close() error {
	r.parts = nil
	return r.scan.close()
}

// Next returns the next frame.
func (r *reader) Next() (Frame, error) {
	for len(r.parts) > 0 {
		p := &r.parts[0]
		if r.scan.view.file == nil {
			f, err := r.fs.Open(path.Join(r.dir, p.file))
			if err != nil {
				return Frame{}, fmt.Errorf("read segment: %w", err)
			}
			r.scan.start(f, p.size, p.body)
		}
		h, found := r.scan.find(r, p.limit)
		if found {
			r.report(p, h.sequence)
			r.next = h.sequence + 1
			r.scan.accept(h)
			return Frame{Sequence: h.sequence, Batches: r.batches}, nil
		}
		r.leave(p)
		if err := r.scan.close(); err != nil {
			return Frame{}, fmt.Errorf("close segment: %w", err)
		}
		r.parts = r.parts[1:]
	}
	return Frame{}, io.EOF
}

// report notes what is wrong before the place the scan has reached, where the
// sequence has come to seq.
func (r *reader) report(p *part, seq uint64) {
	s := &r.scan
	switch {
	case s.bad():
		r.damage = append(r.damage, Damage{p.file, s.from, s.offset - s.from, seq - r.next, s.reason(), s.unread() || p.unread})
	case seq > r.next:
		r.damage = append(r.damage, Damage{p.file, s.offset, 0, seq - r.next, "frames are missing", false})
	}
}

// leave judges the end of a segment. If another follows, every frame below its
// first was durable before it was made: what is not here is lost. If none does, an
// unfinished tail is what a crash looks like.
func (r *reader) leave(p *part) {
	s := &r.scan
	switch {
	case p.limit != unbounded:
		r.report(p, max(r.next, p.limit))
		r.next = max(r.next, p.limit)
	case s.certain():
		r.report(p, r.next)
	case s.bad() || p.body == 0:
		r.torn = &Torn{p.file, s.from, s.offset - s.from}
	}
}

// headless is the reader of a window of which no segment has a header. If nothing
// proves that it had frames it is what a crash leaves of a segment just made; else
// there is no telling which tables their batches belong to.
func headless(r *reader, id WindowID) (Reader, error) {
	r.header = &Header{Incarnation: id.Incarnation, Window: id.Window}
	file := r.parts[0].file
	_, err := r.Next()
	if errors.Is(err, io.EOF) && len(r.damage) == 0 {
		return r, nil
	}
	switch {
	case slices.ContainsFunc(r.damage, func(d Damage) bool { return d.Unread }):
		err = fmt.Errorf("no header can be read: %s", r.damage[0]) // it may be there at another time
	case err == nil || errors.Is(err, io.EOF):
		err = fmt.Errorf("%w: %s: no segment has a valid header", ErrCorrupt, file)
	}
	return nil, errors.Join(fmt.Errorf("open window: %w", err), r.Close())
}
