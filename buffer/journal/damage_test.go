package journal_test

// This file damages segments and asks what a reader makes of them.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs/crashfs"
)

// medium is a leftover journal of three windows, to be damaged: window 1 has the
// frames 1 to 30 in several segments, window 2 the frames 31 to 33 in one, window 3,
// the last of its incarnation, 34 to 45 in several.
type medium struct {
	*crashfs.FS
	t   *testing.T
	inc journal.Incarnation
}

func newMedium(t *testing.T) *medium {
	t.Helper()
	fsys := crashfs.New(1)
	p := mediumtest.Start(t, storage(fsys, directory, smallSegments))
	p.Fill(1, 30)
	p.Fill(2, 3)
	p.Fill(3, 12)
	p.Stop()
	fsys.Kill()
	return &medium{fsys.Reopen(), t, p.Incarnation}
}

// segments lists the paths of a window's segments in order.
func (m *medium) segments(window uint64) []string {
	m.t.Helper()
	entries, err := m.ReadDir(directory)
	if err != nil {
		m.t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), fmt.Sprintf("%s-%08d-", m.inc, window)) {
			files = append(files, path.Join(directory, e.Name()))
		}
	}
	return files
}

func (m *medium) content(file string) []byte {
	m.t.Helper()
	b, err := m.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	return b
}

func (m *medium) replace(file string, content []byte) {
	m.t.Helper()
	if err := m.WriteFile(file, content); err != nil {
		m.t.Fatal(err)
	}
}

func (m *medium) remove(file string) {
	m.t.Helper()
	if err := m.Remove(file); err != nil {
		m.t.Fatal(err)
	}
}

func (m *medium) rename(file, name string) {
	m.t.Helper()
	if err := m.Rename(file, name); err != nil {
		m.t.Fatal(err)
	}
}

// frame is the bytes of a frame, and where they are.
func (m *medium) frame(seq uint64) (file string, at int, frame []byte) {
	m.t.Helper()
	frame = journal.AppendFrame(nil, m.inc, seq, mediumtest.Batches(seq))
	for window := range uint64(4) {
		for _, file := range m.segments(window) {
			if at := bytes.Index(m.content(file), frame); at >= 0 {
				return file, at, frame
			}
		}
	}
	m.t.Fatalf("no frame %d", seq)
	return "", 0, nil
}

// flip changes a byte of a frame; at counts from its end if it is negative.
func (m *medium) flip(seq uint64, at int) {
	file, from, frame := m.frame(seq)
	if at < 0 {
		at += len(frame)
	}
	b := m.content(file)
	b[from+at] ^= 1
	m.replace(file, b)
}

// cut ends a file bytes after the start of a frame.
func (m *medium) cut(seq uint64, bytes int) {
	file, at, _ := m.frame(seq)
	m.replace(file, m.content(file)[:at+bytes])
}

// append puts bytes behind the last frame of all.
func (m *medium) append(b []byte) {
	file, at, frame := m.frame(45)
	m.replace(file, append(m.content(file)[:at+len(frame)], b...))
}

// last is the last frame of a segment.
func (m *medium) last(file string) uint64 {
	m.t.Helper()
	r, err := journal.ReadSegment(m, file)
	if err != nil {
		m.t.Fatal(err)
	}
	frames, err := mediumtest.ReadAll(r)
	if err != nil || len(frames) == 0 {
		m.t.Fatal(len(frames), err)
	}
	return frames[len(frames)-1].Sequence
}

// result is what a reader says of a window.
type result struct {
	Err    error // of Open
	Missed []uint64
	Lost   uint64 // the frames that the damage counts
	Places int    // of damage
	Torn   int64  // bytes; -1 for none
}

// read reads a window that had the frames from first to last.
func (m *medium) read(window, first, last uint64) (result, []journal.Damage) {
	m.t.Helper()
	d, err := journal.OpenDisk(m, directory, journal.NewIncarnation(), journal.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	defer d.Close()
	r, err := d.Open(journal.WindowID{Incarnation: m.inc, Window: window})
	if err != nil {
		for _, known := range []error{journal.ErrCorrupt, journal.ErrVersion} {
			if errors.Is(err, known) {
				return result{Err: known, Torn: -1}, nil
			}
		}
		m.t.Fatal(err)
	}
	defer r.Close()
	got, err := mediumtest.ReadAll(r)
	if err != nil {
		m.t.Fatal(err)
	}
	res := result{Torn: -1}
	for seq := first; seq <= last; seq++ {
		want := journal.Frame{Sequence: seq, Batches: mediumtest.Batches(seq)}
		switch {
		case len(got) == 0 || got[0].Sequence != seq:
			res.Missed = append(res.Missed, seq)
		case !mediumtest.Equal(got[:1], []journal.Frame{want}):
			m.t.Fatalf("frame %d is altered", seq)
		default:
			got = got[1:]
		}
	}
	if len(got) > 0 {
		m.t.Fatalf("frame %d from nowhere", got[0].Sequence)
	}
	for _, d := range r.Damage() {
		res.Lost += d.Frames
		res.Places++
	}
	if torn, ok := r.Torn(); ok {
		res.Torn = torn.Bytes
	}
	return res, r.Damage()
}

// fine is the result of a window without damage.
var fine = result{Torn: -1}

func TestDamage(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(m *medium)
		window uint64
		want   result
	}{
		{"none", func(*medium) {}, 1, fine},

		// One frame costs one frame, wherever it is hit.
		{"a bit of a frame's body", func(m *medium) { m.flip(5, 60) }, 1, result{Missed: []uint64{5}, Lost: 1, Places: 1, Torn: -1}},
		{"a bit of its magic", func(m *medium) { m.flip(5, 0) }, 1, result{Missed: []uint64{5}, Lost: 1, Places: 1, Torn: -1}},
		{"a bit of its length", func(m *medium) { m.flip(5, 4) }, 1, result{Missed: []uint64{5}, Lost: 1, Places: 1, Torn: -1}},
		{"a high bit of its length", func(m *medium) { m.flip(5, 7) }, 1, result{Missed: []uint64{5}, Lost: 1, Places: 1, Torn: -1}},
		{"a bit of its sequence", func(m *medium) { m.flip(5, 8) }, 1, result{Missed: []uint64{5}, Lost: 1, Places: 1, Torn: -1}},
		{"a bit of its checksum", func(m *medium) { m.flip(5, -1) }, 1, result{Missed: []uint64{5}, Lost: 1, Places: 1, Torn: -1}},
		{"the first frame", func(m *medium) { m.flip(1, 9) }, 1, result{Missed: []uint64{1}, Lost: 1, Places: 1, Torn: -1}},
		{"two frames apart", func(m *medium) { m.flip(2, 30); m.flip(7, 3) }, 1, result{Missed: []uint64{2, 7}, Lost: 2, Places: 2, Torn: -1}},
		{"two in a row", func(m *medium) { m.flip(2, 30); m.flip(3, 3) }, 1, result{Missed: []uint64{2, 3}, Lost: 2, Places: 1, Torn: -1}},

		// The end of the last window is where a crash leaves its traces.
		{"the last frame of all", func(m *medium) { m.flip(45, 30) }, 3, result{Missed: []uint64{45}, Torn: int64(journal.FrameSize(mediumtest.Batches(45)))}},
		{"half of the last frame of all", func(m *medium) { m.cut(45, 30) }, 3, result{Missed: []uint64{45}, Torn: 30}},
		{"three bytes of it", func(m *medium) { m.cut(45, 3) }, 3, result{Missed: []uint64{45}, Torn: 3}},
		{"zeros behind it", func(m *medium) { m.append(make([]byte, 5000)) }, 3, fine},
		{"a few zeros behind it", func(m *medium) { m.append(make([]byte, 5)) }, 3, fine},
		{"no zeros behind it", func(m *medium) { m.append(nil) }, 3, fine},
		{"a byte behind zeros", func(m *medium) { m.append(append(make([]byte, 5000), 1)) }, 3, result{Torn: 5001}},
		{"zeros in the place of a frame", func(m *medium) {
			file, at, frame := m.frame(5)
			b := m.content(file)
			clear(b[at : at+len(frame)])
			m.replace(file, b)
		}, 1, result{Missed: []uint64{5}, Lost: 1, Places: 1, Torn: -1}},
		{"zeros in the place of a segment's last frames", func(m *medium) {
			file, at, _ := m.frame(8)
			b := m.content(file)
			clear(b[at:])
			m.replace(file, b)
		}, 1, result{Missed: []uint64{8, 9}, Lost: 2, Places: 1, Torn: -1}},
		{"a new segment without a byte", func(m *medium) {
			m.replace(fmt.Sprintf("%s/%s-%08d-%012d.journal", directory, m.inc, 3, 46), nil)
		}, 3, result{Torn: 0}},
		{"a new segment with half a header", func(m *medium) {
			file := m.segments(3)[0]
			m.replace(fmt.Sprintf("%s/%s-%08d-%012d.journal", directory, m.inc, 3, 46), m.content(file)[:50])
		}, 3, result{Torn: 50}},
		{"a new segment with a deleted one's bytes", func(m *medium) {
			file := m.segments(1)[0]
			m.replace(fmt.Sprintf("%s/%s-%08d-%012d.journal", directory, m.inc, 3, 46), m.content(file)[:1000])
		}, 3, result{Torn: 1000}},

		// Anywhere else something follows that proves that there was more.
		{"the last frame of a segment", func(m *medium) { m.flip(m.last(m.segments(1)[0]), 30) }, 1, result{Missed: []uint64{9}, Lost: 1, Places: 1, Torn: -1}},
		{"the last frame of a window", func(m *medium) { m.flip(30, 30) }, 1, result{Missed: []uint64{30}, Lost: 1, Places: 1, Torn: -1}},
		{"a segment without its last two frames", func(m *medium) { m.cut(8, 0) }, 1, result{Missed: []uint64{8, 9}, Lost: 2, Places: 1, Torn: -1}},
		{"a window without its last two frames", func(m *medium) { m.cut(32, 0) }, 2, result{Missed: []uint64{32, 33}, Lost: 2, Places: 1, Torn: -1}},
		{"a window without frames", func(m *medium) { m.cut(31, 0) }, 2, result{Missed: []uint64{31, 32, 33}, Lost: 3, Places: 1, Torn: -1}},
		{"bytes behind a finished segment", func(m *medium) {
			file := m.segments(1)[0]
			m.replace(file, append(m.content(file), "more"...))
		}, 1, result{Places: 1, Torn: -1}},
		{"a missing segment", func(m *medium) { m.remove(m.segments(1)[1]) }, 1, result{Missed: seqs(10, 17), Lost: 8, Places: 1, Torn: -1}},
		{"a missing first segment", func(m *medium) { m.remove(m.segments(1)[0]) }, 1, result{Missed: seqs(1, 9), Lost: 9, Places: 1, Torn: -1}},
		{"a missing last segment", func(m *medium) { m.remove(slices.Max(m.segments(1))) }, 1, result{Missed: seqs(25, 30), Lost: 6, Places: 1, Torn: -1}},
		{"an empty segment in between", func(m *medium) { m.replace(m.segments(1)[1], nil) }, 1, result{Missed: seqs(10, 17), Lost: 8, Places: 1, Torn: -1}},
		{"a missing first segment of the next window", func(m *medium) { m.remove(m.segments(3)[0]) }, 2, fine},

		// A header can be had from another segment of the window.
		{"a segment's header", func(m *medium) { header(m, m.segments(1)[1]) }, 1, result{Places: 1, Torn: -1}},
		{"the first segment's header", func(m *medium) { header(m, m.segments(1)[0]) }, 1, result{Places: 1, Torn: -1}},
		{"the headers of all segments", func(m *medium) {
			for _, file := range m.segments(1) {
				header(m, file)
			}
		}, 1, result{Err: journal.ErrCorrupt, Torn: -1}},
		{"the only header of the last window", func(m *medium) {
			for _, file := range m.segments(3)[1:] {
				m.remove(file)
			}
			header(m, m.segments(3)[0])
		}, 3, result{Err: journal.ErrCorrupt, Torn: -1}},
		{"a last window that has no frame yet", func(m *medium) {
			for _, file := range m.segments(3)[1:] {
				m.remove(file)
			}
			file := m.segments(3)[0]
			m.replace(file, m.content(file)[:100])
		}, 3, result{Missed: seqs(34, 45), Torn: 100}},
		{"a window without frames or header, and one after it", func(m *medium) { m.replace(m.segments(2)[0], nil) }, 2, result{Err: journal.ErrCorrupt, Torn: -1}},
		{"a newer version", func(m *medium) { newer(m, m.segments(2)[0]) }, 2, result{Err: journal.ErrVersion, Torn: -1}},

		// What was written elsewhere or before is no frame here.
		{"a frame twice", func(m *medium) {
			file, at, frame := m.frame(3)
			m.replace(file, slices.Insert(m.content(file), at, frame...))
		}, 1, result{Places: 1, Torn: -1}},
		{"an earlier frame in the place of a later one", func(m *medium) {
			_, _, old := m.frame(2)
			file, at, frame := m.frame(6)
			m.replace(file, slices.Replace(m.content(file), at, at+len(frame), old...))
		}, 1, result{Missed: []uint64{6}, Lost: 1, Places: 1, Torn: -1}},
		{"a later segment's frame", func(m *medium) {
			_, _, late := m.frame(20)
			file, at, _ := m.frame(6)
			m.replace(file, slices.Insert(m.content(file), at, late...))
		}, 1, result{Places: 1, Torn: -1}},
		{"another process's frame", func(m *medium) {
			alien := journal.AppendFrame(nil, journal.NewIncarnation(), 46, mediumtest.Batches(46))
			m.append(alien)
		}, 3, result{Torn: int64(journal.FrameSize(mediumtest.Batches(46)))}},

		// A right checksum over wrong content is no crash.
		{"a frame of an unknown table", func(m *medium) {
			m.append(journal.AppendFrame(nil, m.inc, 46, []journal.Batch{{Table: 2}}))
		}, 3, result{Places: 1, Torn: -1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMedium(t)
			test.damage(m)
			windows := [][2]uint64{1: {1, 30}, 2: {31, 33}, 3: {34, 45}}
			got, damage := m.read(test.window, windows[test.window][0], windows[test.window][1])
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
				t.Errorf("(-want +got):\n%s%v", diff, damage)
			}
		})
	}
}

func seqs(from, to uint64) (all []uint64) {
	for seq := from; seq <= to; seq++ {
		all = append(all, seq)
	}
	return all
}

// header flips a bit of a segment's header.
func header(m *medium, file string) {
	b := m.content(file)
	b[40] ^= 1
	m.replace(file, b)
}

// newer makes a segment one of a later version of the format.
func newer(m *medium, file string) {
	b := m.content(file)
	length := binary.LittleEndian.Uint32(b[8:])
	binary.LittleEndian.PutUint32(b[12:], 2)
	sum := crc32.Checksum(b[:length-4], crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(b[length-4:], sum)
	m.replace(file, b)
}

// The address of damage is that of the bytes that are wrong.
func TestDamageAddress(t *testing.T) {
	m := newMedium(t)
	file, at, frame := m.frame(5)
	m.flip(5, 40)
	_, damage := m.read(1, 1, 30)
	want := []journal.Damage{{File: path.Base(file), Offset: int64(at), Bytes: int64(len(frame)), Frames: 1, Reason: "no valid frame"}}
	if diff := cmp.Diff(want, damage); diff != "" {
		t.Error(diff)
	}
}

// What a client wrote is never taken for a frame, not even when the frame that holds
// it is damaged and it is one, made by someone who knows the incarnation (I8).
func TestFrameInsideFrame(t *testing.T) {
	m := newMedium(t)
	forged := journal.AppendFrame(nil, m.inc, 47, []journal.Batch{{Tenant: "victim", Rows: 1}})
	content := journal.AppendFrame(nil, m.inc, 46, []journal.Batch{{Tenant: "mallory", Rows: 1, Bytes: forged}})
	content[25] ^= 1 // of the batch's length
	m.append(journal.AppendFrame(content, m.inc, 47, mediumtest.Batches(47)))
	got, damage := m.read(3, 34, 47)
	want := result{Missed: []uint64{46}, Lost: 1, Places: 1, Torn: -1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s%v", diff, damage)
	}
}

// Headers forged by the thousand, each of a large frame, cost no more than reading
// the segment twice.
func TestForgedHeaders(t *testing.T) {
	m := newMedium(t)
	content := []byte{1} // so that no frame is expected where they begin
	head := journal.AppendFrame(nil, m.inc, 46, []journal.Batch{{Bytes: make([]byte, 1<<20)}})[:24]
	for range 100_000 {
		content = append(content, head...)
	}
	m.append(content)
	var read int64
	m.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.Read {
			read += int64(op.Bytes)
		}
		return crashfs.Done
	})
	got, _ := m.read(3, 34, 45)
	if diff := cmp.Diff(result{Places: 1, Torn: -1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if most := 4 * int64(len(content)); read > most {
		t.Errorf("read %d bytes of a segment of %d", read, len(content))
	}
}

// Bytes that look like the start of frames cost one look each.
func TestFalseMagic(t *testing.T) {
	m := newMedium(t)
	content := bytes.Repeat([]byte("\xffPQF"), 1<<18)
	m.append(content)
	var read int64
	m.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.Read {
			read += int64(op.Bytes)
		}
		return crashfs.Done
	})
	got, _ := m.read(3, 34, 45)
	if diff := cmp.Diff(result{Torn: 1 << 20}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if most := 2 * int64(len(content)); read > most {
		t.Errorf("read %d bytes of a segment of %d", read, len(content))
	}
}

// A page that can't be read costs the frames that it holds a part of, and is never
// taken for a torn tail. One that can be read the second time costs nothing.
func TestUnreadable(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func(op crashfs.Op, tries int) bool
		want func(frames int) bool
		lost bool
	}{
		{"always", func(op crashfs.Op, _ int) bool {
			return op.Offset <= 8192 && op.Offset+int64(op.Bytes) > 8192
		}, func(frames int) bool { return frames > 10 && frames < 200 }, true},
		{"once", func(_ crashfs.Op, tries int) bool { return tries == 1 }, func(frames int) bool { return frames == 200 }, false},
		{"the end", func(op crashfs.Op, _ int) bool { return op.Offset+int64(op.Bytes) > 16384 }, func(frames int) bool { return frames > 10 && frames < 200 }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys := crashfs.New(1)
			p := mediumtest.Start(t, storage(fsys, directory, journal.Options{}))
			id := p.Fill(1, 200)
			p.Stop()
			fsys.Kill()
			fsys = fsys.Reopen()
			m, _ := next(t, fsys)
			tries := 0
			fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
				if op.Kind != crashfs.Read {
					return crashfs.Done
				}
				if tries++; test.fail(op, tries) {
					return crashfs.Fail
				}
				return crashfs.Done
			})
			r, err := m.Open(id)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			frames, err := mediumtest.ReadAll(r)
			if err != nil || !test.want(len(frames)) {
				t.Errorf("%d frames, %v", len(frames), err)
			}
			damage := r.Damage()
			if test.lost != (len(damage) == 1 && strings.Contains(damage[0].Reason, "unreadable")) {
				t.Errorf("damage %v", damage)
			}
			if torn, ok := r.Torn(); ok {
				t.Errorf("torn %v", torn)
			}
		})
	}
}

// Bytes that can't be read are not taken for the zeros behind the last frame.
func TestUnreadableIsNotBlank(t *testing.T) {
	fsys := crashfs.New(1)
	p := mediumtest.Start(t, storage(fsys, directory, journal.Options{Ahead: -1}))
	id := p.Fill(1, 1)
	// The next frame ends where the third page begins, which can't be read.
	batch := journal.Batch{Tenant: "acme", Rows: 1}
	batch.Bytes = make([]byte, 2*4096-int(p.Usage())-journal.FrameSize([]journal.Batch{batch}))
	frame := journal.AppendFrame(nil, p.Incarnation, 2, []journal.Batch{batch})
	if _, err := p.Medium.Append(p.Header(1), 2, frame, true); err != nil {
		t.Fatal(err)
	}
	p.Sequence = 2
	p.Fill(1, 3)
	p.Stop()
	m, _ := next(t, fsys)
	fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
		if op.Kind == crashfs.Read && op.Offset+int64(op.Bytes) > 2*4096 {
			return crashfs.Fail
		}
		return crashfs.Done
	})
	r, err := m.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	frames, err := mediumtest.ReadAll(r)
	if damage := r.Damage(); err != nil || len(frames) != 2 || len(damage) != 1 || damage[0].Offset != 2*4096 {
		t.Errorf("%d frames, damage %v, %v", len(frames), damage, err)
	}
}

// A header that can't be read is not known to be damaged, though what follows is read:
// the window is not corrupt, but to be opened again.
func TestUnreadableHeader(t *testing.T) {
	for fails := 1; fails <= 6; fails++ {
		fsys := crashfs.New(1)
		p := mediumtest.Start(t, storage(fsys, directory, journal.Options{}))
		id := p.Fill(1, 3)
		p.Stop()
		m, _ := next(t, fsys)
		reads := 0
		fsys.Inject(func(op crashfs.Op) crashfs.Outcome {
			if op.Kind == crashfs.Read && op.Offset == 0 {
				if reads++; reads <= fails {
					return crashfs.Fail
				}
			}
			return crashfs.Done
		})
		for opened := false; !opened; {
			r, err := m.Open(id)
			if errors.Is(err, journal.ErrCorrupt) {
				t.Fatalf("after %d reads that failed: %v", fails, err)
			}
			if opened = err == nil; opened {
				frames, err := mediumtest.ReadAll(r)
				if err != nil || len(frames) != 3 || len(r.Damage()) > 0 {
					t.Errorf("%d frames, damage %v, %v", len(frames), r.Damage(), err)
				}
				r.Close()
			}
		}
	}
}
