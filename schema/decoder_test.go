package schema

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bytedance/sonic"
	"github.com/google/go-cmp/cmp"
)

// compile compiles a document of a test.
func compile(t testing.TB, document string) *Table {
	t.Helper()
	table, err := Compile("t", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// decoded is what a test sees of a decoded body: a row a line, as name=value for
// what has a value, without received_at.
func decoded(t testing.TB, d *Decoder) (rows []string) {
	t.Helper()
	for _, b := range d.Batches("acme") {
		if b.Table != d.table {
			continue
		}
		c := NewColumns(b.Table)
		if err := c.AppendBatch(b.Bytes); err != nil {
			t.Fatal(err)
		}
		if c.Rows() != b.Rows {
			t.Fatalf("the batch has %d rows, its bytes %d", b.Rows, c.Rows())
		}
		for _, row := range cells(c) {
			var text []string
			for i, x := range row {
				if name := b.Table.columns[i].Name; x != nil && name != ReceivedAt {
					text = append(text, fmt.Sprintf("%s=%v", name, x))
				}
			}
			rows = append(rows, strings.Join(text, " "))
		}
	}
	return rows
}

const shapes = `{
	"type": "object",
	"properties": {
		"s": {"type": "string", "minLength": 2, "maxLength": 4},
		"p": {"type": "string", "pattern": "^a+$"},
		"e": {"type": "string", "enum": ["red", "green"]},
		"u": {"type": "string", "format": "uuid"},
		"i": {"type": "integer", "format": "int32", "minimum": -5, "maximum": 2147483000},
		"l": {"type": "integer"},
		"n": {"type": "number", "minimum": -1, "maximum": 1e300},
		"b": {"type": "boolean"},
		"t": {"type": ["string", "integer"], "format": "date-time"},
		"ts": {"type": "string", "format": "date-time"},
		"ti": {"type": "integer", "format": "date-time"},
		"d": {"type": ["string", "number"], "x-decimal": "6,2", "minimum": -10},
		"dn": {"type": "number", "x-decimal": "18,0"},
		"ds": {"type": "string", "x-decimal": "18,18"},
		"m": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}},
		"a": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}}
	}
}`

// TestValues decodes one event each, and expects the row that it becomes.
func TestValues(t *testing.T) {
	d := NewDecoder(compile(t, shapes), sampleLimits)
	for _, tt := range []struct{ event, want string }{
		{`{}`, ``},
		{`{"s":null,"i":null,"m":null,"a":null,"t":null,"d":null,"b":null}`, ``},
		{`{"s":"häßl"}`, `s=häßl`},
		{`{"s":"\u00e9\n\"\/"}`, "s=é\n\"/"},
		{`{"s":"\ud83d\ude00x"}`, `s=😀x`},
		{`{"\u0073":"ab"}`, `s=ab`},
		{`{"p":"aaa"}`, `p=aaa`},
		{`{"e":"green"}`, `e=green`},
		{`{"u":"01890A5D-ac96-774b-bcce-b302099a8057"}`, `u=01890A5D-ac96-774b-bcce-b302099a8057`},
		{`{"i":-5}`, `i=-5`},
		{`{"i":2147483000}`, `i=2147483000`},
		{`{"i":1e3}`, `i=1000`},
		{`{"i":20.00}`, `i=20`},
		{`{"l":-9223372036854775808}`, `l=-9223372036854775808`},
		{`{"l":9223372036854775807}`, `l=9223372036854775807`},
		{`{"n":0.1}`, `n=0.1`},
		{`{"n":1e300}`, `n=1e+300`},
		{`{"n":1e-999}`, `n=0`},
		{`{"b":true}`, `b=1`},
		{`{"b":false}`, `b=0`},
		{`{"t":"2026-11-23T07:15:30.1234567+05:30"}`, `t=1795398330123456`},
		{`{"t":"1969-12-31t23:59:59.999999z"}`, `t=-1`},
		{`{"t":1795398330123}`, `t=1795398330123000`},
		{`{"ts":"0000-01-01T00:00:00Z"}`, `ts=-62167219200000000`},
		{`{"ts":"9999-12-31T23:59:59.999999Z"}`, `ts=253402300799999999`},
		{`{"ti":-1e3}`, `ti=-1000000`},
		{`{"d":"1234.5"}`, `d=123450`},
		{`{"d":-10}`, `d=-1000`},
		{`{"d":12.3400e1}`, `d=12340`},
		{`{"d":-0.0}`, `d=0`},
		{`{"dn":999999999999999999}`, `dn=999999999999999999`},
		{`{"ds":"0.000000000000000001"}`, `ds=1`},
		{`{"m":{}}`, `m=[]`},
		{`{"m":{"k":"v","":""}}`, `m=[k v  ]`},
		{`{"a":[]}`, `a=[]`},
		{`{"a":["x","y","x"]}`, `a=[x y x]`},
		{`{"x":1,"s":"ab","y":null}`, `s=ab _extra={"x":1,"y":null}`},
		{
			`{"x":{"a":[1.50,{"b":"\u0007\b\f\n\r\t\"\\\/é"},[],{}],"c":[[true,false]]},"y":""}`,
			`_extra={"x":{"a":[1.50,{"b":"\u0007\b\f\n\r\t\"\\/é"},[],{}],"c":[[true,false]]},"y":""}`,
		},
		{`{"x":123456789012345678901234567890,"y":-0.10e+2}`, `_extra={"x":123456789012345678901234567890,"y":-0.10e+2}`},
		{`{"q\"\\":1}`, `_extra={"q\"\\":1}`},
		{`{"x":",[","y":"{","z":":"}`, `_extra={"x":",[","y":"{","z":":"}`},
		{" \t{\r\n\"s\" : \"ab\" ,\n\"x\" : [ 1 , 2 ] }\r\n", `s=ab _extra={"x":[1,2]}`},
		{"\xef\xbb\xbf{\"s\":\"ab\"}", `s=ab`},
		{strings.Repeat(`{"x":`, 31) + `[]` + strings.Repeat(`}`, 31), `_extra=` + strings.Repeat(`{"x":`, 31) + `[]` + strings.Repeat(`}`, 31)},
	} {
		if err := d.Decode([]byte(tt.event), receipt, noLimit); err != nil {
			t.Errorf("%s: %v", tt.event, err)
			continue
		}
		if d.Rejected() > 0 {
			t.Errorf("%s: %v", tt.event, d.Errors())
			continue
		}
		if got := decoded(t, d); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.event, got, tt.want)
		}
	}
}

// refusals are events that the table of shapes refuses, or its variants do.
var refusals = []struct {
	event, field string
	code         Code
}{
	{`1`, "", CodeNotAnObject},
	{`"s"`, "", CodeNotAnObject},
	{`null`, "", CodeNotAnObject},
	{`[[]]`, "", CodeNotAnObject},
	{"{\"s\":\"a\xff\"}", "s", CodeInvalidUTF8},
	{"{\"b\":true,\"x\xff\":1}", "x", CodeInvalidUTF8},
	{"{\"x\":{\"y\":\"\xed\xa0\x80\"}}", "x", CodeInvalidUTF8}, // a surrogate in UTF-8
	{`{"s":"\ud800"}`, "s", CodeInvalidUTF8},
	{`{"s":"\ud800\u0041"}`, "s", CodeInvalidUTF8},
	{`{"s":"\udc00\ud800"}`, "s", CodeInvalidUTF8},
	{`{"x":"\ud83d\\ude00"}`, "x", CodeInvalidUTF8},
	{`{"s":"a\q"}`, "s", CodeInvalidEscape},
	{`{"s":"\u12G4"}`, "s", CodeInvalidEscape},
	{`{"s":"\u+123"}`, "s", CodeInvalidEscape},
	{`{"s":"\u12"}`, "s", CodeInvalidEscape},
	{"{\"b\":true,\"s\":\"a\nb\"}", "s", CodeControlCharacter},
	{"{\"s\":\"a\x1fb\"}", "s", CodeControlCharacter},
	{"{\"s\":\"\\\"\\\\\x00\"}", "s", CodeControlCharacter},
	{"{\n\"x\":[\"\t\"]}", "x", CodeControlCharacter},
	{`{"s":"ab","s":"ab"}`, "s", CodeDuplicateKey},
	{`{"s":null,"i":1,"s":null}`, "s", CodeDuplicateKey},
	{`{"s":"ab","\u0073":"ab"}`, "s", CodeDuplicateKey},
	{`{"x":1,"y":2,"x":3}`, "x", CodeDuplicateKey},
	{`{"x":{"y":1,"z":{"y":1},"y":1}}`, "x", CodeDuplicateKey},
	{`{"m":{"k":"v","l":"v","k":"v"}}`, "m.k", CodeDuplicateKey},
	{strings.Repeat(`{"x":`, 32) + `[]` + strings.Repeat(`}`, 32), "x", CodeDepth},
	{`{"x":` + strings.Repeat(`[`, 4000) + strings.Repeat(`]`, 4000) + `}`, "x", CodeDepth},
	{`{"` + strings.Repeat("k", 257) + `":1}`, strings.Repeat("k", 128), CodeKeyTooLong},
	{`{"m":{"` + strings.Repeat("é", 129) + `":"v"}}`, "m." + strings.Repeat("é", 63), CodeKeyTooLong},
	{`{"x":1` + strings.Repeat("0", 64) + `}`, "x", CodeNumberTooLong},
	{`{"n":0.` + strings.Repeat("0", 63) + `}`, "n", CodeNumberTooLong},
	{`{"s":1}`, "s", CodeWrongType},
	{`{"s":["ab"]}`, "s", CodeWrongType},
	{`{"s":{}}`, "s", CodeWrongType},
	{`{"i":"1"}`, "i", CodeWrongType},
	{`{"i":1.5}`, "i", CodeWrongType},
	{`{"l":1e-1}`, "l", CodeWrongType},
	{`{"n":"1"}`, "n", CodeWrongType},
	{`{"b":1}`, "b", CodeWrongType},
	{`{"b":"true"}`, "b", CodeWrongType},
	{`{"ts":1}`, "ts", CodeWrongType},
	{`{"ti":"2026-11-23T07:15:30Z"}`, "ti", CodeWrongType},
	{`{"t":true}`, "t", CodeWrongType},
	{`{"ds":1}`, "ds", CodeWrongType},
	{`{"dn":"1"}`, "dn", CodeWrongType},
	{`{"m":[]}`, "m", CodeWrongType},
	{`{"m":{"k":1}}`, "m.k", CodeWrongType},
	{`{"m":{"k":null}}`, "m.k", CodeWrongType},
	{`{"m":{"k":{}}}`, "m.k", CodeWrongType},
	{`{"a":{}}`, "a", CodeWrongType},
	{`{"a":"x"}`, "a", CodeWrongType},
	{`{"a":["x",null]}`, "a", CodeWrongType},
	{`{"a":[["x"]]}`, "a", CodeWrongType},
	{`{"u":"01890a5d-ac96-774b-bcce-b302099a805"}`, "u", CodeFormat},
	{`{"u":"01890a5d-ac96-774b-bcce-b302099a805g"}`, "u", CodeFormat},
	{`{"u":"01890a5dxac96-774b-bcce-b302099a8057"}`, "u", CodeFormat},
	{`{"t":"yesterday"}`, "t", CodeFormat},
	{`{"t":"2026-02-29T00:00:00Z"}`, "t", CodeFormat},
	{`{"t":"2026-11-23 07:15:30Z"}`, "t", CodeFormat},
	{`{"t":"2026-11-23T07:15:30"}`, "t", CodeFormat},
	{`{"t":"2026-11-23T24:00:00Z"}`, "t", CodeFormat},
	{`{"t":1.5}`, "t", CodeFormat},
	{`{"t":253402300800000}`, "t", CodeFormat},
	{`{"d":"1,5"}`, "d", CodeFormat},
	{`{"d":""}`, "d", CodeFormat},
	{`{"d":"01"}`, "d", CodeFormat},
	{`{"d":"1e"}`, "d", CodeFormat},
	{`{"d":"NaN"}`, "d", CodeFormat},
	{`{"d":0.001}`, "d", CodePrecision},
	{`{"ds":"1e-19"}`, "ds", CodePrecision},
	{`{"d":-10.01}`, "d", CodeTooSmall},
	{`{"d":-10000}`, "d", CodeTooSmall},
	{`{"i":-6}`, "i", CodeTooSmall},
	{`{"i":-2147483649}`, "i", CodeTooSmall},
	{`{"l":-9223372036854775809}`, "l", CodeTooSmall},
	{`{"n":-1.01}`, "n", CodeTooSmall},
	{`{"n":-1e999}`, "n", CodeTooSmall},
	{`{"d":"10000"}`, "d", CodeTooLarge},
	{`{"d":1e2147483648}`, "d", CodeTooLarge},
	{`{"i":2147483001}`, "i", CodeTooLarge},
	{`{"i":2147483648}`, "i", CodeTooLarge},
	{`{"l":9223372036854775808}`, "l", CodeTooLarge},
	{`{"n":1e301}`, "n", CodeTooLarge},
	{`{"n":1e999}`, "n", CodeTooLarge},
	{`{"s":"é"}`, "s", CodeTooShort},
	{`{"s":"ééééé"}`, "s", CodeTooLong},
	{`{"m":{"k":"long"}}`, "m.k", CodeTooLong},
	{`{"p":"ab"}`, "p", CodePattern},
	{`{"e":"blue"}`, "e", CodeNotInEnum},
	{`{"a":["x","z"]}`, "a", CodeNotInEnum},
}

// TestRefusals puts each event between two good ones, in a body of lines and in an
// array: it is refused with its field and code, and the good ones are not.
func TestRefusals(t *testing.T) {
	d := NewDecoder(compile(t, shapes), sampleLimits)
	const good = `{"s":"ab","m":{"k":"v"},"a":["x"],"x":1}`
	want := []string{`s=ab m=[k v] a=[x] _extra={"x":1}`, `s=ab m=[k v] a=[x] _extra={"x":1}`}
	for _, tt := range refusals {
		event := tt.event
		for _, body := range []string{
			good + "\n" + event + "\n" + good,
			good + event + " " + good,
			"[" + good + "," + event + "," + good + "]",
		} {
			if event == "[[]]" && body[0] != '[' {
				continue // an array is an event only within another
			}
			if err := d.Decode([]byte(body), receipt, noLimit); err != nil {
				t.Errorf("%.200s: %v", body, err)
				continue
			}
			if got := d.Errors(); len(got) != 1 || got[0].Index != 1 || got[0].Field != tt.field || got[0].Code != tt.code || got[0].Message == "" {
				t.Errorf("%.200s\n got %+v\nwant field %q, code %s", body, got, tt.field, tt.code)
			}
			if d := cmp.Diff(want, decoded(t, d)); d != "" {
				t.Errorf("%.200s: good rows differ (-want +got):\n%s", body, d)
			}
		}
	}
}

// TestLimits covers the codes that depend on more than one event's text.
func TestLimits(t *testing.T) {
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"k%d":0`, i)
		}
		return b.String()[1:]
	}
	closed := strings.Replace(shapes, `"type": "object",`, `"type": "object", "additionalProperties": false, "required": ["b", "a"],`, 1)
	timed := `{"type": "object", "properties": {"time": {"type": ["string", "integer"], "format": "date-time", "x-role": "time"}}}`
	small := Limits{MaxEvent: 20, Late: time.Hour, Early: time.Minute}
	for _, tt := range []struct {
		name, document, event, field string
		limits                       Limits
		code                         Code // "" if the event is accepted
	}{
		{"members", shapes, "{" + members(1024) + "}", "", sampleLimits, ""},
		{"one member more", shapes, "{" + members(1025) + "}", "", sampleLimits, CodeTooManyFields},
		{"members within", shapes, `{"x":{` + members(1024) + `}}`, "", sampleLimits, CodeTooManyFields},
		{"size", shapes, `{"x":"12345678901"} `, "", small, ""},
		{"one byte more", shapes, `{"x":"1234567890123"}`, "", small, CodeEventTooLarge},
		{"scalar too large", shapes, `"1234567890123456789"`, "", small, CodeEventTooLarge},
		{"required", closed, `{"a":[],"b":false}`, "", sampleLimits, ""},
		{"required absent", closed, `{"a":[]}`, "b", sampleLimits, CodeRequired},
		{"required null", closed, `{"b":true,"a":null}`, "a", sampleLimits, CodeRequired},
		{"unknown", closed, `{"b":true,"a":[],"x":null}`, "x", sampleLimits, CodeUnknownField},
		{"just late enough", timed, `{"time":1795416300123}`, "", Limits{100, time.Hour, time.Minute}, CodeTooLate},
		{"just not too late", timed, `{"time":"2026-11-23T06:45:00.123456Z"}`, "", Limits{100, time.Hour, time.Minute}, ""},
		{"not too late", timed, `{"time":1795416300124}`, "", Limits{100, time.Hour, time.Minute}, ""},
		{"early", timed, `{"time":"2026-11-23T07:46:00.123456Z"}`, "", Limits{100, time.Hour, time.Minute}, ""},
		{"too early", timed, `{"time":"2026-11-23T07:46:00.123457Z"}`, "", Limits{100, time.Hour, time.Minute}, CodeTooEarly},
	} {
		d := NewDecoder(compile(t, tt.document), tt.limits)
		if err := d.Decode([]byte(tt.event), receipt, noLimit); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := Code("")
		if d.Rejected() > 0 {
			got = d.Errors()[0].Code
		}
		if got != tt.code || tt.field != "" && d.Errors()[0].Field != tt.field {
			t.Errorf("%s: got %v, want code %q, field %q", tt.name, d.Errors(), tt.code, tt.field)
		}
		seenInLimits = append(seenInLimits, got)
	}
}

var seenInLimits []Code

// declaredCodes reads the constants of code.go.
func declaredCodes(t *testing.T) (codes []Code) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Code" {
				codes = append(codes, Code(strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`)))
			}
		}
		return true
	})
	if len(codes) == 0 {
		t.Fatal("code.go declares no code")
	}
	return codes
}

// TestEveryCode keeps the tests above complete: each code is met in one.
func TestEveryCode(t *testing.T) {
	TestLimits(t)
	met := append(slices.Clone(seenInLimits), CodeNotACloudEvent) // a Translator's: TestDecodeAs
	for _, r := range refusals {
		met = append(met, r.code)
	}
	for _, code := range declaredCodes(t) {
		if !slices.Contains(met, code) {
			t.Errorf("no test meets code %s", code)
		}
	}
}

// TestSyntaxErrors breaks bodies: nothing of them is taken.
func TestSyntaxErrors(t *testing.T) {
	d := NewDecoder(compile(t, shapes), sampleLimits)
	for _, tt := range []struct {
		body          string
		offset, index int
		field         string
	}{
		{``, 0, 0, ""},
		{" \n", 2, 0, ""},
		{`[]`, 2, 0, ""},
		{"\xef\xbb\xbf", 3, 0, ""},
		{`{"s":"ab"}x`, 10, 1, ""},
		{`{"s":"ab"},{"s":"ab"}`, 10, 1, ""},
		{`{"s":"ab"}]`, 10, 1, ""},
		{`{"s":"ab"`, 9, 0, "s"},
		{`{"s":"ab`, 8, 0, "s"},
		{`{"s":"ab",}`, 10, 0, "s"},
		{`{"s":01}`, 6, 0, "s"},
		{`{"s":NaN}`, 5, 0, "s"},
		{`{"s":tru}`, 8, 0, "s"},
		{`{'s':1}`, 1, 0, ""},
		{"{\"s\":1}\n{\"b\":true,\"s\" 1}\n{}", 22, 1, "s"},
		{`[{"s":"ab"} {"s":"ab"}]`, 12, 1, ""},
		{`[{"s":"ab"},]`, 12, 1, ""},
		{`[{"s":"ab"}`, 11, 1, ""},
		{`[{"s":"ab"}] {}`, 13, 1, ""},
		{`[`, 1, 0, ""},
		{`[,`, 1, 0, ""},
		{"\x00", 0, 0, ""},
		{`"` + strings.Repeat(`\`, 32), 33, 0, ""},
		{`{}"` + strings.Repeat(`\`, 64), 67, 1, ""},
		{strings.Repeat("[", 1<<20), 10_001, 0, ""},
		{`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}", 0, 0, ""},
	} {
		err := d.Decode([]byte(tt.body), receipt, noLimit)
		syntax, ok := errors.AsType[*SyntaxError](err)
		if !ok {
			t.Errorf("%.60q: got %v, want a syntax error", tt.body, err)
			continue
		}
		if syntax.Offset != tt.offset || syntax.Index != tt.index || syntax.Field != tt.field {
			t.Errorf("%.60q: got %+v, want offset %d, index %d, field %q", tt.body, syntax, tt.offset, tt.index, tt.field)
		}
		if d.Accepted()+d.Rejected()+len(d.Errors())+len(d.Batches("acme")) > 0 {
			t.Errorf("%.60q: something of a broken body was taken", tt.body)
		}
	}
}

// TestSequences puts the same events together in every way that a body may.
func TestSequences(t *testing.T) {
	d := NewDecoder(compile(t, shapes), sampleLimits)
	for _, body := range []string{
		`{"s":"a}"}{"s":"{b"}{"i":3}`,
		"{\"s\":\"a}\"}\n{\"s\":\"{b\"}\n{\"i\":3}",
		"{\"s\":\"a}\"}\r\n\r\n{\"s\":\"{b\"}\r\n{\"i\":3}\r\n",
		"{\"s\":\"a}\"}{\"s\":\"{b\"}\n{\"i\":3} ",
		"{\"s\":\"a}\"} \t{\"s\":\"{b\"}\n\n{\n\"i\":\n3\n}\n",
		`[{"s":"a}"},{"s":"{b"},{"i":3}]`,
		" [ {\"s\":\"a}\"}\n,{\"s\":\"{b\"} , {\"i\":3} ] \n",
	} {
		if err := d.Decode([]byte(body), receipt, noLimit); err != nil {
			t.Errorf("%q: %v", body, err)
			continue
		}
		if diff := cmp.Diff([]string{`s=a}`, `s={b`, `i=3`}, decoded(t, d)); diff != "" {
			t.Errorf("%q: rows differ (-want +got):\n%s", body, diff)
		}
	}
}

// TestGatewayFields expects an id and a time in every row, the sender's or ours.
func TestGatewayFields(t *testing.T) {
	d := NewDecoder(Events(), sampleLimits)
	body := `{"type":"message.sent"}
{"type":"message.sent","id":null,"time":null}
{"type":"message.sent","id":"mine","time":"2026-11-23T07:00:00Z"}`
	if err := d.Decode([]byte(body), receipt, noLimit); err != nil {
		t.Fatal(err)
	}
	c := NewColumns(Events())
	if err := c.AppendBatch(d.Batches("acme")[0].Bytes); err != nil {
		t.Fatal(err)
	}
	id, at, received := c.Vector(Events().IDColumn()), c.Vector(Events().TimeColumn()), c.Vector(Events().Index(ReceivedAt))
	if got := string(id.Bytes(2)); got != "mine" {
		t.Errorf("the sender's id became %q", got)
	}
	for row := range 2 {
		if s := string(id.Bytes(row)); !isUUID(s) || s[14] != '7' {
			t.Errorf("row %d has id %q, want a UUIDv7", row, s)
		}
		if at.Int64(row) != receipt.UnixMicro() {
			t.Errorf("row %d has another time than its receipt", row)
		}
	}
	for row := range 3 {
		if received.Int64(row) != receipt.UnixMicro() {
			t.Errorf("row %d was received at %d", row, received.Int64(row))
		}
	}
}

// TestBatchesByHour mixes hours: one batch each, with the rows in the body's order,
// and the rejected ones under the hour of receipt.
func TestBatchesByHour(t *testing.T) {
	table := compile(t, `{"type": "object", "properties": {
		"n": {"type": "integer"}, "s": {"type": "string"}, "m": {"type": "object", "additionalProperties": {"type": "string"}},
		"l": {"type": "array", "items": {"type": "string"}}, "time": {"type": "string", "format": "date-time", "x-role": "time"}}}`)
	d := NewDecoder(table, Limits{MaxEvent: 1000, Late: 1e6 * time.Hour, Early: time.Hour})
	var body strings.Builder
	want := map[int64][]string{}
	for i := range 200 {
		at := receipt.Add(-time.Duration(i*i%7) * time.Hour)
		if i%50 == 49 {
			at = time.Date(1969, 12, 31, 23, 59, 59, i, time.UTC)
		}
		hour := at.Truncate(time.Hour).Unix() / 3600
		fmt.Fprintf(&body, `{"n":%d,"time":%q`, i, at.Format(time.RFC3339Nano))
		row := fmt.Sprintf("n=%d time=%d", i, at.UnixMicro())
		if i%3 == 0 {
			fmt.Fprintf(&body, `,"s":"s%d","m":{"k":"%d"},"l":["a","%d"]`, i, i, i)
			row = fmt.Sprintf("n=%d s=s%d m=[k %d] l=[a %d] time=%d", i, i, i, i, at.UnixMicro())
		}
		body.WriteString("}\n")
		want[hour] = append(want[hour], row)
		if i%100 == 0 {
			body.WriteString(`{"n":"x"}` + "\n")
		}
	}
	for range 2 { // the second body finds a decoder that was used
		if err := d.Decode([]byte(body.String()), receipt, noLimit); err != nil {
			t.Fatal(err)
		}
		got := map[int64][]string{}
		last := int64(-1 << 62)
		batches := d.Batches("acme")
		for _, b := range batches[:len(batches)-1] {
			if b.Hour <= last || b.Tenant != "acme" || b.Table != table {
				t.Fatalf("batch %+v after hour %d", b, last)
			}
			last = b.Hour
			c := NewColumns(table)
			if err := c.AppendBatch(b.Bytes); err != nil {
				t.Fatal(err)
			}
			for _, row := range cells(c) {
				var text []string
				for i, x := range row[:5] {
					if x != nil {
						text = append(text, fmt.Sprintf("%s=%v", table.columns[i].Name, x))
					}
				}
				got[b.Hour] = append(got[b.Hour], strings.Join(text, " "))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rows by hour differ (-want +got):\n%s", diff)
		}
		if b := batches[len(batches)-1]; b.Table != Rejected() || b.Rows != 2 || b.Hour != receipt.Unix()/3600 {
			t.Errorf("rejected rows: %+v", b)
		}
	}
}

// TestRejectedRows reads what is kept of refused events.
func TestRejectedRows(t *testing.T) {
	table := compile(t, `{"type": "object", "properties": {"s": {"type": "string"}}}`)
	d := NewDecoder(table, Limits{MaxEvent: 16})
	body := "{\"s\":1}\n" + `7 ` + "{\"s\":\"\xff\"}\n" + `{"x":"0123456ééé"}`
	if err := d.Decode([]byte(body), receipt, noLimit); err != nil {
		t.Fatal(err)
	}
	c := NewColumns(Rejected())
	if err := c.AppendBatch(d.Batches("acme")[0].Bytes); err != nil {
		t.Fatal(err)
	}
	at := receipt.UnixMicro()
	want := [][]cell{
		{"t", "wrong_type", "s", "must be a string, not a number", `{"s":1}`, at},
		{"t", "not_an_object", nil, "an event must be an object, not a number", `7`, at},
		{"t", "invalid_utf8", "s", "holds bytes that are not valid UTF-8", "base64:eyJzIjoi/yJ9", at},
		{"t", "event_too_large", nil, "must have at most 16 bytes (the event has 21 bytes)", `{"x":"0123456é`[:15], at},
	}
	if diff := cmp.Diff(want, cells(c)); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

// TestManyErrors bounds the answer, not the rows that are kept.
func TestManyErrors(t *testing.T) {
	d := NewDecoder(Events(), sampleLimits)
	if err := d.Decode([]byte(strings.Repeat("{}", 1500)), receipt, noLimit); err != nil {
		t.Fatal(err)
	}
	if len(d.Errors()) != MaxErrors || d.Rejected() != 1500 || d.Batches("acme")[0].Rows != 1500 {
		t.Errorf("%d errors, %d rejected", len(d.Errors()), d.Rejected())
	}
	if last := d.Errors()[MaxErrors-1]; last.Index != MaxErrors-1 {
		t.Errorf("the last error has index %d", last.Index)
	}
}

// TestPatternMemo gives a pattern two texts that its memo keeps in the same place.
func TestPatternMemo(t *testing.T) {
	d := NewDecoder(compile(t, shapes), sampleLimits)
	if err := d.Decode([]byte(`{"p":"aaaaa"}{"p":"aaaaa"}{"p":"axaaa"}{"p":"aaaaa"}`), receipt, noLimit); err != nil {
		t.Fatal(err)
	}
	if got := d.Errors(); len(got) != 1 || got[0].Index != 2 || got[0].Code != CodePattern {
		t.Errorf("got %v", got)
	}
}

// TestScan puts one byte of each class at every place of texts of every length.
func TestScan(t *testing.T) {
	for n := range 80 {
		for at := range n {
			for _, c := range []byte{0, 0x1f, ' ', '!', '\\', 0x7f, 0x80, 0xff} {
				text := bytes.Repeat([]byte{'a'}, n)
				text[at] = c
				high, control, escape := scan(text)
				if high != (c >= 0x80) || control != (c < ' ') || escape != (c == '\\') {
					t.Fatalf("byte %#x at %d of %d: %v %v %v", c, at, n, high, control, escape)
				}
			}
		}
	}
}

// TestNativeSonic fails where sonic falls back to encoding/json, which is slower and
// accepts other texts.
func TestNativeSonic(t *testing.T) {
	if sonic.APIKind != sonic.UseSonicJSON {
		t.Fatal("sonic does not run natively here: the Go version or the processor is not one that it supports")
	}
}

// TestDecodeAllocations: events cost nothing on the heap, so twice as many cost as
// much.
func TestDecodeAllocations(t *testing.T) {
	d := NewDecoder(Events(), sampleLimits)
	allocations := func(body []byte) float64 {
		return testing.AllocsPerRun(20, func() {
			if err := d.Decode(body, receipt, noLimit); err != nil {
				t.Fatal(err)
			}
		})
	}
	many, few := allocations(sampleEvents(1000)), allocations(sampleEvents(500))
	if many != 0 || few != 0 {
		t.Errorf("%v allocations for 1000 events, %v for 500, want none", many, few)
	}

	escaped := strings.Repeat(`{"type":"a.b","error_reason":"\"x\"","_\n":"\u00e9"}`+"\n", 100)
	if got := allocations([]byte(escaped)); got != 0 {
		t.Errorf("%v allocations for 300 strings with escapes, want none", got)
	}
}

// TestLargeBodyIsForgotten: a decoder that has read one large body does not keep its
// columns' memory while it reads small ones.
func TestLargeBodyIsForgotten(t *testing.T) {
	d := NewDecoder(Events(), sampleLimits)
	for _, body := range [][]byte{sampleEvents(20_000), sampleEvents(1)} {
		if err := d.Decode(body, receipt, noLimit); err != nil || d.Rejected() > 0 {
			t.Fatal(err, d.Errors())
		}
	}
	kept := 0
	for i := range d.rows.vectors {
		v := &d.rows.vectors[i]
		kept += cap(v.bits) + cap(v.fixed) + cap(v.ends) + cap(v.elements) + cap(v.text)
	}
	if kept > keptMemory {
		t.Errorf("%d bytes of columns are kept, more than %d", kept, keptMemory)
	}
}
