package writer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"
)

// page is a head and strings after it, in plain encoding if they are long.
func page(head []byte, plain bool, n int, text func(i int) string) ([]byte, alike) {
	b, a := bytes.Clone(head), alike{from: len(head)}
	for i := range n {
		s := text(i)
		if plain {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		}
		b = append(b, s...)
		a.stride = (len(b) - len(head)) / (i + 1)
	}
	return b, a
}

// hexadecimal is n digits by chance.
func hexadecimal(r *rand.Rand, n int) string {
	var s strings.Builder
	for range n {
		fmt.Fprintf(&s, "%x", r.IntN(16))
	}
	return s.String()
}

// library has the encoder of the pages that are searched, and a decoder.
func library(t testing.TB) (*zstd.Encoder, *zstd.Decoder) {
	t.Helper()
	p, err := newPageWriter()
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return p.zstd, d
}

// TestFramer has pages framed, read again, and compared with what a search makes of them:
// smaller where ids are by chance, and left to the search where they are not.
func TestFramer(t *testing.T) {
	encoder, decoder := library(t)
	r := rand.New(rand.NewPCG(1, 2))
	zeros := func(n int) []byte { return make([]byte, n) }
	few := make([]string, 100)
	for i := range few {
		few[i] = hexadecimal(r, 18)
	}
	twice := make([]string, 3000)
	for i := range twice {
		twice[i] = uuid(r)
	}
	for name, c := range map[string]struct {
		head  []byte
		plain bool
		n     int
		text  func(i int) string
		left  bool    // to the search
		ratio float64 // at most, of the search's size
	}{
		"uuids":                  {nil, true, 20_000, func(int) string { return uuid(r) }, false, 0.95},
		"uuids after levels":     {zeros(3000), false, 20_000, func(int) string { return uuid(r) }, false, 1.01},
		"a few":                  {nil, true, minAlike, func(int) string { return uuid(r) }, false, 1.2},
		"too few":                {nil, true, minAlike - 1, func(int) string { return uuid(r) }, true, 0},
		"none of a length":       {zeros(5000), false, 0, nil, true, 0},
		"short":                  {nil, false, 1000, func(int) string { return hexadecimal(r, minStride-1) }, true, 0},
		"the shortest":           {nil, false, 1000, func(int) string { return hexadecimal(r, minStride) }, false, 1.02},
		"the longest":            {nil, false, 3000, func(int) string { return hexadecimal(r, maxStride) }, false, 1},
		"long":                   {nil, false, 3000, func(int) string { return hexadecimal(r, maxStride+1) }, true, 0},
		"a prefix":               {nil, true, 9000, func(int) string { return "wamid.HBgLMTY1" + hexadecimal(r, 30) }, false, 0.97},
		"an end":                 {nil, false, 9000, func(int) string { return hexadecimal(r, 30) + "@s.whatsapp.net" }, false, 0.97},
		"a counter":              {nil, false, 9000, func(i int) string { return fmt.Sprintf("%x-%09x-%s", i*7%8, i/8, hexadecimal(r, 16)) }, false, 1.03},
		"bytes by chance":        {nil, true, 9000, func(int) string { var b [40]byte; byChance(r, b[:]); return string(b[:]) }, false, 1.01},
		"nothing but bytes":      {nil, false, 9000, func(int) string { var b [40]byte; byChance(r, b[:]); return string(b[:]) }, false, 1.01},
		"a large head of zeros":  {zeros(700_000), true, 2000, func(int) string { return uuid(r) }, false, 1},
		"a large head by chance": {[]byte(hexadecimal(r, 300_000)), true, 2000, func(int) string { return uuid(r) }, false, 1},
		"a head of a block":      {[]byte(hexadecimal(r, blockBytes-40)), true, 2000, func(int) string { return uuid(r) }, false, 1},
		"all the same":           {nil, false, 2000, func(int) string { return "0123456789abcdef" }, false, 100},
		"nothing but zeros":      {nil, false, 20_000, func(int) string { return string(zeros(20)) }, false, 1000},
		"a hundred beginnings":   {nil, true, 20_000, func(int) string { return few[r.IntN(100)] + hexadecimal(r, 18) }, true, 0},
		"a hundred ends":         {nil, true, 20_000, func(int) string { return hexadecimal(r, 18) + few[r.IntN(100)] }, true, 0},
		"each twice":             {nil, true, 6000, func(i int) string { return twice[i%3000] }, true, 0},
		"all but one of a beginning": {nil, true, 20_000, func(i int) string {
			if i == 9000 {
				return "other" + hexadecimal(r, 31)
			}
			return "same-" + hexadecimal(r, 31)
		}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b, a := page(c.head, c.plain, c.n, c.text)
			f := framer{search: encoder}
			before := []byte("before")
			got, ok := f.append(bytes.Clone(before), b, a)
			if ok == c.left {
				t.Fatalf("it is framed: %v", ok)
			}
			if !ok {
				if !bytes.Equal(got, before) {
					t.Errorf("%d bytes are left of the attempt", len(got)-len(before))
				}
				return
			}
			searched := encoder.EncodeAll(b, nil)
			got = bytes.TrimPrefix(got, before)
			if ratio := float64(len(got)) / float64(len(searched)); ratio > c.ratio {
				t.Errorf("%d bytes of %d, which a search makes %d: %.3f of these, and not %.3f", len(got), len(b), len(searched), ratio, c.ratio)
			}
			if text, err := decoder.DecodeAll(got, nil); err != nil || !bytes.Equal(text, b) {
				t.Errorf("it reads back otherwise: %d bytes of %d, %v", len(text), len(b), err)
			}
		})
	}
}

func byChance(r *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
}

// TestFramerReference has the reference implementation read frames, which is what
// DuckDB, Arrow and most others have in them.
func TestFramerReference(t *testing.T) {
	program, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("the command zstd is not installed")
	}
	encoder, _ := library(t)
	r := rand.New(rand.NewPCG(3, 4))
	for name, text := range map[string]func(i int) string{
		"no run":       func(int) string { return hexadecimal(r, 36) },
		"a run":        func(int) string { return "wamid." + hexadecimal(r, 30) },
		"no codes":     func(int) string { var b [40]byte; byChance(r, b[:]); return string(b[:]) },
		"nothing else": func(int) string { return "0123456789abcdef" },
	} {
		b, a := page([]byte(hexadecimal(r, 200_000)), false, 9000, text)
		framed, ok := (&framer{search: encoder}).append(nil, b, a)
		if !ok {
			t.Fatalf("%s: it is left to the search", name)
		}
		command := exec.CommandContext(t.Context(), program, "-dcq")
		command.Stdin = bytes.NewReader(framed)
		if got, err := command.Output(); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(b), err)
		}
	}
}

// TestFramerReads frames whatever strings, of whatever lengths and with whatever runs,
// one page after the other with the same memory.
func TestFramerReads(t *testing.T) {
	encoder, decoder := library(t)
	f := framer{search: encoder}
	rapid.Check(t, func(t *rapid.T) {
		stride := rapid.IntRange(minStride, maxStride).Draw(t, "stride")
		n := rapid.IntRange(minAlike, 6000).Draw(t, "strings")
		from := rapid.IntRange(0, stride).Draw(t, "run's begin")
		to := rapid.IntRange(from, stride).Draw(t, "run's end")
		letters := rapid.IntRange(1, 256).Draw(t, "letters")
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 0))
		b := make([]byte, rapid.SampledFrom([]int{0, 1, 100, 5000, blockBytes - 1, blockBytes, 2*blockBytes + 1}).Draw(t, "head"))
		for i := range b {
			b[i] = byte(r.IntN(letters))
		}
		a := alike{len(b), stride}
		for range n {
			for place := range stride {
				if place < from || place >= to {
					b = append(b, byte(r.IntN(letters)))
				} else {
					b = append(b, byte(place))
				}
			}
		}
		got, ok := f.append(nil, b, a)
		if !ok {
			return
		}
		if text, err := decoder.DecodeAll(got, nil); err != nil || !bytes.Equal(text, b) {
			t.Fatalf("%d bytes of %d, %v", len(text), len(b), err)
		}
	})
}

// FuzzFramer frames whatever bytes.
func FuzzFramer(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	b, a := page([]byte("head"), true, 40, func(int) string { return uuid(r) })
	f.Add(b, a.from, a.stride)
	f.Add(make([]byte, 1000), 0, 8)
	encoder, decoder := library(f)
	f.Fuzz(func(t *testing.T, b []byte, from, stride int) {
		if from < 0 || from > len(b) || stride < 0 || len(b) > 1<<20 {
			return
		}
		if stride > 0 {
			b = b[:from+(len(b)-from)/stride*stride] // strings to the end, as it is promised
		}
		got, ok := (&framer{search: encoder}).append(nil, b, alike{from, stride})
		if !ok {
			return
		}
		if text, err := decoder.DecodeAll(got, nil); err != nil || !bytes.Equal(text, b) {
			t.Fatalf("%d bytes of %d, %v", len(text), len(b), err)
		}
	})
}

// TestFramerAlloc: a page takes the memory of the one before it.
func TestFramerAlloc(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b, a := page(nil, true, 20_000, func(int) string { return uuid(r) })
	var f framer
	packed, _ := f.append(nil, b, a)
	if n := testing.AllocsPerRun(10, func() { packed, _ = f.append(packed[:0], b, a) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestAlike looks at which pages are framed: those of strings of one length.
func TestAlike(t *testing.T) {
	spans := func(lengths ...uint32) (s []span, text []byte) {
		for _, n := range lengths {
			s = append(s, span{uint32(len(text)), uint32(len(text)) + n})
			text = append(text, bytes.Repeat([]byte{byte(len(s))}, int(n))...)
		}
		return s, text
	}
	var p pageWriter
	for _, c := range []struct {
		lengths      []uint32
		plain, delta alike
	}{
		{nil, alike{}, alike{}},
		{[]uint32{9}, alike{0, 13}, alike{}},
		{[]uint32{9, 9, 9}, alike{0, 13}, alike{9, 9}},
		{[]uint32{8, 9, 9}, alike{}, alike{8, 9}},
		{[]uint32{9, 9, 8}, alike{}, alike{}},
	} {
		s, text := spans(c.lengths...)
		p.raw, p.alike = p.raw[:0], alike{}
		p.addPlain(&values{text: text, spans: s}, &leaf{physical: format.ByteArray}, 0, len(s))
		if p.alike != c.plain {
			t.Errorf("lengths %v in plain encoding: %+v, want %+v", c.lengths, p.alike, c.plain)
		}
		p.raw, p.alike = p.raw[:0], alike{}
		p.addDeltas(text, s)
		if c.delta.stride > 0 { // behind the lengths
			c.delta.from += len(p.raw) - len(text)
		}
		if p.alike != c.delta {
			t.Errorf("lengths %v as differences: %+v, want %+v", c.lengths, p.alike, c.delta)
		}
	}
}

func BenchmarkFramer(b *testing.B) {
	encoder, _ := library(b)
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{64, 250, 2500, 30_000} {
		text, a := page(nil, true, n, func(int) string { return uuid(r) })
		var packed []byte
		b.Run(fmt.Sprintf("framed/%d", n), func(b *testing.B) {
			var f framer
			for b.Loop() {
				packed, _ = f.append(packed[:0], text, a)
			}
			b.ReportMetric(float64(len(packed))/float64(n), "B/id")
		})
		b.Run(fmt.Sprintf("searched/%d", n), func(b *testing.B) {
			for b.Loop() {
				packed = encoder.EncodeAll(text, packed[:0])
			}
			b.ReportMetric(float64(len(packed))/float64(n), "B/id")
		})
	}
}
