package schema

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestDecodeDifferential draws bodies full of what splitters trip over, long runs of
// backslashes and quotes and braces in strings, at every distance from the ends of
// the blocks that vector instructions work in, and compares with jsontext, and
// the common road with sonic's.
func TestDecodeDifferential(t *testing.T) {
	table := compile(t, strings.Replace(fuzzed, `"maxLength": 8`, `"maxLength": 4000`, 1))
	d := NewDecoder(table, fuzzLimits)
	r := newRoads(table, fuzzLimits)
	piece := rapid.SampledFrom([]string{`\\`, `\"`, `a`, `}`, `{`, `,`, ` `, `},{`, `\u00e9`, `é`, `\ud83d\ude00`, `]`, `:`})
	text := rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(0, 4).Draw(t, "runs") {
			b.WriteString(strings.Repeat(piece.Draw(t, "piece"), rapid.IntRange(0, 70).Draw(t, "times")))
		}
		return b.String()
	})
	event := rapid.Custom(func(t *rapid.T) string {
		fields := []string{`"s":"` + text.Draw(t, "s") + `x"`}
		if rapid.Bool().Draw(t, "has m") {
			fields = append(fields, `"m":{"k":"`+text.Draw(t, "v")+`"}`)
		}
		if rapid.Bool().Draw(t, "has x") {
			fields = append(fields, `"`+text.Draw(t, "name")+`":[{"y":"`+text.Draw(t, "x")+`"},1]`)
		}
		return strings.Repeat(" ", rapid.IntRange(0, 40).Draw(t, "pad")) + "{" + strings.Join(fields, ",") + "}"
	})
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(event, 1, 4).Draw(t, "events")
		open, between, end := "", rapid.SampledFrom([]string{"", " ", "\n", "\r\n"}).Draw(t, "between"), ""
		if rapid.Bool().Draw(t, "array") {
			open, between, end = "[", between+","+between, between+"]"
		}
		body := []byte(open + strings.Join(events, between) + end)
		if rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
			body = body[:rapid.IntRange(1, len(body)).Draw(t, "length")]
		}
		r.compare(t, body)
		want := readBody(table, body)
		err := d.Decode(body, receipt, noLimit)
		if _, broken := errors.AsType[*SyntaxError](err); broken {
			if want.whole && len(want.events) > 0 {
				t.Fatalf("%q: refused (%v), but jsontext reads it", body, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !want.whole {
			t.Fatalf("%q: decoded, but jsontext refuses it", body)
		}
		compareBodies(t, d, body, want)
	})
}
