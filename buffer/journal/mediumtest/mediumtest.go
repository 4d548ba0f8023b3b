// Package mediumtest is the suite that every journal.Medium passes.
package mediumtest

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/buffer/journal"
)

// Storage opens a medium on one and the same place for one process after another.
type Storage func(inc journal.Incarnation) (journal.Medium, error)

// Run tests media. storage returns a new, empty place.
func Run(t *testing.T, storage func(t *testing.T) Storage) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, open Storage)
	}{
		{"round trip", testRoundTrip},
		{"order of windows", testOrder},
		{"own window", testOwn},
		{"pick", testPick},
		{"unsynced", testUnsynced},
		{"nothing before the first frame", testLazy},
		{"refusals", testRefusals},
		{"largest frame", testLargest},
		{"delete", testDelete},
		{"quarantine", testQuarantine},
		{"keep", testKeep},
		{"close", testClose},
		{"concurrent", testConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, storage(t)) })
	}
}

func testRoundTrip(t *testing.T, open Storage) {
	one := Start(t, open)
	a, b := one.Fill(3, 40), one.Fill(7, 5)
	one.Stop()

	two := Start(t, open)
	defer two.Stop()
	two.wantWindows(a, b)
	for range 2 { // a window can be read as often as need be
		for _, id := range []journal.WindowID{a, b} {
			h := two.wantFrames(id, one.Frames[id])
			if diff := cmp.Diff(one.Header(id.Window), h); diff != "" {
				t.Fatal(diff)
			}
		}
	}
	if two.Usage() == 0 {
		t.Error("no usage")
	}
	if free, err := two.Free(); err != nil || free <= 0 {
		t.Error(free, err)
	}
}

// Windows come oldest first, whatever their incarnations' ids are.
func testOrder(t *testing.T, open Storage) {
	var want []journal.WindowID
	for i := range uint64(6) {
		p := Start(t, open)
		want = append(want, p.Fill(10+i, 2), p.Fill(20+i, 1))
		p.Stop()
	}
	slices.SortFunc(want, func(a, b journal.WindowID) int { return int(a.Window) - int(b.Window) })
	p := Start(t, open)
	defer p.Stop()
	p.wantWindows(want...)
}

// An own window that has ended reads as the frames that were acknowledged.
func testOwn(t *testing.T, open Storage) {
	p := Start(t, open)
	defer p.Stop()
	a, b := p.Fill(1, 12), p.Fill(2, 3)
	p.wantWindows() // they are nobody's leftovers
	p.wantFrames(a, p.Frames[a])
	c := p.Fill(3, 9)
	p.wantFrames(b, p.Frames[b])
	p.wantFrames(c, p.Frames[c]) // the last one has ended too: it was opened
	if err := p.Append(3, true); !errors.Is(err, journal.ErrEnded) || !errors.Is(err, journal.ErrFailed) {
		t.Fatalf("a frame joined a window that was read: %v", err)
	}
	p.wantFrames(c, p.Frames[c])
	if _, err := p.Open(journal.WindowID{Incarnation: p.Incarnation, Window: 9}); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a window that never was: %v", err)
	}
}

func testUnsynced(t *testing.T, open Storage) {
	one := Start(t, open)
	for i := range 20 {
		if err := one.Append(1, i%3 == 0); err != nil {
			t.Fatal(err)
		}
	}
	id := journal.WindowID{Incarnation: one.Incarnation, Window: 1}
	one.wantFrames(id, one.Frames[id])
	one.Stop()
	two := Start(t, open)
	defer two.Stop()
	two.wantFrames(id, one.Frames[id])
}

func testLazy(t *testing.T, open Storage) {
	one := Start(t, open)
	if usage := one.Usage(); usage != 0 {
		t.Errorf("%d bytes before the first frame", usage)
	}
	one.Stop()
	two := Start(t, open)
	defer two.Stop()
	two.wantWindows()
}

// A frame that no reader would accept is refused, and the refusal is final.
func testRefusals(t *testing.T, open Storage) {
	for _, test := range []struct {
		name string
		want error
		run  func(p *Process) error
	}{
		{"a gap", journal.ErrSequence, func(p *Process) error { p.Sequence++; return p.Append(1, true) }},
		{"a repetition", journal.ErrSequence, func(p *Process) error { p.Sequence--; return p.Append(1, true) }},
		{"a gap between windows", journal.ErrSequence, func(p *Process) error { p.Sequence++; return p.Append(2, true) }},
		{"an earlier window", journal.ErrEnded, func(p *Process) error { return p.Append(0, true) }},
		{"another process's frame", journal.ErrCorrupt, func(p *Process) error {
			frame := journal.AppendFrame(nil, journal.NewIncarnation(), 4, Batches(4))
			return p.appendRaw(p.Header(1), 4, frame, true)
		}},
		{"another place's frame", journal.ErrCorrupt, func(p *Process) error {
			return p.appendRaw(p.Header(1), 4, journal.AppendFrame(nil, p.Incarnation, 5, nil), true)
		}},
		{"half a frame", journal.ErrCorrupt, func(p *Process) error {
			frame := journal.AppendFrame(nil, p.Incarnation, 4, Batches(4))
			return p.appendRaw(p.Header(1), 4, frame[:len(frame)-1], true)
		}},
		{"an unknown table", journal.ErrCorrupt, func(p *Process) error {
			frame := journal.AppendFrame(nil, p.Incarnation, 4, []journal.Batch{{Table: 2}})
			return p.appendRaw(p.Header(1), 4, frame, true)
		}},
		{"a frame too large", journal.ErrTooLarge, func(p *Process) error {
			frame := journal.AppendFrame(nil, p.Incarnation, 4, []journal.Batch{{Bytes: make([]byte, journal.MaxFrame)}})
			return p.appendRaw(p.Header(1), 4, frame, true)
		}},
		{"a header too large", journal.ErrTooLarge, func(p *Process) error {
			h := p.Header(2)
			h.Tables[0].Document = make([]byte, journal.MaxHeader)
			return p.appendRaw(h, 4, journal.AppendFrame(nil, p.Incarnation, 4, nil), true)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Start(t, open)
			id := p.Fill(1, 3)
			if err := test.run(p); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			p.Sequence = 3
			if err := p.Append(1, true); !errors.Is(err, journal.ErrFailed) {
				t.Errorf("appended after an error: %v", err)
			}
			p.wantFrames(id, p.Frames[id])
			p.Stop()

			next := Start(t, open)
			defer next.Stop()
			next.wantFrames(id, p.Frames[id])
			if err := next.Delete(id); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func testLargest(t *testing.T, open Storage) {
	one := Start(t, open)
	id := one.Fill(1, 1)
	batch := journal.Batch{Tenant: "acme", Rows: 1}
	batch.Bytes = make([]byte, journal.MaxFrame-journal.FrameSize([]journal.Batch{batch}))
	for b := range slices.Chunk(batch.Bytes, 4093) {
		_ = copy(b, fmt.Sprint("at ", len(b), cap(b)))
	}
	frame := journal.AppendFrame(nil, one.Incarnation, 2, []journal.Batch{batch})
	if len(frame) != journal.MaxFrame {
		t.Fatalf("frame of %d bytes", len(frame))
	}
	if _, err := one.Medium.Append(one.Header(1), 2, frame, true); err != nil {
		t.Fatal(err)
	}
	one.Frames[id] = append(one.Frames[id], journal.Frame{Sequence: 2, Batches: []journal.Batch{batch}})
	one.Sequence = 2
	one.Fill(1, 2)
	one.Stop()
	two := Start(t, open)
	defer two.Stop()
	two.wantFrames(id, one.Frames[id])
}

func testDelete(t *testing.T, open Storage) {
	one := Start(t, open)
	a, b := one.Fill(1, 30), one.Fill(2, 30)
	usage := one.Usage()
	for range 2 { // the second time it is gone already
		if err := one.Delete(a); err != nil {
			t.Fatal(err)
		}
	}
	if got := one.Usage(); got <= 0 || got >= usage {
		t.Errorf("usage %d after a deletion, %d before", got, usage)
	}
	if _, err := one.Open(a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a deleted window opens: %v", err)
	}
	c := one.Fill(3, 2)
	if err := one.Delete(c); err != nil { // the one that was written last
		t.Fatal(err)
	}
	d := one.Fill(4, 2)
	one.Stop()

	two := Start(t, open)
	two.wantWindows(b, d)
	two.wantFrames(b, one.Frames[b])
	for _, id := range []journal.WindowID{b, d} {
		if err := two.Delete(id); err != nil {
			t.Fatal(err)
		}
	}
	two.wantWindows()
	if usage := two.Usage(); usage != 0 {
		t.Errorf("usage %d of nothing", usage)
	}
	two.Stop()
	three := Start(t, open)
	defer three.Stop()
	three.wantWindows()
}

func testQuarantine(t *testing.T, open Storage) {
	one := Start(t, open)
	a, b := one.Fill(1, 30), one.Fill(2, 1)
	one.Stop()
	two := Start(t, open)
	if err := two.Quarantine(a); err != nil {
		t.Fatal(err)
	}
	two.wantWindows(b)
	if _, err := two.Open(a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a window in quarantine opens: %v", err)
	}
	if err := two.Delete(b); err != nil {
		t.Fatal(err)
	}
	if usage := two.Usage(); usage != 0 {
		t.Errorf("quarantine counts: %d", usage)
	}
	two.Stop()
	three := Start(t, open)
	defer three.Stop()
	three.wantWindows()
}

func testKeep(t *testing.T, open Storage) {
	one := Start(t, open)
	a := one.Fill(1, 30)
	one.Stop()
	two := Start(t, open)
	usage := two.Usage()
	for range 2 { // the second time is after a crash, or another failure
		if err := two.Keep(a); err != nil {
			t.Fatal(err)
		}
		two.wantWindows(a)
	}
	if got := two.Usage(); got != usage {
		t.Errorf("what is kept counts: %d, and %d before", got, usage)
	}
	r, err := two.Open(a)
	if err != nil {
		t.Fatalf("a window that is kept can't be opened: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := two.Keep(journal.WindowID{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a window that is not there is kept: %v", err)
	}
	if err := two.Delete(a); err != nil {
		t.Fatal(err)
	}
	two.wantWindows()
	two.Stop()
	three := Start(t, open)
	defer three.Stop()
	three.wantWindows()
}

func testClose(t *testing.T, open Storage) {
	p := Start(t, open)
	p.Fill(1, 1)
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Append(1, true); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("appended after Close: %v", err)
	}
}

// Windows are deleted and read while the next ones are written.
func testConcurrent(t *testing.T, open Storage) {
	p := Start(t, open)
	defer p.Stop()
	var wg sync.WaitGroup
	for window := range uint64(20) {
		id := p.Fill(window+1, 5)
		want := p.Frames[id]
		wg.Go(func() {
			if p.Usage() <= 0 {
				t.Error("no usage")
			}
			r, err := p.Open(id)
			if err != nil {
				t.Error(err)
				return
			}
			got, err := ReadAll(r)
			if !Equal(want, got) || err != nil {
				t.Errorf("%d frames of %d: %v", len(got), len(want), err)
			}
			if err := errors.Join(r.Close(), p.Delete(id)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if usage := p.Usage(); usage != 0 {
		t.Errorf("usage %d of nothing", usage)
	}
}
