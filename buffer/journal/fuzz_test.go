package journal_test

// This file damages windows at random.

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs/crashfs"
)

// original is a leftover journal whose windows fuzzing damages: window 1 has the
// frames 1 to 24 in several segments, and window 2 frame 25.
type original struct {
	inc   journal.Incarnation
	names []string
	files map[string][]byte
	spans map[uint64]span
}

// span is where a frame is.
type span struct {
	file     string
	from, to int
}

func newOriginal(f *testing.F) *original {
	fsys := crashfs.New(1)
	p := mediumtest.Start(f, storage(fsys, directory, smallSegments))
	p.Fill(1, 24)
	p.Fill(2, 1)
	p.Stop()
	o := &original{inc: p.Incarnation, files: map[string][]byte{}, spans: map[uint64]span{}}
	entries, err := fsys.ReadDir(directory)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "LOCK" {
			continue
		}
		name := directory + "/" + e.Name()
		content, err := fsys.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		o.names, o.files[name] = append(o.names, name), content
		r, err := journal.ReadSegment(fsys, name)
		if err != nil {
			f.Fatal(err)
		}
		frames, err := mediumtest.ReadAll(r)
		if err != nil {
			f.Fatal(err)
		}
		for _, frame := range frames {
			b := journal.AppendFrame(nil, o.inc, frame.Sequence, frame.Batches)
			at := bytes.Index(content, b)
			o.spans[frame.Sequence] = span{name, at, at + len(b)}
		}
	}
	return o
}

// damaged is a copy of the journal after the fuzzer's operations, five bytes each:
// what to do, to which file, where (2), and with what.
type damaged struct {
	*original
	fsys  *crashfs.FS
	hit   map[uint64]bool // frames that an operation has touched
	moved bool            // bytes were copied, so that a frame may be where it was not
}

func (o *original) damage(t *testing.T, operations []byte) *damaged {
	d := &damaged{original: o, fsys: crashfs.New(1), hit: map[uint64]bool{}}
	if err := d.fsys.MkdirAll(directory); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for name, content := range o.files {
		files[name] = slices.Clone(content)
	}
	for op := range slices.Chunk(operations, 5) {
		if len(op) == 5 {
			d.apply(files, op)
		}
	}
	for name, content := range files {
		if content == nil {
			continue
		}
		if err := d.fsys.WriteFile(name, content); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *damaged) apply(files map[string][]byte, op []byte) {
	name := d.names[int(op[1])%len(d.names)]
	content := files[name]
	if len(content) == 0 {
		return
	}
	at := (int(op[2])<<8 | int(op[3])) % len(content)
	switch op[0] % 5 {
	case 0: // flip bits
		content[at] ^= op[4] | 1
		d.touch(name, at, at+1)
	case 1: // truncate
		files[name] = content[:at]
		d.touch(name, at, len(content))
	case 2: // a block of zeros
		to := min(at+int(op[4])*4+1, len(content))
		clear(content[at:to])
		d.touch(name, at, to)
	case 3: // a block from elsewhere
		from := int(op[4]) * 16 % len(content)
		n := copy(content[at:], slices.Clone(content[from:min(from+512, len(content))]))
		d.touch(name, at, at+n)
		d.moved = true
	case 4: // remove the file
		files[name] = nil
		d.touch(name, 0, len(content))
	}
}

func (d *damaged) touch(file string, from, to int) {
	for seq, s := range d.spans {
		if s.file == file && s.from < to && from < s.to {
			d.hit[seq] = true
		}
	}
}

// FuzzReader damages a window and reads it: every frame that is returned is one that
// was written, in order, once; every frame that was not touched is returned; and
// what is missing is counted as damage.
func FuzzReader(f *testing.F) {
	o := newOriginal(f)
	f.Add([]byte{})
	for kind := range byte(5) {
		f.Add([]byte{kind, 1, 2, 100, 7})
		f.Add([]byte{kind, 0, 3, 200, 60, kind, 1, 2, 1, 90})
	}
	f.Fuzz(func(t *testing.T, operations []byte) {
		d := o.damage(t, operations)
		m, ok := next(t, d.fsys)
		if !ok {
			return
		}
		defer m.Close()
		if _, err := m.Windows(); err != nil {
			t.Fatal(err)
		}
		r, err := m.Open(journal.WindowID{Incarnation: o.inc, Window: 1})
		if err != nil {
			// Nothing but the loss of all headers keeps a window from being read.
			if intact := d.header(t); intact {
				t.Fatal(err)
			}
			return
		}
		defer r.Close()
		frames, err := mediumtest.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		d.check(t, frames, r)
	})
}

// header says whether a segment of window 1 has its header.
func (d *damaged) header(t *testing.T) bool {
	for _, name := range d.names[:len(d.names)-1] {
		r, err := journal.ReadSegment(d.fsys, name)
		if err == nil {
			_ = r.Close()
			return true
		}
		if errors.Is(err, journal.ErrVersion) {
			t.Fatal(err)
		}
	}
	return false
}

func (d *damaged) check(t *testing.T, frames []journal.Frame, r journal.Reader) {
	got := map[uint64]bool{}
	last := uint64(0)
	for _, f := range frames {
		if f.Sequence <= last || f.Sequence > 24 {
			t.Fatalf("frame %d after %d", f.Sequence, last)
		}
		last = f.Sequence
		got[last] = true
		if !mediumtest.Equal([]journal.Frame{f}, mediumtest.Frames(f.Sequence, 1)) {
			t.Fatalf("frame %d is altered", f.Sequence)
		}
	}
	if !d.moved {
		for seq := range uint64(24) {
			if !d.hit[seq+1] && !got[seq+1] {
				t.Fatalf("frame %d is intact and was not read; damage %v", seq+1, r.Damage())
			}
		}
	}
	var lost uint64
	for _, damage := range r.Damage() {
		lost += damage.Frames
	}
	// Window 2 proves that there were 24, if its own header is there to say so.
	following, err := journal.ReadSegment(d.fsys, d.names[len(d.names)-1])
	if err != nil {
		return
	}
	_ = following.Close()
	if len(frames)+int(lost) != 24 {
		t.Fatalf("%d frames were read and %d counted as lost; damage %v", len(frames), lost, r.Damage())
	}
	if torn, ok := r.Torn(); ok {
		t.Fatalf("torn %v before another window", torn)
	}
}
