package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The decoder against a second implementation: jsontext splits and reads the same
// bodies, and the rules of the table are written down a second time, slowly.

const fuzzed = `{
	"type": "object", "required": ["s"],
	"properties": {
		"s": {"type": "string", "minLength": 1, "maxLength": 8}, "e": {"type": "string", "enum": ["x", "y"]},
		"i": {"type": "integer", "format": "int32"}, "l": {"type": "integer"}, "n": {"type": "number"}, "b": {"type": "boolean"},
		"t": {"type": ["string", "integer"], "format": "date-time"}, "d": {"type": ["string", "number"], "x-decimal": "9,3"},
		"m": {"type": "object", "additionalProperties": {"type": "string"}}, "a": {"type": "array", "items": {"type": "string"}}
	}
}`

var fuzzLimits = Limits{MaxEvent: 4096}

func FuzzDecode(f *testing.F) {
	for _, r := range refusals {
		f.Add([]byte(r.event))
	}
	f.Add([]byte(`{"s":"a","e":"x","i":1,"l":-2,"n":1.5e3,"b":true,"t":"2026-11-23T07:15:30.5Z","d":"1.250","m":{"k":"v"},"a":["p","q"],"x":{"y":[1]}}`))
	f.Add([]byte("[{\"s\":\"a\"},{\"s\":\"}\",\"t\":1795398330123}]"))
	f.Add([]byte("{\"s\":\"a\"}\r\n{\"s\":\"b\"} {\"s\":\"\\u00e9\"}\n\n{\"s\":\n1}"))
	f.Add([]byte("\xef\xbb\xbf{\"s\":\"\\ud83d\\ude00\"}x"))
	for _, event := range orderly {
		f.Add([]byte(event))
	}
	table := compile(f, fuzzed)
	d := NewDecoder(table, fuzzLimits)
	r := newRoads(table, fuzzLimits)
	f.Fuzz(func(t *testing.T, body []byte) {
		r.compare(t, body)
		want := readBody(table, body)
		err := d.Decode(body, receipt, noLimit)
		syntax, broken := errors.AsType[*SyntaxError](err)
		if err != nil && !broken {
			t.Fatal(err)
		}
		if broken {
			if want.whole && !want.joined && len(want.events) > 0 {
				t.Fatalf("%q: refused (%v), but jsontext reads it", body, err)
			}
			if syntax.Offset < 0 || syntax.Offset > len(body) || !utf8.ValidString(syntax.Field) {
				t.Fatalf("%q: %+v", body, syntax)
			}
			return
		}
		compareBodies(t, d, body, want)
	})
}

// compareBodies compares what was decoded with what jsontext read. Where jsontext
// gave up, the decoder may have gone on only past an event that it rejected.
func compareBodies(t rapid.TB, d *Decoder, body []byte, want reading) {
	t.Helper()
	rejected := map[int]bool{}
	for _, e := range d.Errors() {
		rejected[e.Index] = true
		if !utf8.ValidString(e.Field) || !utf8.ValidString(e.Message) || len(e.Field) > maxField || len(e.Message) > maxMessage {
			t.Fatalf("%q: %+v", body, e)
		}
	}
	if n := d.Accepted() + d.Rejected(); want.whole && n != len(want.events) || n < len(want.events) {
		t.Fatalf("%q: %d events, want %d", body, n, len(want.events))
	}
	if !want.whole && !rejected[len(want.events)] {
		t.Fatalf("%q: jsontext refuses event %d, which was accepted", body, len(want.events))
	}
	var got [][]cell
	for _, b := range d.Batches("acme") {
		if b.Table == d.table {
			c := NewColumns(b.Table)
			if err := c.AppendBatch(b.Bytes); err != nil {
				t.Fatal(err)
			}
			got = append(got, cells(c)...)
		}
	}
	for i, event := range want.events {
		if rejected[i] != (event == nil) {
			t.Fatalf("%q: event %d rejected: %v (%v), want %v", body, i, rejected[i], d.Errors(), event == nil)
		}
		if event != nil {
			if d := cmp.Diff(event, got[0]); d != "" {
				t.Fatalf("%q: event %d differs (-want +got):\n%s", body, i, d)
			}
			got = got[1:]
		}
	}
}

// reading is what jsontext makes of a body: a row of cells an event, nil for one
// that the schema refuses, and whether it could read to the end.
type reading struct {
	events [][]cell
	whole  bool
	joined bool // a number touches the value after it, as in 1-1: the decoder may refuse that
}

func readBody(table *Table, body []byte) (r reading) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	array := len(bytes.TrimLeft(body, " \t\r\n")) > 0 && bytes.TrimLeft(body, " \t\r\n")[0] == '['
	if array {
		if _, err := d.ReadToken(); err != nil {
			return r
		}
	}
	for {
		if array && d.PeekKind() == ']' {
			if _, err := d.ReadToken(); err != nil {
				return r
			}
			_, err := d.ReadToken()
			r.whole = err == io.EOF
			return r
		}
		v, err := d.ReadValue()
		if err != nil {
			r.whole = err == io.EOF && !array
			return r
		}
		r.events = append(r.events, readEvent(table, v))
		if next := int(d.InputOffset()); v.Kind() == '0' && next < len(body) && !isSpace(body[next]) {
			r.joined = r.joined || !array
		}
	}
}

// readEvent reads one value by the rules, in the plainest way.
func readEvent(table *Table, v jsontext.Value) []cell {
	if !v.IsValid() || v.Kind() != '{' || len(v) > fuzzLimits.MaxEvent {
		return nil // strictly: no duplicates, UTF-8
	}
	if d := jsontext.NewDecoder(bytes.NewReader(v)); !withinLimits(d) {
		return nil
	}
	row := make([]cell, len(table.columns))
	extra := []string{}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	d.ReadToken()
	for d.PeekKind() == '"' {
		name, _ := d.ReadToken()
		key := name.String()
		value, _ := d.ReadValue()
		i, known := table.byName[key]
		if !known {
			compact := value.Clone()
			compact.Compact()
			extra = append(extra, string(mustQuote(key))+":"+requote(compact))
			continue
		}
		if value.Kind() == 'n' {
			continue
		}
		x, ok := readValue(table.columns[i].Name, value, table.rules[0].maxLength)
		if !ok {
			return nil
		}
		row[i] = x
	}
	if row[0] == nil {
		return nil
	}
	row[table.receivedColumn()] = receipt.UnixMicro()
	if len(extra) > 0 {
		row[table.extraColumn()] = "{" + strings.Join(extra, ",") + "}"
	}
	return row
}

// withinLimits walks a value and holds it to the limits of code.go.
func withinLimits(d *jsontext.Decoder) bool {
	members := 0
	for {
		t, err := d.ReadToken()
		if err != nil {
			return err == io.EOF
		}
		if d.StackDepth() > MaxDepth {
			return false
		}
		if kind, n := d.StackIndex(d.StackDepth()); kind == '{' && n%2 == 1 && t.Kind() == '"' {
			if members++; members > MaxMembers || len(t.String()) > MaxKey {
				return false
			}
		}
		if t.Kind() == '0' && len(t.String()) > MaxNumber {
			return false
		}
	}
}

// readValue reads the value of a column of the fuzzed table.
func readValue(name string, v jsontext.Value, maxLength int) (cell, bool) {
	text, isText := unquote(v)
	number := v.Kind() == '0'
	switch name {
	case "s":
		n := utf8.RuneCountInString(text)
		return text, isText && n >= 1 && n <= maxLength
	case "e":
		return text, isText && (text == "x" || text == "y")
	case "i":
		x, ok := wholeNumber(v)
		return x, ok && math.MinInt32 <= x && x <= math.MaxInt32
	case "l":
		return wholeNumber(v)
	case "n":
		x, err := strconv.ParseFloat(string(v), 64)
		return x, number && err == nil
	case "b":
		return map[string]int64{"true": 1, "false": 0}[string(v)], v.Kind() == 't' || v.Kind() == 'f'
	case "t":
		if number {
			x, ok := wholeNumber(v)
			at := time.UnixMilli(x).UTC()
			return at.UnixMicro(), ok && x > -1e15 && x < 1e15 && at.Year() >= 0 && at.Year() <= 9999
		}
		at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
		return at.UnixMicro(), isText && err == nil && rfc3339.MatchString(text)
	case "d":
		if number {
			text = string(v)
		}
		if !jsontext.Value(text).IsValid() || jsontext.Value(text).Kind() != '0' || text != strings.TrimSpace(text) {
			return nil, false
		}
		if exponent := strings.IndexAny(text, "eE"); exponent >= 0 && len(text)-exponent > 5 {
			return nil, strings.Trim(text[:exponent], "-0.") == "" // far outside, or 0
		}
		x, ok := new(big.Rat).SetString(text)
		x.Mul(x, big.NewRat(1000, 1))
		return x.Num().Int64(), ok && x.IsInt() && x.Num().IsInt64() && abs(x.Num().Int64()) < 1e9
	}
	list := []string{}
	d := jsontext.NewDecoder(bytes.NewReader(v))
	if t, _ := d.ReadToken(); t.Kind() != map[string]jsontext.Kind{"m": '{', "a": '['}[name] {
		return nil, false
	}
	for {
		t, err := d.ReadToken()
		if err != nil {
			return nil, false
		}
		if t.Kind() == '}' || t.Kind() == ']' {
			return list, d.StackDepth() == 0
		}
		if t.Kind() != '"' {
			return nil, false
		}
		list = append(list, t.String())
	}
}

func abs(x int64) int64 { return max(x, -x) }

// wholeNumber reads an int64, by way of a rational where it is not written as one.
func wholeNumber(v jsontext.Value) (int64, bool) {
	if v.Kind() != '0' {
		return 0, false
	}
	if x, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		return x, true
	}
	text := string(v)
	if exponent := strings.IndexAny(text, "eE"); exponent >= 0 && len(text)-exponent > 5 {
		return 0, strings.Trim(text[:exponent], "-0.") == ""
	}
	x, ok := new(big.Rat).SetString(text)
	return x.Num().Int64(), ok && x.IsInt() && x.Num().IsInt64() && abs(x.Num().Int64()) < 1e18
}

func unquote(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}

func mustQuote(s string) []byte {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		panic(fmt.Sprintf("%q: %v", s, err))
	}
	return b
}

// requote writes every string of a compact value with as few escapes as can be.
func requote(v jsontext.Value) string {
	var b bytes.Buffer
	e := jsontext.NewEncoder(&b)
	d := jsontext.NewDecoder(bytes.NewReader(v))
	for {
		t, err := d.ReadToken()
		if err != nil {
			return strings.TrimSuffix(b.String(), "\n")
		}
		if t.Kind() == '"' {
			t = jsontext.String(t.String())
		}
		if err := e.WriteToken(t); err != nil {
			panic(err)
		}
	}
}

// FuzzAppendBatch feeds a Columns arbitrary bytes: they are refused, or they come
// back with the same content after another trip; and a Group takes and refuses the same.
func FuzzAppendBatch(f *testing.F) {
	table := compile(f, fuzzed)
	d := NewDecoder(table, fuzzLimits)
	for _, body := range []string{
		`{"s":"a"}`,
		`{"s":"a","b":true,"i":3,"m":{"k":"v"},"x":1}{"s":"b","a":["p","q"],"n":0.5}`,
		`{"s":"a","e":"x","t":"2026-11-23T07:15:30.5Z","d":"1.250"}{"s":"é","e":"y"}{"s":"c","l":7}`,
		strings.Repeat(`{"s":"","e":"y"}{"s":"é","l":7,"m":{"k":"v"},"a":["p","q"]}`, minWhole/2),
	} {
		if err := d.Decode([]byte(body), receipt, noLimit); err != nil {
			f.Fatal(err)
		}
		f.Add(d.Batches("acme")[0].Bytes)
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		if len(form) >= formHeader { // or every mutation would end at the fingerprint
			copy(form[8:], NewColumns(table).AppendTo(nil)[8:16])
		}
		sameVerdict(t, table, form)
		c := NewColumns(table)
		if err := c.AppendBatch(form); err != nil {
			if !errors.Is(err, ErrCorrupt) || c.Rows() != 0 || c.Size() != 0 {
				t.Fatalf("%v left %d rows", err, c.Rows())
			}
			return
		}
		again := NewColumns(table)
		if err := again.AppendBatch(c.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
		if c.Rows() > 1000 {
			return // cells would take longer than the test is worth
		}
		equal := cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
		if d := cmp.Diff(cells(c), cells(again), equal); d != "" {
			t.Fatalf("another trip changed the content:\n%s", d)
		}
	})
}

// FuzzCompile compiles arbitrary documents: no panic, and a table that holds what
// tables promise.
func FuzzCompile(f *testing.F) {
	for _, document := range []string{string(eventsDocument), string(rejectedDocument), fuzzed, shapes} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		table, err := Compile("t", document)
		if err != nil {
			return
		}
		again, err := Compile("t", table.Document())
		if err != nil || again.Fingerprint() != table.Fingerprint() {
			t.Fatalf("compiled again: %v", err)
		}
		if changes := Check(table, again); len(changes) > 0 {
			t.Fatalf("a schema differs from itself: %v", changes)
		}
		seen := map[string]bool{}
		for _, c := range table.Columns() {
			if !columnName.MatchString(c.Name) || c.Kind < String || c.Kind > StringList || seen[c.Name] {
				t.Fatalf("column %+v", c)
			}
			seen[c.Name] = true
		}
		if !strings.Contains(table.DDL(DDLOptions{Location: "s3://b"}), "PARTITIONED BY (tenant string, dt string, hour string)") {
			t.Fatal("the DDL has no partitions")
		}
		d := NewDecoder(table, sampleLimits)
		if err := d.Decode([]byte(`{}`), receipt, noLimit); err != nil {
			t.Fatal(err)
		}
	})
}
