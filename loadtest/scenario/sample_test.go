package scenario

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// The same value, however it is written, has the same sum; another one has not.
func TestKindSum(t *testing.T) {
	s := NewSums()
	column := s.Column("c")
	for _, test := range []struct {
		name  string
		kind  Kind
		value string
		want  uint64
	}{
		{"text", Kind{}, `"\u00e9\n"`, s.Bytes(column, []byte("é\n"))},
		{"integer", Kind{Type: Integer}, `3e2`, s.Integer(column, 300)},
		{"whole", Kind{Type: Integer}, `2.0`, s.Integer(column, 2)},
		{"decimal", Kind{Type: Decimal, Scale: 4}, `"-1.25"`, s.Integer(column, -12500)},
		{"decimal as a number", Kind{Type: Decimal, Scale: 4}, `7`, s.Integer(column, 70000)},
		{"float", Kind{Type: Float}, `0.1`, s.Integer(column, int64(math.Float64bits(0.1)))},
		{"true", Kind{Type: Boolean}, `true`, s.Integer(column, 1)},
		{"false", Kind{Type: Boolean}, `false`, s.Integer(column, 0)},
		{"time", Kind{Type: Time}, `"1970-01-01T01:00:01.5+01:00"`, s.Integer(column, 1500000)},
		{"milliseconds", Kind{Type: Time}, `1500`, s.Integer(column, 1500000)},
		{"empty list", Kind{Type: List}, `[]`, 0},
		{"list", Kind{Type: List}, `["a","b"]`, s.Join(s.Join(0, s.Bytes(column, []byte("a"))), s.Bytes(column, []byte("b")))},
	} {
		got, err := test.kind.sum(s, "c", json.RawMessage(test.value))
		if err != nil || got != test.want {
			t.Errorf("%s: %d, not %d (%v)", test.name, got, test.want, err)
		}
	}
	for _, test := range []struct {
		kind  Kind
		value string
	}{{Kind{}, `1`}, {Kind{Type: Integer}, `1.5`}, {Kind{Type: Decimal, Scale: 1}, `0.25`}, {Kind{Type: Time}, `"noon"`}, {Kind{Type: List}, `[1]`}, {Kind{Type: Map}, `{"a":1}`}} {
		if got, err := test.kind.sum(s, "c", json.RawMessage(test.value)); err == nil {
			t.Errorf("%s in %v is %d", test.value, test.kind, got)
		}
	}
}

func TestReadSample(t *testing.T) {
	s := &Sample{}
	if err := s.read(strings.NewReader("\n {\"id\":7,\"a\":1,\"time\":null,\"b\":{\"id\":1}} \n\n{}\n")); err != nil {
		t.Fatal(err)
	}
	if len(s.lines) != 2 || string(s.lines[0].rest) != `,"a":1,"b":{"id":1}}` || string(s.lines[1].rest) != "}" {
		t.Errorf("%q", s.lines)
	}
	for _, text := range []string{"", "\n", "[]", "1", `{"a":1} {"b":2}`, `{"a":`, `{"a":1`, "nonsense"} {
		if err := (&Sample{}).read(strings.NewReader(text)); err == nil {
			t.Errorf("%q is a sample", text)
		}
	}
}
