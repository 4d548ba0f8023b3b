package schema

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawEvent draws an event of the built-in table, good or bad, in which columns
// come and go.
func drawEvent(t *rapid.T) string {
	fields := []string{`"type":"a.b"`}
	for _, f := range []string{
		`"channel":"sms"`, `"price":0.5`, `"segments":1`, `"error_reason":"` + strings.Repeat("x", 300) + `"`,
		`"attributes":{"":"","k":""}`, `"x":"\u0001\n"`, `"y":[[],{},""]`, `"id":"1"`, `"direction":"up"`,
		`"time":"2026-11-23T06:45:00Z"`, `"time":"2026-11-20T06:45:00Z"`, "\"x\":\"\xff\"",
	} {
		if rapid.IntRange(0, 9).Draw(t, "has") == 0 {
			fields = append(fields, f)
		}
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// TestGrow decodes under a grant that follows what is asked for. The columns never
// occupy more, and the batches fit in it. A refusal is returned as it is.
func TestGrow(t *testing.T) {
	errRefusal := errors.New("no more")
	rapid.Check(t, func(t *rapid.T) {
		d := NewDecoder(Events(), sampleLimits)
		var body bytes.Buffer
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			fmt.Fprintln(&body, drawEvent(t))
		}
		refuseAt := rapid.IntRange(0, 30).Draw(t, "refuse at")
		granted, calls := 0, 0
		grow := func(n int) error {
			if used := d.rows.Size() + d.refused.Size(); used > granted {
				t.Fatalf("the columns occupy %d bytes of %d granted", used, granted)
			}
			if n <= 0 {
				t.Fatalf("asked for %d bytes", n)
			}
			if calls++; calls == refuseAt {
				return errRefusal
			}
			granted += n
			return nil
		}
		err := d.Decode(body.Bytes(), receipt, grow)
		if calls == refuseAt && calls > 0 {
			if err != errRefusal || d.Accepted()+d.Rejected()+len(d.Batches("acme")) > 0 {
				t.Fatalf("refused: got %v, %d accepted, %d rejected", err, d.Accepted(), d.Rejected())
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		used := 0
		for _, b := range d.Batches("acme") {
			if cap(b.Bytes) != len(b.Bytes) {
				t.Fatalf("a batch of %d bytes holds %d", len(b.Bytes), cap(b.Bytes))
			}
			used += len(b.Bytes)
		}
		if used = max(used, d.rows.Size()+d.refused.Size()); used > granted {
			t.Fatalf("%d bytes of %d granted", used, granted)
		}
	})
}

// TestGrowSparingly: a body of ordinary events asks a few times, for less than
// thrice of what its batches need.
func TestGrowSparingly(t *testing.T) {
	for _, n := range []int{1, 10, 500, 5000} {
		d := NewDecoder(Events(), sampleLimits)
		granted, calls := 0, 0
		err := d.Decode(sampleEvents(n), receipt, func(n int) error {
			granted += n
			calls++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if used := len(d.Batches("acme")[0].Bytes); calls > 3 || granted > 3*used {
			t.Errorf("%d events of %d bytes: asked %d times for %d bytes", n, used, calls, granted)
		}
	}
}

// TestGrowWorstCases has bodies whose rows take the most for their text: each grant
// is asked for before it is needed.
func TestGrowWorstCases(t *testing.T) {
	const document = `{"type": "object", "properties": {
		"id": {"type": "string", "x-role": "id"}, "time": {"type": "string", "format": "date-time", "x-role": "time"},
		"l": {"type": "array", "items": {"type": "string"}}, "m": {"type": "object", "additionalProperties": {"type": "string"}},
		"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}, "d": {"type": "integer"}
	}}`
	const narrow = `{"type": "object", "additionalProperties": false, "properties": {
		"time": {"type": "integer", "format": "date-time", "x-role": "time"}
	}}`
	var hours strings.Builder // each event a batch of its own, with all that a batch has
	for i := range 500 {
		fmt.Fprintf(&hours, `{"time":%d}`, receipt.Add(-time.Duration(i)*time.Hour).UnixMilli())
	}
	for _, tt := range []struct{ name, document, body string }{
		{"ids", document, strings.Repeat("{}", 3000)},
		{"empty elements", document, `{"l":["` + strings.Repeat(`","`, 3000) + `"]}`},
		{"late columns", document, strings.Repeat(`{"id":""}`, 5000) + `{"a":1,"b":2,"c":3,"d":4}`},
		{"refusals", document, strings.Repeat("1 ", 500) + `{"a":"` + strings.Repeat("\xff", 9000) + `"}`},
		{"too large", document, `"` + strings.Repeat("\xff", 30_000) + `"`},
		{"long messages", `{"type": "object", "properties": {"p": {"type": "string", "pattern": "` + strings.Repeat("x", 400) + `"}}}`, strings.Repeat(`{"p":""}`, 3000)},
		{"hours", narrow, hours.String()},
	} {
		d := NewDecoder(compile(t, tt.document), Limits{MaxEvent: 30_000, Late: 1000 * time.Hour})
		granted := 0
		check := func(used int) {
			if used > granted {
				t.Fatalf("%s: %d bytes of %d granted", tt.name, used, granted)
			}
		}
		err := d.Decode([]byte(tt.body), receipt, func(n int) error {
			check(d.rows.Size() + d.refused.Size())
			granted += n
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		used := 0
		for _, b := range d.Batches("acme") {
			used += len(b.Bytes)
		}
		check(used)
	}
}
