package schema

import (
	"fmt"
	"testing"
	"time"
)

// TestHoursOfEdges: an event is filed under its own hour, in UTC, to the microsecond:
// on the hour, on a leap day, across the end of a year, and with an offset that makes
// it another day (F21). A leap second and a leap day that is none are refused.
func TestHoursOfEdges(t *testing.T) {
	hour := func(text string) int64 {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.Unix() / 3600
	}
	for _, test := range []struct {
		time string
		want int64 // -1: refused
	}{
		{"2026-11-23T07:59:59.999999Z", hour("2026-11-23T07:00:00Z")},
		{"2026-11-23T07:59:59.9999999Z", hour("2026-11-23T07:00:00Z")}, // what is cut is not rounded
		{"2026-11-23T08:00:00Z", hour("2026-11-23T08:00:00Z")},
		{"2028-02-28T23:59:59.999999Z", hour("2028-02-28T23:00:00Z")},
		{"2028-02-29T00:00:00Z", hour("2028-02-29T00:00:00Z")},
		{"2028-02-29T23:59:59Z", hour("2028-02-29T23:00:00Z")},
		{"2028-03-01T00:00:00Z", hour("2028-02-29T23:00:00Z") + 1},
		{"2028-03-01T05:29:59+05:30", hour("2028-02-29T23:00:00Z")},
		{"2028-02-28T23:30:00-00:30", hour("2028-02-29T00:00:00Z")},
		{"2026-12-31T23:59:59.999999Z", hour("2026-12-31T23:00:00Z")},
		{"2027-01-01T00:00:00Z", hour("2027-01-01T00:00:00Z")},
		{"2016-12-31T23:59:60Z", -1},
		{"2016-12-31T23:59:60.5+00:00", -1},
		{"2027-02-29T12:00:00Z", -1},
		{"2100-02-29T12:00:00Z", -1},
	} {
		at, err := time.Parse(time.RFC3339, test.time)
		if err != nil {
			at = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		for _, received := range []time.Time{at, at.Add(time.Hour), at.Add(-time.Hour).Add(time.Microsecond)} {
			d := NewDecoder(Events(), Limits{MaxEvent: 1000, Late: 7 * 24 * time.Hour, Early: time.Hour})
			body := fmt.Sprintf(`{"type":"message.sent","time":%q}`, test.time)
			if err := d.Decode([]byte(body), received, noLimit); err != nil {
				t.Fatal(err)
			}
			b := d.Batches("acme")[0]
			switch {
			case test.want < 0 && (d.Rejected() != 1 || b.Hour != received.Unix()/3600):
				t.Errorf("%s is accepted, in hour %d", test.time, b.Hour)
			case test.want >= 0 && (d.Accepted() != 1 || b.Hour != test.want):
				t.Errorf("%s, received %v: hour %d, want %d (%v)", test.time, received, b.Hour, test.want, d.Errors())
			}
		}
	}
}

// TestHoursOfABody: the first moment of an hour is not the last one of that before, also
// in one body.
func TestHoursOfABody(t *testing.T) {
	at := time.Date(2028, 2, 29, 23, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		later time.Duration
		rows  []int
	}{
		{time.Hour - time.Microsecond, []int{2}},
		{time.Hour, []int{1, 1}},
	} {
		d := NewDecoder(Events(), Limits{MaxEvent: 1000, Late: 24 * time.Hour, Early: 2 * time.Hour})
		body := fmt.Sprintf(`{"type":"message.sent","time":%q}{"type":"message.sent","time":%q}`,
			at.Format(time.RFC3339Nano), at.Add(test.later).Format(time.RFC3339Nano))
		if err := d.Decode([]byte(body), at, noLimit); err != nil {
			t.Fatal(err)
		}
		batches := d.Batches("acme")
		if len(batches) != len(test.rows) {
			t.Fatalf("%v apart: %d batches, want %d", test.later, len(batches), len(test.rows))
		}
		for i, b := range batches {
			if b.Rows != test.rows[i] || b.Hour != at.Unix()/3600+int64(i) {
				t.Errorf("%v apart: batch %d of hour %d has %d rows", test.later, i, b.Hour, b.Rows)
			}
		}
	}
}

// TestAgeBounds: how old or early an event may be is counted to the microsecond from
// its receipt, also when the clock of the gateway was set (F21).
func TestAgeBounds(t *testing.T) {
	limits := Limits{MaxEvent: 1000, Late: 7 * 24 * time.Hour, Early: time.Hour}
	d := NewDecoder(Events(), limits)
	leap := time.Date(2028, 3, 1, 0, 30, 0, 0, time.UTC) // a leap day is in between
	for _, jump := range []time.Duration{0, time.Hour, -time.Hour} {
		received := leap.Add(jump)
		for _, test := range []struct {
			age  time.Duration
			kept bool
		}{
			{limits.Late, true},
			{limits.Late + time.Microsecond, false},
			{-limits.Early, true},
			{-limits.Early - time.Microsecond, false},
		} {
			at := received.Add(-test.age)
			body := fmt.Sprintf(`{"type":"message.sent","time":%q}`, at.Format(time.RFC3339Nano))
			if err := d.Decode([]byte(body), received, noLimit); err != nil {
				t.Fatal(err)
			}
			if kept := d.Accepted() == 1; kept != test.kept {
				t.Errorf("an event of age %v is accepted: %v (%v)", test.age, kept, d.Errors())
			}
		}
	}
}
