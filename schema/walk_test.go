package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The common road against the one that sonic takes, and against encoding/json.

// bySonic sends every event down sonic's road, as one of another form whose
// translation changes nothing.
func bySonic(text []byte) ([]byte, *EventError) { return text, nil }

// roads compares what becomes of bodies on both roads.
type roads struct{ common, sonic *Decoder }

func newRoads(table *Table, limits Limits) roads {
	return roads{NewDecoder(table, limits), NewDecoder(table, limits)}
}

// compare decodes a body on both roads: every acceptance, refusal, code, message,
// position and byte of the batches is the same. It returns sonic's error.
func (r roads) compare(t rapid.TB, body []byte) error {
	t.Helper()
	got := r.common.Decode(body, receipt, noLimit)
	want := r.sonic.DecodeAs(body, bySonic, receipt, noLimit)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%q: the error differs (-sonic +common):\n%s", body, d)
	}
	if d := cmp.Diff(r.sonic.Errors(), r.common.Errors()); d != "" {
		t.Fatalf("%q: the refusals differ (-sonic +common):\n%s", body, d)
	}
	batches := r.common.Batches("acme")
	for i, b := range r.sonic.Batches("acme") {
		if got := batches[i]; got.Table != b.Table || got.Hour != b.Hour || got.Rows != b.Rows || string(got.Bytes) != string(b.Bytes) {
			t.Fatalf("%q: batch %d of table %s differs:\nsonic  %d rows %q\ncommon %d rows %q",
				body, i, b.Table.Name(), b.Rows, b.Bytes, got.Rows, got.Bytes)
		}
	}
	if n := r.sonic.Accepted() + r.sonic.Rejected(); r.common.Accepted() != r.sonic.Accepted() || r.common.Accepted()+r.common.Rejected() != n {
		t.Fatalf("%q: %d of %d events accepted, sonic %d", body, r.common.Accepted(), n, r.sonic.Accepted())
	}
	r.compareValid(t, body)
	return want
}

// compareValid holds what the common road takes for an object to encoding/json.
func (r roads) compareValid(t rapid.TB, body []byte) {
	t.Helper()
	e := &r.common.event
	if end := e.read(body); end != aside && !json.Valid(body[:end]) {
		t.Fatalf("%q: read up to %d, but encoding/json refuses it", body, end)
	}
	e.undo()
	e.endBody()
}

// orderly are events of the fuzzed table in which all is in order.
var orderly = []string{
	`{"s":"a"}`,
	" {\t\"s\" :\r\n\"a\" , \"e\": \"x\" }",
	`{"s":"a","e":"x","i":1,"l":-2,"n":1.5e3,"b":true,"t":"2026-11-23T07:15:30.5Z","d":"1.250","m":{"k":"v","l":""},"a":["p","q"],"x":{"y":[1,{},[]]}}`,
	`{"x":[true,false,null,"",{"y":-0.10E+2}],"s":"a","b":false,"m":{},"a":[],"e":null}`,
	`{"s":"\u00e9\n\"\/","\u0065":"\u0078","m":{"\\":"\ud83d\ude00"},"\t":"\b\f"}`,
	`{"s":"a","\u0079":1,"\u007a":{"\u0079":1,"\u007a":"\u0063"}}`,
	`{"s":"a","d":123456.789,"l":123456789012345678,"i":2147483647,"m":{"0123456789abcde":"0123456789abcdef","k":"01234567"}}`,
	`{"s":"a","d":"0.5","l":1234567890123456789,"i":7 }`,
	`{"s":"a","d":1.5e3,"l":1e3,"i":0}`,
	`{"x":{"k":1},"s":"a","m":{"k":"v"}}`,
	`{"s":"häßlich€","m":{"ключ":"😀"},"x":"é"}`,
	`{"b":false,"s":"12345678","m":{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":"","j":"","k":""}}`,
}

// TestRead holds the events that are in order to the common road, and no text that
// is a part of one, as long as the road ends with it.
func TestRead(t *testing.T) {
	d := NewDecoder(compile(t, fuzzed), fuzzLimits)
	for _, text := range orderly {
		text = strings.TrimSpace(text)
		for _, after := range []string{"", "x", " ", "}", ",", "\n" + text} {
			if end := d.event.read([]byte(text + after)); end != len(text) {
				t.Errorf("%s%s: read up to %d, want %d", text, after, end, len(text))
			}
			d.event.undo()
		}
		for n := range len(text) {
			if end := d.event.read([]byte(text[:n])); end != aside {
				t.Errorf("%s: read up to %d of %d", text[:n], end, n)
			}
			d.event.undo()
		}
	}
}

// TestRoads damages orderly events in every place, between two that are whole.
func TestRoads(t *testing.T) {
	r := newRoads(compile(t, fuzzed), fuzzLimits)
	const whole = `{"s":"a","x":1}`
	compare := func(text ...string) {
		event := strings.Join(text, "")
		r.compare(t, []byte(whole+event+whole))
		r.compare(t, []byte("["+whole+","+event+","+whole+"]"))
	}
	for _, text := range orderly {
		compare(text)
		for i := range len(text) {
			compare(text[:i], text[i+1:])
			for _, put := range []string{`"`, `\`, "\x00", "\x1f", "\x7f", "\x80", "\xc3", "{", "}", "[", "]", ",", ":", " ", "0", "-", ".", "e", `"s":"b",`} {
				compare(text[:i], put, text[i:])
				compare(text[:i], put, text[i+1:])
			}
		}
	}
	for _, refused := range refusals {
		compare(refused.event)
	}
	compare(`{"s":"a","\u0079":1,"\u007a":2,"y":3}`)
	var many strings.Builder
	for i := range MaxMembers {
		fmt.Fprintf(&many, `"x%d":0,`, i)
	}
	r = newRoads(compile(t, fuzzed), Limits{MaxEvent: 1 << 20})
	compare(`{`, many.String(), `"s":"a"}`) // one too many
	pairs := strings.ReplaceAll(many.String(), "0,", `"",`)
	compare(`{"s":"a","m":{`, pairs, strings.ReplaceAll(pairs, "x", "y"), strings.ReplaceAll(pairs, "x", "z"), `"":""}}`)
}

// TestRoadsKeys has columns whose names differ in few places, each expected where the
// other stands.
func TestRoadsKeys(t *testing.T) {
	names := []string{
		"a", "b", "abcde", "abcdf", "abcdefgh1", "abcdefgh2", "bbcdefgh2",
		"a_name_of_twenty_one_a", "a_name_of_twenty_one_b", "a_name_of_twenty_one_", "a_name_of_twenty_two_",
		"first_name_of_one_column", "first_name_of_two_column", "first_name_of_two_columns", "first_name_of_two_columnx", "first_name_of_two",
	}
	properties := make([]string, len(names))
	for i, name := range names {
		properties[i] = `"` + name + `": {"type": "string"}`
	}
	r := newRoads(compile(t, `{"type": "object", "properties": {`+strings.Join(properties, ",")+`}}`), fuzzLimits)
	for _, a := range names {
		for _, b := range names {
			for _, c := range names {
				r.compare(t, fmt.Appendf(nil, `{"%s":"1","%s":"2"}{"%[1]s":"1","%[3]s":"2"}`, a, b, c))
			}
		}
	}
}

// TestRoadsOfSamples has ordinary events of the built-in table take both roads. In
// bodies of any size, the common one is enough for each.
func TestRoadsOfSamples(t *testing.T) {
	r := newRoads(Events(), sampleLimits)
	for _, n := range []int{1, 2, 3, 5, 10, 300} {
		lines := bytes.TrimSpace(sampleEvents(n))
		array := slices.Concat([]byte("["), bytes.ReplaceAll(lines, []byte("\n"), []byte(", ")), []byte("]"))
		for _, body := range [][]byte{lines, array} {
			if err := r.compare(t, body); err != nil || r.common.Accepted() != n {
				t.Fatalf("%d of %d accepted: %v", r.common.Accepted(), n, err)
			}
			before := r.common.event.serial
			if err := r.common.Decode(body, receipt, noLimit); err != nil {
				t.Fatal(err)
			}
			if walks := r.common.event.serial - before; walks != uint64(n) {
				t.Errorf("%d walks for %d events of %.20s", walks, n, body)
			}
		}
	}
}

// TestRoadsWindow has events of all lengths, whole only beyond what the budget has
// room for or the longest one may have.
func TestRoadsWindow(t *testing.T) {
	r := newRoads(compile(t, strings.Replace(fuzzed, `"maxLength": 8`, `"maxLength": 4000`, 1)), Limits{MaxEvent: 600})
	rapid.Check(t, func(t *rapid.T) {
		var events []string
		for _, n := range rapid.SliceOfN(rapid.IntRange(1, 700), 1, 12).Draw(t, "lengths") {
			events = append(events, `{"s":"`+strings.Repeat("x", n)+`"}`)
		}
		between := rapid.SampledFrom([]string{"", "\n", " "}).Draw(t, "between")
		r.compare(t, []byte(strings.Join(events, between)))
		r.compare(t, []byte("["+strings.Join(events, ",")+"]"))
	})
}

// TestKeySet finds a key that stands twice in an object among few keys and many.
func TestKeySet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := keySet{seed: maphash.MakeSeed()}
		type key struct {
			object uint32
			text   string
		}
		for range 3 {
			s.clear()
			var has []key
			for range rapid.IntRange(0, 40).Draw(t, "keys") {
				k := key{rapid.Uint32Range(1, 3).Draw(t, "object"), rapid.StringMatching(`[a-d]{0,2}`).Draw(t, "text")}
				if new := s.add(k.object, k.text); new == slices.Contains(has, k) {
					t.Fatalf("%v is new: %v, after %v", k, new, has)
				}
				has = append(has, k)
			}
		}
	})
}
