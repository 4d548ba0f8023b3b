// Binary mode: headers and bodies.

package cloudevents

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/schema"
)

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		header http.Header
		mode   Mode
		err    error
	}{
		{header(), None, nil},
		{header("Content-Type: application/json", "X-Ce-Id: 1"), None, nil},
		{header("Content-Type: application/cloud"), None, nil},
		{header("Content-Type: application/json", "ce-specversion: 1.0"), Binary, nil},
		{header("ce-specversion: "), Binary, nil},
		{header("ce-id: 1", "ce-source: /s", "ce-type: x"), None, nil},
		{header("Content-Type: application/cloudevents+json"), Structured, nil},
		{header("Content-Type: application/cloudevents+json", "ce-specversion: 1.0"), Structured, nil},
		{header("Content-Type: APPLICATION/CloudEvents+json ; charset=utf-8"), Structured, nil},
		{header("Content-Type: application/cloudevents-batch+json"), Structured, nil},
		{header("Content-Type: application/cloudevents"), None, ErrFormat},
		{header("Content-Type: application/cloudevents-batch"), None, ErrFormat},
		{header("Content-Type: application/cloudevents+avro"), None, ErrFormat},
		{header("Content-Type: application/cloudevents+protobuf", "ce-specversion: 1.0"), None, ErrFormat},
	} {
		if mode, err := Detect(tt.header); mode != tt.mode || !errors.Is(err, tt.err) {
			t.Errorf("%v: %v, %v", tt.header, mode, err)
		}
	}
}

// TestAllocDetect: an ordinary request pays nothing for being none of these.
func TestAllocDetect(t *testing.T) {
	h := header("Content-Type: application/json", "User-Agent: curl", "Authorization: Bearer x")
	if n := testing.AllocsPerRun(100, func() { _, _ = Detect(h) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

var mandatory = []string{"ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: a.b"}

// TestBodies: what the data is depends on the type of the body, and on its bytes
// where the type says nothing.
func TestBodies(t *testing.T) {
	for _, tt := range []struct{ contentType, body, want string }{
		{"application/json", ``, `{}`},
		{"application/json", " {\"n\": 1.50 } \n", `{"n":1.50}`},
		{"application/vnd.x+json; v=1", `[1,2]`, `{"data":[1,2]}`},
		{"text/json", "\xef\xbb\xbf7", `{"data":7}`},
		{"application/json", `"x"`, `{"data":"x"}`},
		{"", `{"n":1}`, `{"n":1}`},
		{"application/x-www-form-urlencoded", `{"n":1}`, `{"n":1}`},
		{"application/x-www-form-urlencoded", `a=1`, `{"data":"a=1","datacontenttype":"application/x-www-form-urlencoded"}`},
		{"", `{"n":1`, `{"data":"{\"n\":1"}`},
		{"text/plain", `{"n":1}`, `{"data":"{\"n\":1}","datacontenttype":"text/plain"}`},
		{"text/plain", "a\r\n\t\"\\é", `{"data":"a\r\n\t\"\\é","datacontenttype":"text/plain"}`},
		{"text/plain", "\xff", `{"data_base64":"/w==","datacontenttype":"text/plain"}`},
		{"application/octet-stream", "a\x00b", `{"data_base64":"YQBi","datacontenttype":"application/octet-stream"}`},
	} {
		table := compile(t, `{"type": "object", "properties": {
			"id": {"type": "string", "x-role": "id"}, "type": {"type": "string"}, "source": {"type": "string"}}}`)
		d := schema.NewDecoder(table, limits)
		h := header(mandatory...)
		if tt.contentType != "" {
			h.Set("Content-Type", tt.contentType)
		}
		if err := Decode(d, Binary, h, []byte(tt.body), receipt, noLimit); err != nil || d.Rejected() > 0 {
			t.Errorf("%s %q: %v, %v", tt.contentType, tt.body, err, d.Errors())
			continue
		}
		want := map[string]string{"id": "1", "type": "a.b", "source": "/s", "_extra": tt.want}
		if tt.want == "{}" {
			delete(want, "_extra")
		}
		if diff := cmp.Diff([]map[string]string{want}, rowsOf(t, d, table)); diff != "" {
			t.Errorf("%s %q: rows (-want +got):\n%s", tt.contentType, tt.body, diff)
		}
	}
}

// TestBrokenData: a body that its type says is JSON, and that is none, is refused as
// a whole; it can't end the envelope that it is put into, either.
func TestBrokenData(t *testing.T) {
	for body, offset := range map[string]int{
		`{"n":`:               5,
		`{"n":1} {`:           8,
		`1,"subject":"other"`: 1,
		`1}{"specversion"`:    1,
		"\"a\nb\"":            2,
		strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000): 10_000,
	} {
		d := schema.NewDecoder(schema.Events(), limits)
		err := Decode(d, Binary, header(append(mandatory, "Content-Type: application/json")...), []byte(body), receipt, noLimit)
		if syntax, ok := errors.AsType[*schema.SyntaxError](err); !ok || syntax.Offset != offset || d.Accepted()+d.Rejected() > 0 {
			t.Errorf("%.50q: %v", body, err)
		}
	}
}

// TestHeaderValues decodes values as the HTTP binding has it (3.1.3.2).
func TestHeaderValues(t *testing.T) {
	for _, tt := range []struct {
		value, want string
		ok          bool
	}{
		{`Euro%20%E2%82%AC%20%F0%9F%98%80`, "Euro € 😀", true},
		{`%e2%82%ac%41`, "€A", true},
		{`%2541`, "%41", true},
		{`plain /s?a=b`, "plain /s?a=b", true},
		{`"quoted \"value\" \\ %20"`, `quoted "value" \  `, true},
		{`"a\`, `"a\`, true},
		{`""`, "", true},
		{`"`, `"`, true},
		{`é`, "é", true},
		{`%C0%A0`, `%C0%A0`, false},
		{`%ED%A0%80`, `%ED%A0%80`, false},
		{`100%`, `100%`, false},
		{`%4`, `%4`, false},
		{`%4g`, `%4g`, false},
		{"\xff", "\xff", false},
	} {
		if got, ok := unescape(tt.value); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %q, %v", tt.value, got, ok)
		}
	}
}

// TestHeaderRefusals: what is kept of a rejected event in binary mode is its JSON form.
func TestHeaderRefusals(t *testing.T) {
	for _, tt := range []struct {
		headers []string
		field   string
		code    schema.Code
		raw     string
	}{
		{mandatory[:3], "type", schema.CodeNotACloudEvent, `{"id":"1","source":"/s","specversion":"1.0","data":{"n":1}}`},
		{mandatory[1:], "specversion", schema.CodeNotACloudEvent, `{"id":"1","source":"/s","type":"a.b","data":{"n":1}}`},
		{append(mandatory[1:], "ce-specversion: 0.3"), "specversion", schema.CodeNotACloudEvent, `{"id":"1","source":"/s","specversion":"0.3","type":"a.b","data":{"n":1}}`},
		{append(mandatory, "ce-subject: 100%"), "subject", schema.CodeNotACloudEvent, `{"id":"1","source":"/s","specversion":"1.0","subject":"100%","type":"a.b","data":{"n":1}}`},
		{append(mandatory, "ce-subject: \xff"), "subject", schema.CodeInvalidUTF8, ""},
		{append(mandatory, "ce-id: 2"), "id", schema.CodeDuplicateKey, `{"id":"1, 2","source":"/s","specversion":"1.0","type":"a.b","data":{"n":1}}`},
		{append(mandatory, "ce-my-name: x"), "my-name", schema.CodeNotACloudEvent, `{"id":"1","my-name":"x","source":"/s","specversion":"1.0","type":"a.b","data":{"n":1}}`},
		{append(mandatory, "ce-: x"), "", schema.CodeNotACloudEvent, ""},
		{append(mandatory, "ce-datacontenttype: x"), "datacontenttype", schema.CodeNotACloudEvent, ""},
		{append(mandatory, "ce-data: x"), "data", schema.CodeNotACloudEvent, ""},
		{append(mandatory, "ce-data_base64: AQ=="), "data_base64", schema.CodeNotACloudEvent, ""},
		{append(mandatory, "ce-time: now"), "time", schema.CodeFormat, ""},
	} {
		d := schema.NewDecoder(schema.Events(), limits)
		if err := Decode(d, Binary, header(tt.headers...), []byte(`{"n":1}`), receipt, noLimit); err != nil {
			t.Errorf("%v: %v", tt.headers, err)
			continue
		}
		got := d.Errors()
		if len(got) != 1 || got[0].Field != tt.field || got[0].Code != tt.code {
			t.Errorf("%v\n got %+v\nwant field %q, code %s", tt.headers, got, tt.field, tt.code)
		}
		if raw := rowsOf(t, d, schema.Rejected())[0]["raw"]; tt.raw != "" && raw != tt.raw {
			t.Errorf("%v is kept as\n%s\nwant\n%s", tt.headers, raw, tt.raw)
		}
	}
}
