package writer

import (
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"pgregory.net/rapid"
)

// split decodes what addDeltas has encoded, into the lengths of prefixes and the
// strings.
func split(t interface{ Fatal(...any) }, page []byte, n int) (prefixes []int32, strings []string) {
	prefixes, err := new(delta.BinaryPackedEncoding).DecodeInt32(nil, page)
	if err != nil {
		t.Fatal(err)
	}
	text, ends, err := new(delta.ByteArrayEncoding).DecodeByteArray(nil, page, make([]uint32, 0, n+1))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		strings = append(strings, string(text[ends[i]:ends[i+1]]))
	}
	return prefixes, strings
}

func TestDeltasReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "wamid.", "0192a7c4-", strings.Repeat("x", maxPrefix), strings.Repeat("x", 2*maxPrefix)}), rapid.String())
		var s values
		var want []string
		for range rapid.IntRange(1, 200).Draw(t, "strings") {
			want = append(want, word.Draw(t, "head")+word.Draw(t, "tail"))
			s.add(want[len(want)-1])
		}
		var p pageWriter
		p.addDeltas(s.text, s.spans)
		if _, got := split(t, p.raw, len(want)); !slices.Equal(got, want) {
			t.Fatalf("read %q, wrote %q", got, want)
		}
	})
}

// Strings repeat what most of them have in common, and not what some have by chance.
func TestDeltasRepeatWhatMostHaveInCommon(t *testing.T) {
	var s values
	for _, text := range []string{"+4915-17", "+4915-23", "+4915-24", "+4915-31", "+33", "+4915-55", "+4915-61"} {
		s.add(text)
	}
	var p pageWriter
	p.addDeltas(s.text, s.spans)
	if got, _ := split(t, p.raw, s.n); !slices.Equal(got, []int32{0, 6, 6, 6, 1, 1, 6}) {
		t.Errorf("prefixes of %d bytes", got)
	}
}
