package mediumtest

// This file is a process that uses a journal and remembers what it was promised.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"parquay/buffer/journal"
)

// Process is a journal in use by one incarnation, with a ledger of what it appended.
type Process struct {
	journal.Medium
	T           testing.TB
	Incarnation journal.Incarnation
	Sequence    uint64
	Frames      map[journal.WindowID][]journal.Frame // those whose Append returned nil
	Places      map[journal.WindowID][]journal.Place // where they are
}

// New returns a process that has no medium yet.
func New(t testing.TB) *Process {
	return &Process{
		T: t, Incarnation: journal.NewIncarnation(),
		Frames: map[journal.WindowID][]journal.Frame{},
		Places: map[journal.WindowID][]journal.Place{},
	}
}

// Start opens the medium as a new process.
func Start(t testing.TB, open Storage) *Process {
	t.Helper()
	p := New(t)
	var err error
	if p.Medium, err = open(p.Incarnation); err != nil {
		t.Fatal(err)
	}
	return p
}

// Stop closes the medium.
func (p *Process) Stop() {
	p.T.Helper()
	if err := p.Close(); err != nil {
		p.T.Fatal(err)
	}
}

// Header is the header of the process's window of that number.
func (p *Process) Header(window uint64) *journal.Header {
	return &journal.Header{
		Incarnation: p.Incarnation,
		Window:      window,
		Opened:      time.UnixMicro(1_800_000_000_000_000 + int64(window)).UTC(),
		FileRows:    1000 + window,
		Tables: []journal.Table{
			{Name: "events", Document: []byte(`{"type":"object"}`)},
			{Name: "rejected", Document: []byte(fmt.Sprintf(`{"window":%d}`, window))},
		},
	}
}

// Batches are what the frame of that sequence holds; they depend on nothing else.
func Batches(seq uint64) []journal.Batch {
	batches := make([]journal.Batch, seq%4)
	for i := range batches {
		n := int(seq*31+uint64(i)*17) % 200
		content := make([]byte, n)
		for j := range content {
			content[j] = byte(seq + uint64(i*j))
		}
		batches[i] = journal.Batch{
			Table: i % 2, Tenant: fmt.Sprint("tenant-", seq%3), Hour: int64(seq) - 5, Rows: i + 1, Bytes: content,
		}
	}
	return batches
}

// Frames are the frames of the sequences from first on.
func Frames(first uint64, n int) []journal.Frame {
	frames := make([]journal.Frame, n)
	for i := range frames {
		seq := first + uint64(i)
		frames[i] = journal.Frame{Sequence: seq, Batches: Batches(seq)}
	}
	return frames
}

// Append appends the next frame to a window.
func (p *Process) Append(window uint64, sync bool) error {
	p.Sequence++
	batches := Batches(p.Sequence)
	frame := journal.AppendFrame(nil, p.Incarnation, p.Sequence, batches)
	place, err := p.Medium.Append(p.Header(window), p.Sequence, frame, sync)
	if err == nil {
		id := journal.WindowID{Incarnation: p.Incarnation, Window: window}
		p.Frames[id] = append(p.Frames[id], journal.Frame{Sequence: p.Sequence, Batches: batches})
		p.Places[id] = append(p.Places[id], place)
	}
	return err
}

// appendRaw appends a frame and keeps no ledger.
func (p *Process) appendRaw(h *journal.Header, seq uint64, frame []byte, sync bool) error {
	_, err := p.Medium.Append(h, seq, frame, sync)
	return err
}

// Fill appends n frames to a window.
func (p *Process) Fill(window uint64, n int) journal.WindowID {
	p.T.Helper()
	for range n {
		if err := p.Append(window, true); err != nil {
			p.T.Fatal(err)
		}
	}
	return journal.WindowID{Incarnation: p.Incarnation, Window: window}
}

// ReadAll reads the rest of a reader, and keeps copies.
func ReadAll(r journal.Reader) ([]journal.Frame, error) {
	var frames []journal.Frame
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
		f.Batches = append([]journal.Batch{}, f.Batches...)
		for i := range f.Batches {
			f.Batches[i].Bytes = append([]byte{}, f.Batches[i].Bytes...)
		}
		frames = append(frames, f)
	}
}

// Equal says whether frames are the same, byte for byte.
func Equal(a, b []journal.Frame) bool {
	return slices.EqualFunc(a, b, func(a, b journal.Frame) bool {
		return a.Sequence == b.Sequence && slices.EqualFunc(a.Batches, b.Batches, func(a, b journal.Batch) bool {
			return a.Table == b.Table && a.Tenant == b.Tenant && a.Hour == b.Hour && a.Rows == b.Rows &&
				bytes.Equal(a.Bytes, b.Bytes)
		})
	})
}

// Read reads a window that must be undamaged.
func (p *Process) Read(id journal.WindowID) (*journal.Header, []journal.Frame) {
	p.T.Helper()
	r, err := p.Open(id)
	if err != nil {
		p.T.Fatal(err)
	}
	frames, err := ReadAll(r)
	if err != nil {
		p.T.Fatal(err)
	}
	if damage := r.Damage(); len(damage) > 0 {
		p.T.Fatalf("damage: %v", damage)
	}
	if torn, ok := r.Torn(); ok {
		p.T.Fatalf("torn: %v", torn)
	}
	if err := r.Close(); err != nil {
		p.T.Fatal(err)
	}
	return r.Header(), frames
}

// wantWindows fails the test unless the windows left are these.
func (p *Process) wantWindows(want ...journal.WindowID) {
	p.T.Helper()
	got, err := p.Windows()
	if err != nil {
		p.T.Fatal(err)
	}
	if !slices.Equal(got, want) {
		p.T.Fatalf("windows %v, want %v", got, want)
	}
}

// wantFrames fails the test unless the window reads as was acknowledged.
func (p *Process) wantFrames(id journal.WindowID, want []journal.Frame) *journal.Header {
	p.T.Helper()
	h, got := p.Read(id)
	if !Equal(want, got) {
		p.T.Fatalf("window %v reads as %d frames, not the %d that were appended", id, len(got), len(want))
	}
	return h
}
