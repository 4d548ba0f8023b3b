package schema

import (
	"strings"
	"testing"
	"time"
)

// FuzzMoment compares date-times with time.Parse: what both take is the same moment,
// what only time.Parse takes is not RFC 3339, and nothing else is taken. A reader that
// remembers a date reads on as a fresh one does.
func FuzzMoment(f *testing.F) {
	for _, s := range []string{
		"2026-11-23T07:15:30Z", "2028-02-29T23:59:59.9999999+05:30", "2027-02-29T00:00:00Z", "2016-12-31T23:59:60Z",
		"0000-01-01t00:00:00z", "9999-12-31T23:59:59-23:59", "2026-11-23 07:15:30Z", "2026-11-23T07:15:30,5Z",
	} {
		f.Add(s, "2026-11-23T07:15:30Z")
	}
	f.Fuzz(func(t *testing.T, text, before string) {
		var fresh, used moments
		used.parse(before)
		got, ok := fresh.parse(text)
		if again, okAgain := used.parse(text); again != got || okAgain != ok {
			t.Fatalf("%q: %d, %v; and after %q: %d, %v", text, got, ok, before, again, okAgain)
		}
		want, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
		if known := err == nil && rfc3339.MatchString(text); ok != known {
			t.Fatalf("%q: accepted %v, want %v (%v)", text, ok, known, err)
		}
		if ok && got != want.UnixMicro() {
			t.Fatalf("%q: %d, want %d", text, got, want.UnixMicro())
		}
	})
}
