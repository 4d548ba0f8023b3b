// What a key costs, and that it is given back.

package idempotency

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// answer is as large as what the server remembers.
type answer [72]byte

// TestAllocPerKey fills a store with long keys.
func TestAllocPerKey(t *testing.T) {
	const keys = 50_000
	c := newClock()
	prefix := strings.Repeat("k", 200)
	s := New[answer](Options{Window: time.Minute, Keys: keys * 4, Now: c.read})
	empty := heap()
	for i := range keys {
		a, _, err := s.Begin(t.Context(), "acme", prefix+fmt.Sprint(i), [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		a.Done(answer{}, 0)
	}
	each := float64(heap()-empty) / keys
	t.Logf("%.0f bytes a key", each)
	if each > 72+120 {
		t.Errorf("a key takes %.0f bytes, want at most 192", each)
	}
	c.now = c.now.Add(time.Minute)
	a, _, err := s.Begin(t.Context(), "acme", "next", [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	a.Abandon()
	if left := heap() - empty; left > 64<<10 {
		t.Errorf("%d bytes are left of expired keys", left)
	}
	runtime.KeepAlive(s)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestAllocReplay: a repeated request costs nothing that has to be collected.
func TestAllocReplay(t *testing.T) {
	s := New[string](Options{Window: time.Minute, Keys: 100})
	begin(t, s, "acme", "key").Done("first", 0)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := s.Begin(ctx, "acme", "key", [32]byte{}); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
