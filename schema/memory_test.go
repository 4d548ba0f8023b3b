package schema

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// TestMemoryTake: what is taken has the room that was asked for, and no more beside it
// than an allocation of its size has.
func TestMemoryTake(t *testing.T) {
	m := &Memory{Poison: true}
	random := rand.New(rand.NewPCG(1, 2))
	var taken [][]byte
	for range 1000 {
		size := random.IntN(maxKept + maxKept/8)
		b := m.Take(size)
		if len(b) != 0 || cap(b) < size || cap(b) >= size+keptStep || size > maxKept && cap(b) > size {
			t.Fatalf("%d bytes in %d for %d", len(b), cap(b), size)
		}
		taken = append(taken, b)
		if i := random.IntN(len(taken)); len(taken) > 20 {
			m.Give(taken[i])
			taken = append(taken[:i], taken[i+1:]...)
		}
	}
}

// TestMemoryIsUsedAgain: what was given is what is taken next, nearly always (the race
// detector has pools forget), and what is in use is nobody else's.
func TestMemoryIsUsedAgain(t *testing.T) {
	m := &Memory{Poison: true}
	inUse := map[*byte]bool{}
	again := 0
	for range 100 {
		a, b := m.Take(100_000), m.Take(100_000)
		for _, b := range [][]byte{a, b} {
			if inUse[unsafe.SliceData(b)] {
				again++
			}
			inUse[unsafe.SliceData(b)] = true
		}
		if unsafe.SliceData(a) == unsafe.SliceData(b) {
			t.Fatal("memory is two batches' at a time")
		}
		m.Give(a)
		m.Give(b)
	}
	if again < 50 {
		t.Errorf("of 200 times memory was used again %d times", again)
	}
}

// TestFreedBatch: a batch that was freed has no bytes, can be freed no second time, and
// whoever has kept its bytes finds nothing that looks like a batch (I8).
func TestFreedBatch(t *testing.T) {
	m := &Memory{Poison: true}
	d := NewDecoder(Events(), sampleLimits)
	d.Use(m)
	for _, events := range []int{1, 500} { // the first too small to be kept
		if err := d.Decode(sampleEvents(events), receipt, noLimit); err != nil {
			t.Fatal(err)
		}
		b := d.Batches("acme")[0]
		if b.Memory != m {
			t.Error("the batch's memory is nobody's")
		}
		kept := b.Bytes
		b.Free()
		if b.Bytes != nil {
			t.Errorf("a batch of %d events has bytes after it was freed", events)
		}
		if err := NewColumns(Events()).AppendBatch(kept); !errors.Is(err, ErrCorrupt) {
			t.Errorf("the bytes of a freed batch: %v", err)
		}
		if n := bytes.Count(kept, []byte{kept[0]}); n != len(kept) {
			t.Errorf("%d of %d bytes of a freed batch are as they were", len(kept)-n, len(kept))
		}
		b.Free()
		if x, y := m.Take(len(kept)), m.Take(len(kept)); unsafe.SliceData(x) == unsafe.SliceData(y) {
			t.Error("what was freed twice is given to two")
		}
	}
	(&Batch{Bytes: []byte{1}}).Free() // which came from nowhere
}

// TestBatchesInUsedMemory: batches in memory that others had are as those in memory of
// their own, and stay so while others come and go.
func TestBatchesInUsedMemory(t *testing.T) {
	m := &Memory{Poison: true}
	d, fresh := NewDecoder(Events(), sampleLimits), NewDecoder(Events(), sampleLimits)
	d.Use(m)
	random := rand.New(rand.NewPCG(3, 4))
	type pair struct{ got, want *Batch }
	var live []pair
	seen, again := map[*byte]bool{}, 0
	for range 100 {
		body := sampleEvents(100 + random.IntN(500))
		if random.IntN(4) == 0 { // an hour of its own, and a refused one
			body = append(body, `{"id":"e","type":"a.b","time":"2026-11-23T01:00:00Z"}{"type":1}`...)
		}
		if err := errors.Join(d.Decode(body, receipt, noLimit), fresh.Decode(body, receipt, noLimit)); err != nil {
			t.Fatal(err)
		}
		want := fresh.Batches("acme")
		for i, b := range d.Batches("acme") {
			live = append(live, pair{b, want[i]})
			if seen[unsafe.SliceData(b.Bytes)] {
				again++
			}
			seen[unsafe.SliceData(b.Bytes)] = true
		}
		for len(live) > 10 {
			i := random.IntN(len(live))
			p := live[i]
			if !bytes.Equal(p.got.Bytes, p.want.Bytes) || p.got.Rows != p.want.Rows || p.got.Hour != p.want.Hour {
				t.Fatalf("a batch of %d rows is not what was decoded", p.want.Rows)
			}
			p.got.Free()
			live = append(live[:i], live[i+1:]...)
		}
	}
	if again < 10 {
		t.Errorf("of 100 bodies' batches %d were in memory that others had had", again)
	}
}
