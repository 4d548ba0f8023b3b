package schema

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestCompileColumns expects each kind of property to become its column.
func TestCompileColumns(t *testing.T) {
	table := compile(t, `{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/t", "description": "A table.",
		"type": "object", "required": ["i32", "at"],
		"properties": {
			"key": {"type": "string", "x-role": "id", "x-encoding": "plain"},
			"s": {"type": "string", "description": "Text.", "x-encoding": "dictionary"},
			"u": {"type": "string", "format": "uuid"},
			"i32": {"type": "integer", "format": "int32", "x-encoding": "delta"},
			"i64": {"type": "integer"},
			"j64": {"type": "integer", "format": "int64"},
			"n": {"type": "number"},
			"b": {"type": "boolean"},
			"at": {"type": ["integer", "string"], "format": "date-time", "x-role": "time"},
			"d": {"type": ["number", "string"], "x-decimal": "18,6"},
			"m": {"type": "object", "additionalProperties": {"type": "string"}},
			"l": {"type": "array", "items": {"type": "string"}}
		}
	}`)
	want := []Column{
		{Name: "key", Kind: String, Required: true, Encoding: EncodingPlain},
		{Name: "s", Kind: String, Description: "Text.", Encoding: EncodingDictionary},
		{Name: "u", Kind: String},
		{Name: "i32", Kind: Int32, Required: true, Encoding: EncodingDelta},
		{Name: "i64", Kind: Int64},
		{Name: "j64", Kind: Int64},
		{Name: "n", Kind: Double},
		{Name: "b", Kind: Bool},
		{Name: "at", Kind: Timestamp, Required: true},
		{Name: "d", Kind: Decimal, Precision: 18, Scale: 6},
		{Name: "m", Kind: StringMap},
		{Name: "l", Kind: StringList},
		{Name: "received_at", Kind: Timestamp, Required: true, Encoding: EncodingDelta, Description: "When the gateway received the event."},
		{Name: "_extra", Kind: String, Encoding: EncodingPlain, Description: "The fields that the schema does not name, as a JSON object."},
	}
	if d := cmp.Diff(want, table.Columns()); d != "" {
		t.Errorf("columns differ (-want +got):\n%s", d)
	}
	if table.IDColumn() != 0 || table.TimeColumn() != 8 {
		t.Errorf("id is column %d, time %d", table.IDColumn(), table.TimeColumn())
	}
	again := compile(t, string(table.Document()))
	if again.Fingerprint() != table.Fingerprint() {
		t.Error("compiling the table's own document gives another fingerprint")
	}
}

// TestCompileRefuses expects an error that names the pointer, and every fault of a
// document at once.
func TestCompileRefuses(t *testing.T) {
	property := func(p string) string { return `{"type": "object", "properties": {"p": ` + p + `}}` }
	for _, tt := range []struct{ document, want string }{
		{``, "#: read JSON"},
		{`{"type": "object"} x`, "text after the document"},
		{"{\"description\": \"\xff\"}", "not valid UTF-8"},
		{`{"type": "object", "type": "object"}`, "#/type: the name stands twice"},
		{strings.Repeat("[", 100), "nested deeper"},
		{strings.Repeat(" ", 256<<10) + `{}`, "at most 262144"},
		{`[]`, "#: must be an object"},
		{`{"properties": {"p": {"type": "string"}}}`, `#: type must be "object"`},
		{`{"type": "object"}`, "#: properties must name at least one column"},
		{`{"type": "object", "properties": {}}`, "#: properties must name at least one column"},
		{`{"$schema": "http://json-schema.org/draft-07/schema#"}`, "#/$schema: must be"},
		{`{"type": "object", "title": "T", "properties": {"p": {"type": "string"}}}`, `#/title: the keyword "title" is not supported`},
		{`{"type": "object", "additionalProperties": {"type": "string"}, "properties": {"p": {"type": "string"}}}`, "#/additionalProperties: must be true"},
		{`{"type": "object", "required": ["q"], "properties": {"p": {"type": "string"}}}`, "#/required/0: must be the name of a property"},
		{`{"type": "object", "required": ["p", "p"], "properties": {"p": {"type": "string"}}}`, "#/required/1: stands twice"},
		{`{"type": "object", "required": "p", "properties": {"p": {"type": "string"}}}`, "#/required: must be an array"},
		{`{"type": "object", "properties": {"P": {"type": "string"}}}`, "#/properties/P: a column's name must match"},
		{`{"type": "object", "properties": {"a/b~c": {"type": "string"}}}`, "#/properties/a~1b~0c: a column's name"},
		{`{"type": "object", "properties": {"` + strings.Repeat("p", 129) + `": {"type": "string"}}}`, "at most 128 bytes"},
		{`{"type": "object", "properties": {"tenant": {"type": "string"}}}`, "#/properties/tenant: the name is reserved"},
		{`{"type": "object", "properties": {"_extra": {"type": "string"}}}`, "#/properties/_extra: the name is reserved"},
		{`{"type": "object", "properties": {"received_at": {"type": "string"}}}`, "#/properties/received_at: the name is reserved"},
		{property(`1`), "#/properties/p: must be an object"},
		{property(`{}`), "#/properties/p: type is missing"},
		{property(`{"oneOf": []}`), `#/properties/p/oneOf: the keyword "oneOf" is not supported`},
		{property(`{"type": "string", "oneOf": []}`), `#/properties/p/oneOf: the keyword "oneOf" is not supported`},
		{property(`{"type": "null"}`), "#/properties/p: type, format and x-decimal (null)"},
		{property(`{"type": ["string", "null"]}`), "#/properties/p: type, format and x-decimal (null+string)"},
		{property(`{"type": ["string", "integer"]}`), "#/properties/p: type, format"},
		{property(`{"type": ["string", "number"]}`), "#/properties/p: type, format"},
		{property(`{"type": ["string", 1]}`), "#/properties/p/type/1: must be a string"},
		{property(`{"type": 1}`), "#/properties/p/type: must be an array"},
		{property(`{"type": "string", "format": "email"}`), "(string email)"},
		{property(`{"type": "number", "format": "int32"}`), "(number int32)"},
		{property(`{"type": "integer", "x-decimal": "18,6"}`), "(integer x-decimal)"},
		{property(`{"type": "string", "minimum": 1}`), `#/properties/p/minimum: the keyword "minimum" is not supported here`},
		{property(`{"type": "integer", "enum": [1]}`), "#/properties/p/enum: the keyword"},
		{property(`{"type": "string", "format": "uuid", "pattern": "x"}`), "#/properties/p/pattern: the keyword"},
		{property(`{"type": "boolean", "x-role": "id"}`), "#/properties/p/x-role: the keyword"},
		{property(`{"type": "string", "description": 1}`), "#/properties/p/description: must be a string"},
		{property(`{"type": "string", "enum": []}`), "#/properties/p/enum: must list"},
		{property(`{"type": "string", "enum": ["a", "a"]}`), "#/properties/p/enum: must list"},
		{property(`{"type": "string", "enum": [1]}`), "#/properties/p/enum/0: must be a string"},
		{property(`{"type": "string", "pattern": "(?=x)"}`), "#/properties/p/pattern: must be a regular expression"},
		{property(`{"type": "string", "pattern": "` + strings.Repeat("x", 1025) + `"}`), "#/properties/p/pattern: must be a regular expression"},
		{property(`{"type": "string", "minLength": -1}`), "#/properties/p/minLength: must be a whole number"},
		{property(`{"type": "string", "maxLength": 1.5}`), "#/properties/p/maxLength: must be a whole number"},
		{property(`{"type": "string", "maxLength": "1"}`), "#/properties/p/maxLength: must be a number"},
		{property(`{"type": "string", "minLength": 2, "maxLength": 1}`), "#/properties/p/minLength: is above maxLength"},
		{property(`{"type": "integer", "minimum": 1.5}`), "#/properties/p/minimum: is no value"},
		{property(`{"type": "integer", "minimum": 2, "maximum": 1}`), "#/properties/p/maximum: is no value"},
		{property(`{"type": "integer", "format": "int32", "maximum": 2147483648}`), "#/properties/p/maximum: is no value"},
		{property(`{"type": "number", "minimum": 1e999}`), "#/properties/p/minimum: is no value"},
		{property(`{"type": "number", "x-decimal": "6,2", "minimum": 0.001}`), "#/properties/p/minimum: is no value"},
		{property(`{"type": "number", "x-decimal": "19,6"}`), "#/properties/p/x-decimal: must be"},
		{property(`{"type": "number", "x-decimal": "6,7"}`), "#/properties/p/x-decimal: must be"},
		{property(`{"type": "number", "x-decimal": "6"}`), "#/properties/p/x-decimal: must be"},
		{property(`{"type": "string", "x-encoding": "zip"}`), "#/properties/p/x-encoding: must be"},
		{property(`{"type": "boolean", "x-encoding": "dictionary"}`), "#/properties/p/x-encoding: must be"},
		{property(`{"type": "number", "x-encoding": "delta"}`), "#/properties/p/x-encoding: must be"},
		{property(`{"type": "object"}`), "#/properties/p: an object needs additionalProperties"},
		{property(`{"type": "object", "properties": {}}`), `#/properties/p/properties: the keyword`},
		{property(`{"type": "object", "additionalProperties": true}`), "#/properties/p/additionalProperties: must be an object"},
		{property(`{"type": "object", "additionalProperties": {"type": "integer"}}`), `#/properties/p/additionalProperties: type must be "string"`},
		{property(`{"type": "array"}`), "#/properties/p: an object needs additionalProperties, an array items"},
		{property(`{"type": "array", "items": {"type": "string", "format": "uuid"}}`), "#/properties/p/items/format: the keyword"},
		{property(`{"type": "string", "x-role": "key"}`), `#/properties/p/x-role: must be one of id, time, subject, attributes`},
		{property(`{"type": "string", "x-role": "time"}`), "#/properties/p: the x-role id is for a string"},
		{property(`{"type": "integer", "x-role": "subject"}`), "#/properties/p/x-role: the keyword"},
		{property(`{"type": "string", "x-role": "attributes"}`), "#/properties/p: the x-role id is for a string"},
		{property(`{"type": "string", "format": "date-time", "x-role": "id"}`), "#/properties/p: the x-role id is for a string"},
		{property(`{"type": "string", "maxLength": 35, "x-role": "id"}`), "#/properties/p: the gateway fills an absent id"},
		{
			`{"type": "object", "properties": {"p": {"type": "string", "x-role": "id"}, "q": {"type": "string", "x-role": "id"}}}`,
			"#/properties/q: another column has this x-role",
		},
	} {
		_, err := Compile("t", []byte(tt.document))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.200s\n got %v\nwant %s", tt.document, err, tt.want)
		}
	}
	_, err := Compile("t", []byte(property(`{"type": "string", "a": 1, "b": 2}`)))
	if err == nil || !strings.Contains(err.Error(), "/p/a:") || !strings.Contains(err.Error(), "/p/b:") {
		t.Errorf("two faults, got %v", err)
	}
	for _, name := range []string{"", "T", "a-b", "1a", strings.Repeat("t", 64), "a/b", ".."} {
		if _, err := Compile(name, []byte(property(`{"type": "string"}`))); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

func TestCompileColumnBound(t *testing.T) {
	document := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"c%d":{"type":"string"}`, i)
		}
		return `{"type":"object","properties":{` + b.String()[1:] + `}}`
	}
	if table := compile(t, document(510)); len(table.Columns()) != 512 {
		t.Errorf("%d columns", len(table.Columns()))
	}
	if _, err := Compile("t", []byte(document(511))); err == nil {
		t.Error("513 columns were accepted")
	}
}

// TestFingerprint changes with everything that the byte form depends on, and with
// nothing else.
func TestFingerprint(t *testing.T) {
	const base = `{"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"type": "number", "x-decimal": "9,2"}}}`
	table := compile(t, base)
	for _, tt := range []struct {
		old, new string
		same     bool
	}{
		{`"a": {"type": "string"}`, `"a": {"type": "string", "maxLength": 3, "description": "d", "x-encoding": "plain"}`, true},
		{`"9,2"`, `"9,3"`, false},
		{`"9,2"`, `"8,2"`, false},
		{`, "x-decimal": "9,2"`, ``, false},
		{`"required": ["a"]`, `"required": ["b"]`, false},
		{`"b"`, `"c"`, false},
		{`"a": {"type": "string"}, "b": {"type": "number", "x-decimal": "9,2"}`, `"b": {"type": "number", "x-decimal": "9,2"}, "a": {"type": "string"}`, false},
		{`"type": "object"`, `"type": "object", "additionalProperties": false`, false},
	} {
		other := compile(t, strings.Replace(base, tt.old, tt.new, 1))
		if same := other.Fingerprint() == table.Fingerprint(); same != tt.same {
			t.Errorf("%s for %s: same fingerprint %v, want %v", tt.new, tt.old, same, tt.same)
		}
	}
	if other, err := Compile("u", []byte(base)); err != nil || other.Fingerprint() == table.Fingerprint() {
		t.Error("the fingerprint does not depend on the name")
	}
}

// TestBuiltinTables holds the built-in documents to what the design says of them.
func TestBuiltinTables(t *testing.T) {
	names := func(table *Table) (names []string) {
		for _, c := range table.Columns() {
			if c.Description == "" || len(c.Description) > maxComment {
				t.Errorf("%s.%s has a description of %d bytes", table.Name(), c.Name, len(c.Description))
			}
			names = append(names, c.Name)
		}
		return names
	}
	if d := cmp.Diff([]string{
		"id", "type", "time", "message_id", "conversation_id", "channel", "direction", "sender", "recipient", "country",
		"provider", "template_id", "campaign_id", "error_code", "error_reason", "content_type", "segments", "price",
		"currency", "attributes", "received_at", "_extra",
	}, names(Events())); d != "" {
		t.Errorf("events' columns differ (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"table", "code", "field", "message", "raw", "received_at"}, names(Rejected())); d != "" {
		t.Errorf("rejected's columns differ (-want +got):\n%s", d)
	}
	for i, name := range []string{"table", "code", "field", "message", "raw"} {
		want := []int{rejectedTable, rejectedCode, rejectedField, rejectedMessage, rejectedRaw}[i]
		if Rejected().Index(name) != want {
			t.Errorf("rejected.%s is column %d, want %d", name, Rejected().Index(name), want)
		}
	}
	if Rejected().TimeColumn() != Rejected().Index(ReceivedAt) || Rejected().IDColumn() != -1 {
		t.Error("rejected has a column with a role")
	}
}

func TestLoad(t *testing.T) {
	const document = `{"type": "object", "properties": {"p": {"type": "string"}}}`
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	names := func(tables []*Table) (names []string) {
		for _, table := range tables {
			names = append(names, fmt.Sprintf("%s/%d", table.Name(), len(table.Columns())))
		}
		return names
	}
	for _, tt := range []struct {
		name   string
		folder fstest.MapFS
		want   []string
		fault  string
	}{
		{"adds and replaces", fstest.MapFS{
			"clicks.json": file(document), "events.json": file(document), "README.md": file("x"), "..data/x.json": file("x"), ".x.json": file("x"),
		}, []string{"clicks/3", "events/3", "rejected/6"}, ""},
		{"empty", fstest.MapFS{"README.md": file("x")}, nil, "holds no schema"},
		{"rejected", fstest.MapFS{"rejected.json": file(document)}, nil, "load rejected.json: the table is the gateway's own"},
		{"receipts", fstest.MapFS{"receipts.json": file(document)}, nil, "load receipts.json: no table can have this name"},
		{"name", fstest.MapFS{"Clicks.json": file(document)}, nil, `table name "Clicks"`},
		{"fault", fstest.MapFS{"a.json": file(`{}`), "b.json": file(`{}`)}, nil, "load b.json"},
		{"size", fstest.MapFS{"a.json": file(strings.Repeat(" ", 1<<20))}, nil, "load a.json: compile schema a: document has 262145 bytes"},
	} {
		tables, err := Load(tt.folder)
		if tt.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%s: got %v, want %s", tt.name, err, tt.fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if d := cmp.Diff(tt.want, names(tables)); d != "" {
			t.Errorf("%s: tables differ (-want +got):\n%s", tt.name, d)
		}
	}
	tables, err := Load(nil)
	if err != nil || len(tables) != 2 || tables[0] != Events() || tables[1] != Rejected() {
		t.Errorf("without a folder: %v, %v", tables, err)
	}
}
