package buffer

import (
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"parquay/schema"
)

// TestRingIsAFIFO compares the ring with a slice, over any order of push and pop.
func TestRingIsAFIFO(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		r.init()
		var model []*schema.Batch
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				for range rapid.IntRange(1, 3*blockSlots).Draw(t, "n") {
					b := new(schema.Batch)
					r.push(entry{batch: b})
					model = append(model, b)
				}
			},
			"pop": func(t *rapid.T) {
				for range rapid.IntRange(1, 3*blockSlots).Draw(t, "n") {
					e, ok := r.pop()
					if ok != (len(model) > 0) {
						t.Fatalf("pop says %v with %d in the ring", ok, len(model))
					}
					if !ok {
						return
					}
					if e.batch != model[0] {
						t.Fatal("pop is not the oldest entry")
					}
					model = model[1:]
				}
			},
		})
	})
}

// TestRingBetweenTwoGoroutines is for the race detector, and for the order.
func TestRingBetweenTwoGoroutines(t *testing.T) {
	const n = 200_000
	var r ring
	r.init()
	batches := make([]schema.Batch, 1000)
	go func() {
		for i := range n {

			if i >= len(batches) {
				r.push(entry{})
				continue
			}
			batches[i].Rows = 1 // reaches the consumer through the push alone
			r.push(entry{batch: &batches[i]})
		}
	}()
	for i := 0; i < n; {
		e, ok := r.pop()
		if !ok {
			runtime.Gosched()
			continue
		}
		if i < len(batches) && (e.batch != &batches[i] || e.batch.Rows != 1) {
			t.Fatalf("entry %d is not the one pushed", i)
		}
		if i >= len(batches) && e.batch != nil {
			t.Fatalf("entry %d appeared twice", i)
		}
		i++
	}
	if _, ok := r.pop(); ok {
		t.Fatal("more came out than went in")
	}
}

// TestRingReusesBlocks pins the cost of a ring in steady state: no allocation.
func TestRingReusesBlocks(t *testing.T) {
	var r ring
	r.init()
	round := func() {
		for range blockSlots {
			r.push(entry{})
		}
		for range blockSlots {
			r.pop()
		}
	}
	round()
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations a round, want 0", n)
	}
}

func BenchmarkRing(b *testing.B) {
	var r ring
	r.init()
	b.ReportAllocs()
	for b.Loop() {
		r.push(entry{})
		r.pop()
	}
}
