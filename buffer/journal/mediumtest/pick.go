package mediumtest

// This file tests the reading of single places.

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"parquay/buffer/journal"
)

// What was appended is read from its place, while its window is open and after.
func testPick(t *testing.T, open Storage) {
	p := Start(t, open)
	a, b := p.Fill(1, 40), p.Fill(2, 9)
	for _, id := range []journal.WindowID{a, b} {
		picker := p.pick(id)
		for i := len(p.Frames[id]) - 1; i >= 0; i-- { // against the order, too
			p.wantBatches(picker, p.Frames[id][i], p.Places[id][i])
		}
		for i, f := range p.Frames[id] {
			p.wantBatches(picker, f, p.Places[id][i])
		}
		if err := picker.Close(); err != nil {
			t.Error(err)
		}
	}
	p.Fill(2, 5) // picking has not ended it

	picker := p.pick(b)
	defer picker.Close()
	end := p.Places[b][len(p.Places[b])-1]
	end.Offset += int64(journal.FrameSize(Batches(p.Sequence)))
	for _, at := range []journal.Place{end, {Segment: end.Segment, Offset: -1}, {Segment: end.Segment + 1}} {
		if err := picker.ReadAt(make([]byte, 1), at); err == nil {
			t.Errorf("picked from %+v, where nothing was appended", at)
		}
	}
	if err := p.Delete(a); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Pick(a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("picking from a deleted window: %v", err)
	}
	if _, err := p.Pick(journal.WindowID{Incarnation: p.Incarnation, Window: 9}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("picking from a window that never was: %v", err)
	}
	p.Stop()

	next := Start(t, open)
	defer next.Stop()
	if _, err := next.Pick(b); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("picking from another process's window, which is not synced: %v", err)
	}
}

func (p *Process) pick(id journal.WindowID) journal.Picker {
	p.T.Helper()
	picker, err := p.Pick(id)
	if err != nil {
		p.T.Fatal(err)
	}
	return picker
}

// wantBatches picks the bytes of a frame's batches.
func (p *Process) wantBatches(picker journal.Picker, f journal.Frame, at journal.Place) {
	p.T.Helper()
	offsets := slices.Collect(journal.Offsets(f.Batches))
	for i, batch := range f.Batches {
		got := make([]byte, len(batch.Bytes))
		place := journal.Place{Segment: at.Segment, Offset: at.Offset + offsets[i]}
		if err := picker.ReadAt(got, place); err != nil || !bytes.Equal(got, batch.Bytes) {
			p.T.Errorf("batch %d of frame %d: %x (%v), want %x", i, f.Sequence, got, err, batch.Bytes)
		}
	}
}
