package schema

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCheck edits a document and expects the changes, breaking ones marked with !.
func TestCheck(t *testing.T) {
	const base = `{"type": "object", "required": ["a"], "properties": {
		"id": {"type": "string", "x-role": "id"},
		"a": {"type": "string", "minLength": 1, "maxLength": 9},
		"e": {"type": "string", "enum": ["x", "y"], "pattern": "^x"},
		"n": {"type": "integer", "minimum": 0, "maximum": 9},
		"d": {"type": ["string", "number"], "x-decimal": "9,2", "minimum": 0.5},
		"f": {"type": "number", "maximum": 1.5},
		"t": {"type": ["string", "integer"], "format": "date-time", "x-role": "time"},
		"l": {"type": "array", "items": {"type": "string", "maxLength": 5}}
	}}`
	for _, tt := range []struct {
		old, new string // a replacement in the document
		want     []string
	}{
		{`"minLength": 1`, `"description": "d", "x-encoding": "plain"`, nil},
		{`"minLength": 1, "maxLength": 9`, `"minLength": 2, "maxLength": 8`, []string{
			"!a: has a narrower minLength, 2 after 1", "!a: has a narrower maxLength, 8 after 9",
		}},
		{`"minLength": 1, "maxLength": 9`, `"maxLength": 10`, nil},
		{`"properties": {`, `"properties": {"new": {"type": "string"},`, []string{"new: is added"}},
		{`"required": ["a"], "properties": {`, `"required": ["a", "new"], "properties": {"new": {"type": "string"},`, []string{"!new: is added, and required"}},
		{`"required": ["a"]`, `"required": ["a", "e"]`, []string{"!e: becomes required"}},
		{`"required": ["a"]`, `"required": []`, []string{"a: becomes optional"}},
		{`"f": {"type": "number", "maximum": 1.5},`, ``, []string{"!f: is removed"}},
		{`"f": {"type": "number", "maximum": 1.5}`, `"f": {"type": "string"}`, []string{"!f: is retyped from double to string"}},
		{`"9,2"`, `"10,2"`, []string{"!d: is retyped from decimal(9,2) to decimal(10,2)"}},
		{`"type": "integer", "min`, `"type": "integer", "format": "int32", "min`, []string{"!n: is retyped from bigint to int"}},
		{`["x", "y"]`, `["x", "z"]`, []string{"!e: no longer takes y"}},
		{`["x", "y"]`, `["x", "y", "z"]`, nil},
		{`"enum": ["x", "y"], `, ``, nil},
		{`"string", "minLength": 1`, `"string", "enum": ["x"], "minLength": 1`, []string{"!a: takes a closed set of values: x"}},
		{`"^x"`, `"x"`, []string{"!e: must match another pattern, x"}},
		{`, "pattern": "^x"`, ``, nil},
		{`"minimum": 0, "maximum": 9`, `"minimum": 1, "maximum": 8`, []string{
			"!n: has a narrower minimum, 1 after 0", "!n: has a narrower maximum, 8 after 9",
		}},
		{`"minimum": 0.5`, `"minimum": 0.75`, []string{"!d: has a narrower minimum, 0.75 after 0.50"}},
		{`"maximum": 1.5`, `"maximum": 1.25`, []string{"!f: has a narrower maximum, 1.25 after 1.5"}},
		{`"type": ["string", "number"]`, `"type": "string"`, []string{"!d: no longer takes numbers"}},
		{`"type": ["string", "integer"]`, `"type": "integer"`, []string{"!t: no longer takes strings"}},
		{`"minLength": 1, "maxLength": 9`, `"format": "uuid"`, []string{"!a: must be a UUID"}},
		{`, "x-role": "time"`, ``, []string{"!t: changes its x-role from time to none"}},
		{`"maxLength": 5`, `"maxLength": 4`, []string{"!l: has a narrower maxLength, 4 after 5"}},
		{`"type": "object", "req`, `"type": "object", "additionalProperties": false, "req`, []string{"!unknown fields are refused, and no longer kept in _extra"}},
	} {
		if !strings.Contains(base, tt.old) {
			t.Fatalf("%s does not stand in the document", tt.old)
		}
		edited := strings.Replace(base, tt.old, tt.new, 1)
		var got []string
		for _, c := range Check(compile(t, base), compile(t, edited)) {
			text := c.String()
			if c.Breaking {
				text = "!" + text
			}
			got = append(got, text)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s for %s: changes differ (-want +got):\n%s", tt.new, tt.old, d)
		}
	}
	closed := strings.Replace(base, `"type": "object", "req`, `"type": "object", "additionalProperties": false, "req`, 1)
	if got := Check(compile(t, closed), compile(t, base)); len(got) != 1 || got[0].Breaking {
		t.Errorf("opening a closed table: %v", got)
	}
	if got := Check(compile(t, base), compile(t, strings.Replace(base, `"l":`, `"at": {"type": "string"}, "l":`, 1))); len(got) != 1 || got[0].Breaking {
		t.Errorf("adding a column: %v", got)
	}
}
