// The translation against a second one, in the plainest way, by encoding/json.

package cloudevents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"parquay/schema"
)

// verdict is what became of a body.
type verdict struct {
	Broken   bool
	Rows     []map[string]string
	Rejected int
}

func decide(t testing.TB, d *schema.Decoder, err error) (v verdict) {
	t.Helper()
	if _, v.Broken = errors.AsType[*schema.SyntaxError](err); v.Broken {
		return v
	}
	if err != nil {
		t.Fatal(err)
	}
	v.Rows, v.Rejected = rowsOf(t, d, d.Table()), d.Rejected()
	for _, row := range v.Rows {
		if row["time"] == receipt.Format(time.RFC3339Nano) {
			delete(row, "time") // the gateway's
		}
	}
	return v
}

// object is a JSON object whose values are left as they are; ok is false for anything
// else, and for one that names a member twice.
func object(text []byte) (o map[string]json.RawMessage, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	o = map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return nil, false
		}
		if _, twice := o[name.(string)]; twice {
			return nil, false
		}
		o[name.(string)] = value
	}
	return o, true
}

func stringOf(v json.RawMessage) (s string, ok bool) {
	return s, bytes.HasPrefix(v, []byte(`"`)) && json.Unmarshal(v, &s) == nil
}

func isNull(v json.RawMessage) bool { return v == nil || string(v) == "null" }

// sameValue compares as the package does: numbers by their text.
func sameValue(a, b json.RawMessage) bool {
	x, ok := stringOf(a)
	y, also := stringOf(b)
	return ok && also && x == y || string(a) == string(b)
}

var (
	attributeName = regexp.MustCompile(`^[a-z0-9]+$`)
	jsonMedia     = regexp.MustCompile(`(?i)^[^;]*/([^;]*\+)?json\s*(;|$)`)
	wholeNumber   = regexp.MustCompile(`^-?[0-9]+$`)
)

// naive translates a CloudEvent for the table events.
func naive(text []byte) (event []byte, ok bool) {
	ce, ok := object(text)
	if !ok {
		return nil, false
	}
	if v, _ := stringOf(ce["specversion"]); v != "1.0" || isNull(ce["id"]) || isNull(ce["source"]) || isNull(ce["type"]) {
		return nil, false
	}
	out, attributes, lost := map[string]json.RawMessage{}, map[string]json.RawMessage{}, map[string]any{}
	if data, isObject := object(ce["data"]); isObject {
		for name, v := range data {
			if _, isCollection := object(v); name == "attributes" && isCollection {
				attributes, _ = object(v)
			} else if name != "attributes" || !isNull(v) {
				out[name] = v
			}
		}
	} else if bytes.HasPrefix(ce["data"], []byte("{")) {
		return nil, false
	} else if !isNull(ce["data"]) {
		out["data"] = ce["data"]
	}
	if out["attributes"] != nil { // no object, or one that names a member twice
		return nil, false
	}
	if v, given := ce["data_base64"]; !isNull(v) {
		s, isString := stringOf(v)
		if _, err := base64.StdEncoding.DecodeString(s); err != nil || !isString || ce["data"] != nil {
			return nil, false
		}
		out["data_base64"] = v
	} else if given {
		delete(ce, "data_base64")
	}
	lostAttributes := map[string]json.RawMessage{}
	for name, v := range ce {
		if name == "data" || name == "data_base64" || isNull(v) {
			continue
		}
		s, isString := stringOf(v)
		switch name {
		case "id", "source", "specversion", "type", "subject", "time", "dataschema", "datacontenttype":
			if !isString || s == "" {
				return nil, false
			}
		}
		if !attributeName.MatchString(name) || !isString && string(v) != "true" && string(v) != "false" && !wholeNumber.Match(v) {
			return nil, false
		}
		field := name
		switch {
		case name == "specversion", name == "datacontenttype" && jsonMedia.MatchString(s):
			continue
		case name == "subject" && isNull(out["message_id"]):
			field = "message_id"
		case name == "attributes" || schema.Events().Index(name) < 0:
			if !isString {
				v, _ = json.Marshal(string(v))
			}
			if old, given := attributes[name]; given && !isNull(old) && !sameValue(old, v) {
				lostAttributes[name] = old
			}
			attributes[name] = v
			continue
		}
		if old, given := out[field]; given && !isNull(old) && !sameValue(old, v) {
			lost[field] = old
		}
		out[field] = v
	}
	if len(lostAttributes) > 0 {
		lost["attributes"] = lostAttributes
	}
	if len(lost) > 0 {
		if out["data"] != nil {
			return nil, false
		}
		out["data"] = marshal(lost)
	}
	out["attributes"] = marshal(attributes)
	return marshal(out), true
}

func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// naively decodes a batch by way of naive. What it can't translate is 7, no event.
func naively(t testing.TB, events []json.RawMessage) verdict {
	t.Helper()
	var body []byte
	for _, e := range events {
		event, ok := naive(e)
		if !ok {
			event = []byte("7")
		}
		body = append(append(body, event...), '\n')
	}
	longer := limits // what was a CloudEvent may have grown
	longer.MaxEvent *= 2
	d := schema.NewDecoder(schema.Events(), longer)
	return decide(t, d, d.Decode(body, receipt, noLimit))
}

// TestDifferential draws batches of CloudEvents, most of them nearly right.
func TestDifferential(t *testing.T) {
	text := rapid.SampledFrom([]string{`"1"`, `"a.b"`, `"1.0"`, `"\u0031"`, `"2018-04-05T17:31:00Z"`, `"application/json"`, `"Text/X+JSON; a=b"`, `"text/plain"`, `""`, `"\\\""`, `"é😀"`, `"AQ=="`})
	scalar := rapid.OneOf(text, rapid.SampledFrom([]string{`null`, `null`, `true`, `5`, `-0`, `1.50`, `12345678901234567890`, `[]`, `{}`, `[{"id":1}]`}))
	name := rapid.SampledFrom([]string{"id", "type", "time", "source", "subject", "message_id", "attributes", "data", "x", "y", "price", "channel", "", "my_name", `\u0069d`, "datacontenttype", "dataschema"})
	var members func(depth int, name *rapid.Generator[string]) *rapid.Generator[string]
	members = func(depth int, name *rapid.Generator[string]) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			var b []string
			for range rapid.IntRange(0, 4).Draw(t, "members") {
				n := name.Draw(t, "name")
				value := scalar.Draw(t, "value")
				if depth > 0 && rapid.IntRange(0, 2).Draw(t, "nest") == 0 {
					value = "{" + members(depth-1, name).Draw(t, "nested") + "}"
				}
				b = append(b, `"`+n+`" : `+value)
			}
			return strings.Join(b, ",")
		})
	}
	event := rapid.Custom(func(t *rapid.T) string {
		parts := []string{`"specversion":"1.0"`, `"id":"1"`, `"source":"/s"`, `"type":"a.b"`}
		if rapid.IntRange(0, 5).Draw(t, "lacks") == 0 {
			i := rapid.IntRange(0, 3).Draw(t, "which")
			parts = append(parts[:i:i], parts[i+1:]...)
		}
		if rapid.Bool().Draw(t, "more") {
			extension := rapid.SampledFrom([]string{"subject", "time", "datacontenttype", "dataschema", "x", "y", "channel", "attributes", "price", "id", "my_name"})
			for range rapid.IntRange(0, 3).Draw(t, "extensions") {
				parts = append(parts, `"`+extension.Draw(t, "extension")+`":`+scalar.Draw(t, "value"))
			}
		}
		switch rapid.IntRange(0, 4).Draw(t, "data") {
		case 0:
			parts = append(parts, `"data":`+scalar.Draw(t, "data"))
		case 1:
			parts = append(parts, `"data_base64":`+scalar.Draw(t, "data"))
		case 2, 3:
			inner := members(1, name).Draw(t, "members")
			if rapid.Bool().Draw(t, "has attributes") {
				inner = strings.TrimSuffix(`"attributes":{`+members(0, name).Draw(t, "attributes")+`},`+inner, ",")
			}
			parts = append(parts, `"data":{`+inner+`}`)
		}
		return "{" + strings.Join(rapid.Permutation(parts).Draw(t, "order"), ",") + "}"
	})
	d := schema.NewDecoder(schema.Events(), limits)
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.SliceOfN(event, 1, 3).Draw(rt, "events")
		var raw []json.RawMessage
		for _, e := range events {
			raw = append(raw, json.RawMessage(e))
		}
		got := decide(t, d, Decode(d, Structured, nil, []byte("["+strings.Join(events, ",")+"]"), receipt, noLimit))
		if diff := cmp.Diff(naively(t, raw), got); diff != "" {
			rt.Fatalf("%s\nnaive and translated (-naive +got), errors %v:\n%s", events, d.Errors(), diff)
		}
	})
}

// FuzzDecode: no request makes it panic, and what it accepts is what the naive
// translation of the same event is decoded to.
func FuzzDecode(f *testing.F) {
	f.Add(true, "", `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","time":"2018-04-05T17:31:00Z","data":{"id":7,"attributes":{"x":"y"}}}`)
	f.Add(true, "", `[{"specversion":"1.0","id":"1","source":"/s","type":"a.b","x":5,"data_base64":"AQ=="},{"id":null}]`)
	f.Add(true, "", `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":{"x":{"}":"]"},"\u0069d":"\ud83d\ude00"}}`)
	f.Add(false, "ce-specversion: 1.0\nce-id: %41\nce-source: \"/\\\"s\"\nce-type: a.b\nContent-Type: application/json", `{"n":1.50}`)
	f.Add(false, "ce-specversion: 1.0\nce-id: 1\nce-source: /s\nce-type: a.b\nContent-Type: text/plain", "\x00\xff")
	f.Fuzz(func(t *testing.T, structured bool, headers, body string) {
		d := schema.NewDecoder(schema.Events(), limits)
		if !structured {
			h := header(strings.Split(headers, "\n")...)
			err := Decode(d, Binary, h, []byte(body), receipt, noLimit)
			got := decide(t, d, err)
			if !got.Broken && len(got.Rows)+got.Rejected != 1 {
				t.Fatalf("a message became %d rows, %d rejected", len(got.Rows), got.Rejected)
			}
			if len(got.Rows) == 1 {
				compareBinary(t, h, body, got)
			}
			return
		}
		got := decide(t, d, Decode(d, Structured, nil, []byte(body), receipt, noLimit))
		if len(got.Rows) != 1 || got.Rejected > 0 || !json.Valid([]byte(body)) || body[0] == '[' {
			return // several, or none: what becomes of one is looked at in one
		}
		if diff := cmp.Diff(naively(t, []json.RawMessage{json.RawMessage(body)}), got); diff != "" {
			t.Fatalf("%s\nnaive and translated (-naive +got):\n%s", body, diff)
		}
	})
}

// compareBinary checks what binary mode can't change: the id, and data that is text.
func compareBinary(t *testing.T, h http.Header, body string, got verdict) {
	t.Helper()
	if id, ok := unescape(h.Get("Ce-Id")); !ok || got.Rows[0]["id"] != id {
		t.Fatalf("ce-id %q became %q", h.Get("Ce-Id"), got.Rows[0]["id"])
	}
	if h.Get("Content-Type") == "text/plain" && body != "" {
		var extra struct {
			Data   *string `json:"data"`
			Base64 []byte  `json:"data_base64"`
		}
		if err := json.Unmarshal([]byte(got.Rows[0]["_extra"]), &extra); err != nil {
			t.Fatal(err)
		}
		if kept := string(extra.Base64); extra.Data == nil && kept != body || extra.Data != nil && *extra.Data != body {
			t.Fatalf("%q is kept as %s", body, got.Rows[0]["_extra"])
		}
	}
}
