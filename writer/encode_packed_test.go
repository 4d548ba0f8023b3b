package writer

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"pgregory.net/rapid"
)

// parquet-go decodes what appendPacked encodes, of numbers of any size in blocks of any
// length.
func TestPackedReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 1<<20), rapid.Just(int64(40)), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, math.MinInt32, math.MaxInt32}))
		var wide []int64
		var narrow []int32
		x := int64(0)
		for range rapid.IntRange(0, 400).Draw(t, "numbers") {
			x += step.Draw(t, "step")
			wide, narrow = append(wide, x), append(narrow, int32(x))
		}
		got64, err := new(delta.BinaryPackedEncoding).DecodeInt64(nil, appendPacked(nil, wide))
		if diff := cmp.Diff(wide, got64, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%v; 64 bits (-want +got):\n%s", err, diff)
		}
		got32, err := new(delta.BinaryPackedEncoding).DecodeInt32(nil, appendPacked(nil, narrow))
		if diff := cmp.Diff(narrow, got32, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%v; 32 bits (-want +got):\n%s", err, diff)
		}
	})
}

// A reader takes no more than 32 bits for a number of 32, and none for those beyond
// the last.
func TestPackedWidths(t *testing.T) {
	for _, n := range []int{2, 3, 32, 33, 34, 100, 128, 129, 130, 1000} {
		numbers := make([]int32, n)
		for i := range numbers {
			numbers[i] = math.MinInt32 * int32(i&1) // as far apart as can be
		}
		for _, width := range widths(t, appendPacked(nil, numbers), n) {
			if width > 32 {
				t.Errorf("%d numbers of 32 bits: a width of %d", n, width)
			}
		}
		times := make([]int64, n)
		for i := range times {
			times[i] = testTime(0) + int64(7*i+i%2)
		}
		if got := slices.Max(widths(t, appendPacked(nil, times), n)); got > 2 {
			t.Errorf("%d times that differ by 6 or 8: a width of %d", n, got)
		}
	}
}

// widths reads the header and the widths of n numbers, and checks that nothing follows.
func widths(t *testing.T, b []byte, n int) (widths []byte) {
	t.Helper()
	take := func() uint64 {
		v, size := binary.Uvarint(b)
		b = b[size:]
		return v
	}
	if block, minis, count := take(), take(), take(); block != 128 || minis != 4 || count != uint64(n) {
		t.Fatalf("blocks of %d in %d parts, %d numbers of %d", block, minis, count, n)
	}
	take()
	for left := n - 1; left > 0; left -= packedBlock {
		take()
		found := b[:4]
		b = b[4:]
		for i, width := range found {
			if 32*i >= left && width != 0 {
				t.Errorf("%d numbers: a part without any is %d bits wide", n, width)
			}
			b = b[4*int(width):]
		}
		widths = append(widths, found...)
	}
	if len(b) > 0 {
		t.Errorf("%d numbers: %d bytes more", n, len(b))
	}
	return widths
}

// Each width is packed from the lowest bit on.
func TestAppendBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(0, 64).Draw(t, "width")
		numbers := make([]uint64, packedMini)
		for i := range numbers {
			numbers[i] = rapid.Uint64().Draw(t, "number") >> (64 - width)
		}
		b := appendBits(nil, numbers, width)
		if len(b) != packedMini*width/8 {
			t.Fatalf("%d bytes for 32 numbers of %d bits", len(b), width)
		}
		for i := range packedMini * width {
			if got, want := b[i/8]>>(i%8)&1, byte(bits.RotateLeft64(numbers[i/width], -(i%width))&1); got != want {
				t.Fatalf("bit %d of number %d of %d bits is %d", i%width, i/width, width, got)
			}
		}
	})
}
