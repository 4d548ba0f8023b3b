package schema

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unwrap translates {"wrapped":EVENT}, as it is written here.
func unwrap(text []byte) ([]byte, *EventError) {
	event, ok := bytes.CutPrefix(text, []byte(`{"wrapped":`))
	if !ok {
		return nil, &EventError{Index: 7, Field: "wrapped", Code: CodeNotACloudEvent, Message: "is missing"}
	}
	return bytes.TrimSuffix(event, []byte("}")), nil
}

// TestDecodeAs decodes bodies of wrapped events: what is accepted is the event, what
// is rejected is kept as it was sent, and the order and the limits are those of Decode.
func TestDecodeAs(t *testing.T) {
	limits := sampleLimits
	limits.MaxEvent = 60
	d := NewDecoder(compile(t, shapes), limits)
	sent := []string{
		`{"wrapped":{"s":"ab"}}`,
		`{"wrapped":{"s":"a"}}`,
		`{"s":"ab"}`,
		`{"wrapped":{"s":"a\q"}}`,
		`{"wrapped":{"x":"` + strings.Repeat("x", 60) + `"}}`,
		`{"wrapped":7}`,
		"{\"wrapped\":{\"s\":\"a\xff\"}}",
		`{"wrapped":{"x":1.50,"s":"cd","s":"ef"}}`,
		`{"wrapped":{"x":1.50,"s":"cd"}}`,
	}
	wantErrors := []EventError{
		{1, "s", CodeTooShort, ""},
		{2, "wrapped", CodeNotACloudEvent, "is missing"},
		{3, "wrapped", CodeInvalidEscape, ""},
		{4, "", CodeEventTooLarge, ""},
		{5, "", CodeNotAnObject, ""},
		{6, "wrapped", CodeInvalidUTF8, ""},
		{7, "s", CodeDuplicateKey, ""},
	}
	wantRaw := []string{sent[1], sent[2], sent[3], sent[4][:60], sent[5], "base64:eyJ3cmFwcGVkIjp7InMiOiJh/yJ9fQ==", sent[7]}
	for _, body := range []string{strings.Join(sent, "\n"), "[" + strings.Join(sent, " ,") + "]"} {
		if err := d.DecodeAs([]byte(body), unwrap, receipt, noLimit); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{`s=ab`, `s=cd _extra={"x":1.50}`}, decoded(t, d)); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		got := d.Errors()
		for i := range got {
			if got[i].Code != CodeNotACloudEvent {
				got[i].Message = ""
			}
		}
		if diff := cmp.Diff(wantErrors, got); diff != "" {
			t.Errorf("errors (-want +got):\n%s", diff)
		}
		for i, want := range wantRaw {
			if raw := string(d.refused.Vector(rejectedRaw).Bytes(i)); raw != want {
				t.Errorf("rejected event %d is kept as %s, want %s", i, raw, want)
			}
		}
	}
	// The next body is an ordinary one, and a broken one is broken as ever.
	if err := d.Decode([]byte(`{"s":"ab"}`), receipt, noLimit); err != nil || d.Accepted() != 1 {
		t.Errorf("an ordinary body afterwards: %v, %v", err, d.Errors())
	}
	err := d.DecodeAs([]byte(sent[0]+`{"wrapped":`), unwrap, receipt, noLimit)
	if syntax, ok := errors.AsType[*SyntaxError](err); !ok || syntax.Index != 1 || d.Accepted() != 0 {
		t.Errorf("a broken body: %v", err)
	}
}

// TestDecodeAsBudget has the translated events outgrow what was sent: the columns stay
// within what is granted.
func TestDecodeAsBudget(t *testing.T) {
	d := NewDecoder(compile(t, shapes), sampleLimits)
	long := []byte(`{"x":"` + strings.Repeat("x", 5000) + `"}`)
	granted := 0
	grow := func(bytes int) error { granted += bytes; return nil }
	translate := func([]byte) ([]byte, *EventError) {
		if size := d.rows.Size(); size > granted {
			t.Fatalf("the columns have %d bytes, %d are granted", size, granted)
		}
		return long, nil
	}
	if err := d.DecodeAs(bytes.Repeat([]byte("1 "), 100), translate, receipt, grow); err != nil {
		t.Fatal(err)
	}
	if d.translate != nil {
		t.Error("the decoder holds on to the translation")
	}
	if size := d.rows.Size(); d.Accepted() != 100 || size < 100*5000 || granted < size {
		t.Errorf("%d rows of %d bytes, %d granted", d.Accepted(), size, granted)
	}
}

// TestRoles names the columns that take what an event's envelope says.
func TestRoles(t *testing.T) {
	events := Events()
	if s, a := events.SubjectColumn(), events.AttributesColumn(); s != events.Index("message_id") || a != events.Index("attributes") {
		t.Errorf("the roles of events are %d and %d", s, a)
	}
	if s, a := Rejected().SubjectColumn(), Rejected().AttributesColumn(); s != -1 || a != -1 {
		t.Errorf("the roles of rejected are %d and %d", s, a)
	}
	table := compile(t, `{"type": "object", "properties": {"s": {"type": "string", "x-role": "subject"}}}`)
	if c := table.Columns()[table.SubjectColumn()]; c.Required {
		t.Error("a subject is required")
	}
}
