package journal

// This file tests the form of frames and headers from inside, against bytes that
// nobody has written.

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// FuzzFrame reads arbitrary bytes as a frame, as they are and with right checksums
// put on them. What is accepted is the form of what it was read as.
func FuzzFrame(f *testing.F) {
	inc := Incarnation{1, 2, 3}
	f.Add(AppendFrame(nil, inc, 7, nil))
	f.Add(AppendFrame(nil, inc, 7, []Batch{{Table: 1, Tenant: "acme", Hour: -3, Rows: 9, Bytes: []byte("bytes")}, {}}))
	f.Add([]byte(frameMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		accept(t, inc, b)
		if len(b) < frameMinimum {
			return
		}
		b = slices.Clone(b)
		copy(b, frameMagic)
		order.PutUint32(b[4:], uint32(len(b)))
		order.PutUint32(b[20:], headCheck(inc, b[:20]))
		body := b[:len(b)-frameTail]
		order.PutUint32(b[len(body):], checksum(inc, order.Uint64(b[8:]), body))
		accept(t, inc, b)
	})
}

func accept(t *testing.T, inc Incarnation, b []byte) {
	h, ok := readHead(inc, b)
	if !ok || h.length > len(b) || !h.intact(inc, b[:h.length]) {
		return
	}
	batches, err := h.decode(nil, b[:h.length], 1<<20, new(tenants))
	if most := len(b) / batchHead; len(batches) > most || cap(batches) > 2*most+8 {
		t.Fatalf("%d batches (memory for %d) of %d bytes", len(batches), cap(batches), len(b))
	}
	if err != nil {
		return
	}
	if again := AppendFrame(nil, inc, h.sequence, batches); !bytes.Equal(again, b[:h.length]) {
		t.Fatalf("%x was read as %v, which is %x", b[:h.length], batches, again)
	}
}

// FuzzHeader does the same with a segment's header.
func FuzzHeader(f *testing.F) {
	h := header{Header: Header{Incarnation: Incarnation{1}, Window: 2, Tables: []Table{{"events", []byte("{}")}, {}}}, begins: 3, first: 4}
	b, err := h.append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:len(b)-4])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headerHead {
			return
		}
		h, err := parseHeader(b)
		if err != nil {
			return
		}
		if len(h.Tables) > len(b)/tableHead {
			t.Fatalf("%d tables of %d bytes", len(h.Tables), len(b))
		}
		again, err := h.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		// The magic and the length are not parseHeader's to look at.
		if !bytes.Equal(again[12:len(again)-4], b[12:]) {
			t.Fatalf("%x was read as %v, which is %x", b, h, again)
		}
	})
}

// Every frame is read as it was made, and FrameSize foretells its length.
func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inc := Incarnation(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "incarnation"))
		seq := rapid.Uint64().Draw(t, "sequence")
		want := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Batch {
			return Batch{
				Table:  rapid.IntRange(0, 9).Draw(t, "table"),
				Tenant: rapid.String().Draw(t, "tenant"),
				Hour:   rapid.Int64().Draw(t, "hour"),
				Rows:   rapid.IntRange(0, 1<<32-1).Draw(t, "rows"),
				Bytes:  rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"),
			}
		}), 0, 8).Draw(t, "batches")
		before := []byte("what was there")
		frame := AppendFrame(before, inc, seq, want)[len(before):]
		if len(frame) != FrameSize(want) {
			t.Fatalf("%d bytes, FrameSize says %d", len(frame), FrameSize(want))
		}
		h, ok := readHead(inc, frame)
		if !ok || h.length != len(frame) || h.sequence != seq || !h.intact(inc, frame) {
			t.Fatalf("head %v, %v", h, ok)
		}
		got, err := h.decode([]Batch{}, frame, 10, new(tenants))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
		// Any flipped bit is found, and so are another incarnation and sequence.
		bit := rapid.IntRange(0, 8*len(frame)-1).Draw(t, "bit")
		frame[bit/8] ^= 1 << (bit % 8)
		if h, ok := readHead(inc, frame); ok && h.length == len(frame) && h.intact(inc, frame) {
			t.Fatalf("bit %d makes no difference", bit)
		}
		frame[bit/8] ^= 1 << (bit % 8)
		inc[bit%16] ^= 1
		if _, ok := readHead(inc, frame); ok {
			t.Fatal("another incarnation's frame passes")
		}
		inc[bit%16] ^= 1
		h.sequence++
		if h.intact(inc, frame) {
			t.Fatal("another sequence's frame passes")
		}
	})
}

// A length that no frame has is not believed, whatever the check says.
func TestImpossibleLength(t *testing.T) {
	for _, length := range []uint32{0, frameMinimum - 1, MaxFrame + 1, 1<<32 - 1} {
		frame := AppendFrame(nil, Incarnation{}, 1, nil)
		order.PutUint32(frame[4:], length)
		order.PutUint32(frame[20:], headCheck(Incarnation{}, frame[:20]))
		if h, ok := readHead(Incarnation{}, frame); ok {
			t.Errorf("length %d: %v", length, h)
		}
	}
}

// Names are remembered, but not without bound.
func TestTenants(t *testing.T) {
	var names tenants
	for i := range 3 * mostTenants {
		name := []byte{byte(i), byte(i >> 8), byte(i >> 16)}
		if got := names.name(name); got != string(name) {
			t.Fatalf("%q for %q", got, name)
		}
	}
	if len(names.known) > mostTenants {
		t.Errorf("%d names are remembered", len(names.known))
	}
}
