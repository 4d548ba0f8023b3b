package writer

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// What is stored is a frame like any other.
func TestStoredIsAFrame(t *testing.T) {
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, n := range []int{0, 1, 127, 128, 255, 256, 257, 511, 512, 1000, maxDoubtful - 1} {
		raw := bytes.Repeat([]byte("abc"), n)[:n]
		stored := appendStored(nil, raw)
		got, err := z.DecodeAll(stored, nil)
		if err != nil || !bytes.Equal(got, raw) {
			t.Errorf("%d bytes: read %d, %v", n, len(got), err)
		}
		var h zstd.Header
		if err := h.Decode(stored); err != nil || !h.HasFCS || h.FrameContentSize != uint64(n) {
			t.Errorf("%d bytes: the header says %d, %v", n, h.FrameContentSize, err)
		}
	}
}

// A page is compressed if that shrinks it by more than a little.
func TestShrinks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p, err := newPageWriter()
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]func(i int) byte{
		"random":                  func(int) byte { return byte(r.Uint32()) },
		"half a byte":             func(int) byte { return byte(r.Uint32()) & 0x0f },
		"one byte":                func(int) byte { return 7 },
		"a counter":               func(i int) byte { return byte(i) },
		"a counter of two":        func(i int) byte { return byte(i / 2 >> (i & 1 * 8)) },
		"seven and a half bits":   func(int) byte { return byte(r.IntN(181)) },
		"as numbers of nine bits": func(i int) byte { return byte(r.IntN(300) << (i & 7)) },
		"random, then again":      func(i int) byte { return byte(rand.New(rand.NewPCG(uint64(i%100), 1)).Uint32()) },
	}
	for name, at := range pages {
		for _, n := range []int{128, 300, 1000, 4000, maxDoubtful - 1} {
			page := make([]byte, n)
			for i := range page {
				page[i] = at(i)
			}
			saved := n - len(p.zstd.EncodeAll(page, nil))
			if got := shrinks(page); !got && saved > 64+n/24 {
				t.Errorf("%d bytes, %s: zstd saves %d", n, name, saved)
			} else if name == "random" && got {
				t.Errorf("%d random bytes are compressed", n)
			}
		}
	}
}

// What an encoder keeps from its first large page on is bounded by its window: it is
// there in each process, for each encoder, to the end.
func TestEncoderMemoryAlloc(t *testing.T) {
	p, err := newPageWriter()
	if err != nil {
		t.Fatal(err)
	}
	page := bytes.Repeat([]byte("Message undeliverable. "), pageBytes/23)
	packed := make([]byte, 0, len(page))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	packed = p.zstd.EncodeAll(page, packed)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > (4<<20) || took < 1<<20 || len(packed) == 0 {
		t.Errorf("the first page of %d bytes takes %d", len(page), took)
	}
}
