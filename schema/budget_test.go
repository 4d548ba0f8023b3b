package schema

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

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
