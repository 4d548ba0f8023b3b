// What becomes of CloudEvents: the specification's own examples, and the rules of the
// package one by one.

package cloudevents

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parquay/schema"
)

var (
	receipt = time.Date(2018, 4, 5, 18, 0, 0, 0, time.UTC)
	limits  = schema.Limits{MaxEvent: 4 << 10, Late: 7 * 24 * time.Hour, Early: time.Hour}
)

func noLimit(int) error { return nil }

func compile(t testing.TB, document string) *schema.Table {
	t.Helper()
	table, err := schema.Compile("t", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// rowsOf lists the rows of a decoded body: what has a value, by column, without
// received_at. Maps and _extra are in the order of their keys.
func rowsOf(t testing.TB, d *schema.Decoder, of *schema.Table) (rows []map[string]string) {
	t.Helper()
	for _, b := range d.Batches("acme") {
		if b.Table != of {
			continue
		}
		c := schema.NewColumns(of)
		if err := c.AppendBatch(b.Bytes); err != nil {
			t.Fatal(err)
		}
		for row := range c.Rows() {
			cells := map[string]string{}
			for i, column := range of.Columns() {
				if v := c.Vector(i); v.Present(row) && column.Name != schema.ReceivedAt {
					cells[column.Name] = cell(t, v, column, row)
				}
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

func cell(t testing.TB, v *schema.Vector, c schema.Column, row int) string {
	t.Helper()
	switch c.Kind {
	case schema.String:
		if c.Name == schema.Extra {
			return sorted(t, v.Bytes(row))
		}
		return string(v.Bytes(row))
	case schema.StringMap:
		pairs := map[string]string{}
		for i, to := v.Elements(row); i < to; i++ {
			pairs[string(v.Key(i))] = string(v.Element(i))
		}
		text, err := json.Marshal(pairs)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	case schema.Timestamp:
		return time.UnixMicro(v.Int64(row)).UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v.Int64(row))
}

// sorted writes a value with the members of its objects in order, and its numbers as
// they are.
func sorted(t testing.TB, text []byte) string {
	t.Helper()
	if text[0] != '{' {
		return string(text)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	var b []string
	for _, k := range slices.Sorted(maps.Keys(members)) {
		b = append(b, string(schema.AppendString(nil, k))+":"+sorted(t, members[k]))
	}
	return "{" + strings.Join(b, ",") + "}"
}

// header makes a header of lines.
func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

const structured = "Content-Type: application/cloudevents+json; charset=UTF-8"

// TestSpecification decodes the examples of the JSON event format 1.0.2 (3.2, 4.3) and
// what the HTTP binding (3.1.4) makes of them.
func TestSpecification(t *testing.T) {
	common := []string{
		"ce-specversion: 1.0", "ce-type: com.example.someevent", "ce-source: /mycontext", "ce-time: 2018-04-05T17:31:00Z",
		"ce-comexampleextension1: value", "ce-comexampleothervalue: 5",
	}
	binary := func(id, contentType string) http.Header {
		return header(append(common, "ce-id: "+id, "Content-Type: "+contentType)...)
	}
	attributes := `"comexampleextension1":"value","comexampleothervalue":"5",`
	row := func(id, more, extra string) map[string]string {
		return map[string]string{
			"id": id, "type": "com.example.someevent", "time": "2018-04-05T17:31:00Z",
			"attributes": "{" + attributes + more + `"source":"/mycontext"}`, "_extra": extra,
		}
	}
	envelope := `{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","time":"2018-04-05T17:31:00Z",
		"comexampleextension1":"value","comexampleothervalue":5,"unsetextension":null,"subject":null,`
	thrift := row("A234-1234-1234", `"datacontenttype":"application/vnd.apache.thrift.binary",`, `{"data_base64":"gAEAAQ=="}`)
	xml := row("B234-1234-1234", `"datacontenttype":"application/xml",`, `{"data":"<much wow=\"xml\"/>"}`)
	object := row("C234-1234-1234", "", `{"appinfoA":"abc","appinfoB":123,"appinfoC":true}`)
	text := row("D234-1234-1234", "", `{"data":"I'm just a string"}`)
	for _, tt := range []struct {
		name   string
		header http.Header
		body   string
		want   []map[string]string
	}{
		{
			"binary data, structured", header(structured),
			envelope + `"id":"A234-1234-1234","datacontenttype":"application/vnd.apache.thrift.binary","data_base64":"gAEAAQ=="}`,
			[]map[string]string{thrift},
		},
		{"binary data, binary", binary("A234-1234-1234", "application/vnd.apache.thrift.binary"), "\x80\x01\x00\x01", []map[string]string{thrift}},
		{
			"XML, structured", header(structured),
			envelope + `"id":"B234-1234-1234","datacontenttype":"application/xml","data":"<much wow=\"xml\"/>"}`,
			[]map[string]string{xml},
		},
		{"XML, binary", binary("B234-1234-1234", "application/xml"), `<much wow="xml"/>`, []map[string]string{xml}},
		{
			"an object, structured", header(structured),
			envelope + `"id":"C234-1234-1234","datacontenttype":"application/json","data":{"appinfoA":"abc","appinfoB":123,"appinfoC":true}}`,
			[]map[string]string{object},
		},
		{"an object, binary", binary("C234-1234-1234", "application/json"), `{"appinfoA":"abc","appinfoB":123,"appinfoC":true}`, []map[string]string{object}},
		{"a string, structured", header(structured), envelope + `"id":"D234-1234-1234","data":"I'm just a string"}`, []map[string]string{text}},
		{"a string, binary", binary("D234-1234-1234", "application/json"), `"I'm just a string"`, []map[string]string{text}},
		{
			"a batch", header("Content-Type: Application/CloudEvents-Batch+JSON"),
			"[" + envelope + `"id":"A234-1234-1234","datacontenttype":"application/vnd.apache.thrift.binary","data_base64":"gAEAAQ=="},
			` + envelope + `"id":"C234-1234-1234","datacontenttype":"application/json","data":{"appinfoA":"abc","appinfoB":123,"appinfoC":true}}]`,
			[]map[string]string{thrift, object},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mode, err := Detect(tt.header)
			if err != nil {
				t.Fatal(err)
			}
			d := schema.NewDecoder(schema.Events(), limits)
			if err := Decode(d, mode, tt.header, []byte(tt.body), receipt, noLimit); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, rowsOf(t, d, schema.Events())); diff != "" || d.Rejected() > 0 {
				t.Errorf("rejected: %v; rows (-want +got):\n%s", d.Errors(), diff)
			}
		})
	}
}

const orders = `{"type": "object", "properties": {
	"key": {"type": "string", "x-role": "id"}, "at": {"type": "string", "format": "date-time", "x-role": "time"},
	"order": {"type": "string", "x-role": "subject"}, "kind": {"type": "string"}, "source": {"type": "string"},
	"labels": {"type": "object", "additionalProperties": {"type": "string"}, "x-role": "attributes"}
}}`

const plain = `{"type": "object", "properties": {"subject": {"type": "string"}, "n": {"type": "integer"}}}`

// TestPlaces decodes one CloudEvent each; E stands for the attributes that all have.
func TestPlaces(t *testing.T) {
	const e = `"specversion":"1.0","id":"1","source":"/s","type":"a.b"`
	for _, tt := range []struct{ table, event, want string }{
		// by role, by name, and else to the attributes or to _extra
		{orders, `{E,"time":"2018-04-05T17:31:00+01:00","subject":"o-7"}`, `at=2018-04-05T16:31:00Z key=1 labels={"type":"a.b"} order=o-7 source=/s`},
		{orders, `{E,"kind":"k","labels":"x","dataschema":"http://x","n":-5,"b":true}`, `key=1 kind=k labels={"b":"true","dataschema":"http://x","labels":"x","n":"-5","type":"a.b"} source=/s`},
		{plain, `{E,"subject":"s","n":5,"x":true}`, `_extra={"id":"1","source":"/s","type":"a.b","x":true} n=5 subject=s`},
		{plain, `{E,"datacontenttype":"text/json; charset=utf-8"}`, `_extra={"id":"1","source":"/s","type":"a.b"}`},
		{plain, `{E,"datacontenttype":"application\/x+json"}`, `_extra={"id":"1","source":"/s","type":"a.b"}`},
		{plain, `{E,"datacontenttype":"text/plain"}`, `_extra={"datacontenttype":"text/plain","id":"1","source":"/s","type":"a.b"}`},
		{plain, `{E,"time":"2018-04-05T17:31:00Z"}`, `_extra={"id":"1","source":"/s","time":"2018-04-05T17:31:00Z","type":"a.b"}`},
		// the data
		{plain, `{E,"data":{"n":9007199254740993,"f":1.50,"o":{"a":[1e400]}}}`, `_extra={"f":1.50,"id":"1","o":{"a":[1e400]},"source":"/s","type":"a.b"} n=9007199254740993`},
		{plain, `{E,"data":[1,{"id":2}]}`, `_extra={"data":[1,{"id":2}],"id":"1","source":"/s","type":"a.b"}`},
		{plain, `{E,"data":null}`, `_extra={"id":"1","source":"/s","type":"a.b"}`},
		{plain, `{E,"data":{}}`, `_extra={"id":"1","source":"/s","type":"a.b"}`},
		{plain, `{E,"data":7,"data_base64":null}`, `_extra={"data":7,"id":"1","source":"/s","type":"a.b"}`},
		{plain, `{E,"data_base64":"AQ\/\/"}`, `_extra={"data_base64":"AQ//","id":"1","source":"/s","type":"a.b"}`},
		// what both name
		{plain, `{E,"data":{"id":"1","type":"a\u002eb","source":null}}`, `_extra={"id":"1","source":"/s","type":"a.b"}`},
		{plain, `{E,"data":{"\u0069d":7,"x":1,"type":"c"}}`, `_extra={"data":{"id":7,"type":"c"},"id":"1","source":"/s","type":"a.b","x":1}`},
		{plain, `{E,"n":5,"data":{"n":5}}`, `_extra={"id":"1","source":"/s","type":"a.b"} n=5`},
		{orders, `{E,"subject":"o","data":{"order":"p"}}`, `key=1 labels={"subject":"o","type":"a.b"} order=p source=/s`},
		{orders, `{E,"subject":"o","data":{"order":null}}`, `key=1 labels={"type":"a.b"} order=o source=/s`},
		{orders, `{E,"data":{"labels":{"x":"y"}}}`, `key=1 labels={"type":"a.b","x":"y"} source=/s`},
		{orders, `{E,"data":{"labels":null}}`, `key=1 labels={"type":"a.b"} source=/s`},
		{orders, `{E,"n":5,"data":{"labels":{"n":"5","type":"c"},"key":2}}`, `_extra={"data":{"key":2,"labels":{"type":"c"}}} key=1 labels={"n":"5","type":"a.b"} source=/s`},
	} {
		table := compile(t, tt.table)
		d := schema.NewDecoder(table, limits)
		event := strings.Replace(tt.event, "E", e, 1)
		if err := Decode(d, Structured, nil, []byte(event), receipt, noLimit); err != nil || d.Rejected() > 0 {
			t.Errorf("%s: %v, %v", event, err, d.Errors())
			continue
		}
		row := rowsOf(t, d, table)[0]
		if !strings.Contains(event, `"time"`) {
			delete(row, "at") // the receipt
		}
		var got []string
		for _, name := range slices.Sorted(maps.Keys(row)) {
			got = append(got, name+"="+row[name])
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", event, got, tt.want)
		}
	}
}

// TestRefusals puts each CloudEvent between two good ones: it alone is rejected, and is
// kept as it was sent.
func TestRefusals(t *testing.T) {
	const good = `{"specversion":"1.0","id":"1","source":"/s","type":"a.b"}`
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%d":0`, i)
		}
		return b.String()
	}
	for _, tt := range []struct {
		event, field string
		code         schema.Code
	}{
		{`7`, "", schema.CodeNotAnObject},
		{`[[]]`, "", schema.CodeNotAnObject},
		{`{"id":"1","source":"/s","type":"a.b"}`, "specversion", schema.CodeNotACloudEvent},
		{`{"specversion":"0.3","id":"1","source":"/s","type":"a.b"}`, "specversion", schema.CodeNotACloudEvent},
		{`{"specversion":1.0,"id":"1","source":"/s","type":"a.b"}`, "specversion", schema.CodeNotACloudEvent},
		{`{"specversion":"1.0","source":"/s","type":"a.b"}`, "id", schema.CodeNotACloudEvent},
		{`{"specversion":"1.0","id":null,"source":"/s","type":"a.b"}`, "id", schema.CodeNotACloudEvent},
		{`{"specversion":"1.0","id":"","source":"/s","type":"a.b"}`, "id", schema.CodeNotACloudEvent},
		{`{"specversion":"1.0","id":"1","type":"a.b"}`, "source", schema.CodeNotACloudEvent},
		{`{"specversion":"1.0","id":"1","source":"/s"}`, "type", schema.CodeNotACloudEvent},
		{`{E,"subject":""}`, "subject", schema.CodeNotACloudEvent},
		{`{E,"dataschema":1}`, "dataschema", schema.CodeNotACloudEvent},
		{`{E,"my_name":"x"}`, "my_name", schema.CodeNotACloudEvent},
		{`{E,"myName":"x"}`, "myName", schema.CodeNotACloudEvent},
		{`{E,"":"x"}`, "", schema.CodeNotACloudEvent},
		{`{E,"x":1.5}`, "x", schema.CodeNotACloudEvent},
		{`{E,"x":1e3}`, "x", schema.CodeNotACloudEvent},
		{`{E,"x":{}}`, "x", schema.CodeNotACloudEvent},
		{`{E,"x":[]}`, "x", schema.CodeNotACloudEvent},
		{`{E,"data":1,"data_base64":"AQ=="}`, "data_base64", schema.CodeNotACloudEvent},
		{`{E,"data_base64":"A"}`, "data_base64", schema.CodeNotACloudEvent},
		{`{E,"data_base64":{}}`, "data_base64", schema.CodeNotACloudEvent},
		{`{E,"x":"1","x":"1"}`, "x", schema.CodeDuplicateKey},
		{`{E,"x":null,"\u0078":null}`, "x", schema.CodeDuplicateKey},
		{`{E,"data":{"id":"1","id":"1"}}`, "id", schema.CodeDuplicateKey},
		{`{E,"data":{"x":"1","x":"1"}}`, "x", schema.CodeDuplicateKey},
		{`{E,"data":{"attributes":null,"attributes":{}}}`, "attributes", schema.CodeDuplicateKey},
		{`{E,"data":{"attributes":{"source":"/s","source":"/s"}}}`, "attributes.source", schema.CodeDuplicateKey},
		{`{E,"data":{"attributes":{"y":"1","y":"1"}}}`, "attributes.y", schema.CodeDuplicateKey},
		{`{E,"data":{"attributes":[]}}`, "attributes", schema.CodeWrongType},
		{`{E,"data":{"id":2,"data":1}}`, "data", schema.CodeDuplicateKey},
		{`{E,"time":"yesterday"}`, "time", schema.CodeFormat},
		{`{E,"time":"2017-04-05T17:31:00Z"}`, "time", schema.CodeTooLate},
		{`{"specversion":"1.0","id":"1","source":"/s","type":"UPPER"}`, "type", schema.CodePattern},
		{`{E,"data":{"x":"\q"}}`, "data", schema.CodeInvalidEscape},
		{`{E,"x":"\ud800"}`, "x", schema.CodeInvalidUTF8},
		{`{E` + many(1021) + `}`, "", schema.CodeTooManyFields},
		{`{E,"data":{"x":0` + many(1025) + `}}`, "", schema.CodeTooManyFields},
		{`{E` + strings.ReplaceAll(many(1100), "0,", "null,") + `}`, "", schema.CodeTooManyFields},
		{`{E,"x":"` + strings.Repeat("x", 20<<10) + `"}`, "", schema.CodeEventTooLarge},
	} {
		event := strings.Replace(tt.event, "E", good[1:len(good)-1], 1)
		if tt.code == schema.CodePattern {
			event = tt.event // which has an E of its own
		}
		d := schema.NewDecoder(schema.Events(), schema.Limits{MaxEvent: 16 << 10, Late: limits.Late, Early: limits.Early})
		if err := Decode(d, Structured, nil, []byte("["+good+","+event+","+good+"]"), receipt, noLimit); err != nil {
			t.Errorf("%.200s: %v", event, err)
			continue
		}
		got := d.Errors()
		if len(got) != 1 || got[0].Index != 1 || got[0].Field != tt.field || got[0].Code != tt.code || got[0].Message == "" || d.Accepted() != 2 {
			t.Errorf("%.200s\n got %+v\nwant field %q, code %s", event, got, tt.field, tt.code)
		}
		raw := event[:min(len(event), 16<<10)]
		if rows := rowsOf(t, d, schema.Rejected()); len(rows) != 1 || rows[0]["raw"] != raw {
			t.Errorf("%.200s is kept as %.200s", event, rows)
		}
	}
}

// TestTime: a table without a time of its own takes no time but one of RFC 3339, either.
func TestTime(t *testing.T) {
	for moment, code := range map[string]schema.Code{"2018-04-05T17:31:00.5+01:00": "", "2018-04-05 17:31:00Z": schema.CodeFormat} {
		d := schema.NewDecoder(compile(t, plain), limits)
		event := `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","time":"` + moment + `"}`
		if err := Decode(d, Structured, nil, []byte(event), receipt, noLimit); err != nil || (d.Rejected() > 0) != (code != "") || d.Counts()[code] != d.Rejected() {
			t.Errorf("%s: %v, %v", event, err, d.Errors())
		}
	}
}

// TestClosedTable: a table that keeps no unknown fields takes a CloudEvent only if it
// has a place for each attribute.
func TestClosedTable(t *testing.T) {
	for document, accepted := range map[string]int{
		`{"type": "object", "additionalProperties": false, "properties": {"id": {"type": "string"}, "type": {"type": "string"}}}`:                               0,
		`{"type": "object", "additionalProperties": false, "properties": {"id": {"type": "string"}, "type": {"type": "string"}, "source": {"type": "string"}}}`: 1,
	} {
		d := schema.NewDecoder(compile(t, document), limits)
		if err := Decode(d, Structured, nil, []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"a.b"}`), receipt, noLimit); err != nil || d.Accepted() != accepted {
			t.Errorf("%s: %v, %v", document, err, d.Errors())
		}
	}
}

// TestBudget: what the translation takes is asked for before it is taken, and the
// error of whoever is asked is returned.
func TestBudget(t *testing.T) {
	full := errors.New("full")
	refuse := func(int) error { return full }
	d := schema.NewDecoder(schema.Events(), limits)
	event := []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"a.b"}`)
	if err := Decode(d, Structured, nil, event, receipt, refuse); !errors.Is(err, full) {
		t.Errorf("structured: %v", err)
	}
	h := header(append(mandatory, "ce-subject: %00%00%00")...)
	if err := Decode(d, Binary, h, nil, receipt, refuse); !errors.Is(err, full) {
		t.Errorf("binary: %v", err)
	}
	for _, body := range []string{"", strings.Repeat("\n", 100_000), strings.Repeat("\x00", 100_000), `"` + strings.Repeat("x", 100_000) + `"`} {
		m := message{header: h, body: []byte(body)}
		if err := m.read(); err != nil {
			t.Fatal(err)
		}
		text, _ := m.structured()
		var asked []int
		grow := func(bytes int) error { asked = append(asked, bytes); return nil }
		if err := Decode(d, Binary, h, []byte(body), receipt, grow); err != nil || asked[0] < len(text) || asked[0] > 2*len(text)+slack {
			t.Errorf("binary: %v; asked for %d, the text has %d bytes", err, asked, len(text))
		}
	}
	// Every attribute gets quotes.
	longest := []byte(`{"specversion":"1.0","id":"1","source":"/s","type":"a.b"`)
	for n := range 1000 {
		longest = fmt.Appendf(longest, `,"%d":0`, n)
	}
	event, refusal := newTranslator(schema.Events()).translate(append(longest, '}'))
	if refusal != nil || len(event) > len(longest)+slack {
		t.Errorf("a CloudEvent of %d bytes became %d: %v", len(longest), len(event), refusal)
	}
}
