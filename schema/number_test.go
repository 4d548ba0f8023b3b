package schema

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Texts of numbers, moments and ids, against the standard library's slower readers.

// TestDecimal compares with exact rationals.
func TestDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "text")
		precision := rapid.IntRange(1, maxPrecision).Draw(t, "precision")
		scale := rapid.IntRange(0, precision).Draw(t, "scale")
		got, fault := parseDecimal(text, precision, scale)

		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%s is no number", text)
		}
		power := func(n int) *big.Rat {
			return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil))
		}
		unscaled := new(big.Rat).Mul(exact, power(scale))
		want := decimalFits
		if new(big.Rat).Abs(exact).Cmp(power(precision-scale)) >= 0 {
			want = decimalTooWide
		} else if !unscaled.IsInt() {
			want = decimalTooFine
		}
		if fault != want {
			t.Fatalf("%s as decimal(%d,%d): fault %d, want %d", text, precision, scale, fault, want)
		}
		if want == decimalFits && unscaled.Num().Int64() != got {
			t.Fatalf("%s as decimal(%d,%d): %d, want %s", text, precision, scale, got, unscaled.Num())
		}
	})
}

// TestDecimalGrammar accepts JSON's numbers and nothing else.
func TestDecimalGrammar(t *testing.T) {
	for text, number := range map[string]bool{
		"0": true, "-0": true, "1.0": true, "0e5": true, "0.0E-5": true, "1e+05": true,
		"": false, "-": false, "+1": false, "01": false, "-01": false, "00": false, ".5": false, "1.": false, "1.e5": false,
		"1e": false, "1e+": false, "1e5.0": false, "0x1": false, "1_0": false, " 1": false, "1 ": false, "1,0": false, "Inf": false, "e5": false, "1-": false,
	} {
		if _, fault := parseDecimal(text, 18, 9); (fault != decimalNoNumber) != number {
			t.Errorf("%q: fault %d, want a number: %v", text, fault, number)
		}
	}
}

func TestFormatDecimal(t *testing.T) {
	for _, tt := range []struct {
		unscaled int64
		scale    int
		want     string
	}{{0, 0, "0"}, {-5, 0, "-5"}, {5, 2, "0.05"}, {-1234, 2, "-12.34"}, {-1 << 63, 0, "-9223372036854775808"}} {
		if got := formatDecimal(tt.unscaled, tt.scale); got != tt.want {
			t.Errorf("%d with scale %d: %s, want %s", tt.unscaled, tt.scale, got, tt.want)
		}
	}
}

// rfc3339 refuses what time.Parse lets through, such as an offset of 24:60.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// TestMoment compares with time.Parse.
func TestMoment(t *testing.T) {
	var m moments
	compare := func(t rapid.TB, text string) {
		t.Helper()
		got, ok := m.parse(text)
		want, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
		if known := err == nil && rfc3339.MatchString(text); ok != known {
			t.Fatalf("%q: accepted %v, want %v (%v)", text, ok, known, err)
		}
		if ok && got != want.UnixMicro() {
			t.Fatalf("%q: %d, want %d", text, got, want.UnixMicro())
		}
	}
	// No date is remembered yet.
	compare(t, strings.Repeat("\x00", 10)+"T00:00:00Z")
	compare(t, strings.Repeat("\x00", 16)+":00.000Z")
	rapid.Check(t, func(t *rapid.T) {
		compare(t, rapid.StringMatching(`[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])`).Draw(t, "text"))
	})
	const text = "2026-11-23T07:15:30.123456+05:30"
	for at := range len(text) {
		for _, put := range []string{"", "x", "-", ":", ".", "0", "9", "00", "é", "\x00"} {
			compare(t, text)
			compare(t, text[:at]+put+text[at+1:])
		}
	}
	const usual = "2026-11-23T23:59:59.987Z"
	for at := range len(usual) {
		for put := range 256 {
			compare(t, usual)
			compare(t, usual[:at]+string([]byte{byte(put)})+usual[at+1:])
		}
	}
	for _, time := range []string{"24:00:00", "23:60:00", "23:59:60", "00:00:00"} {
		compare(t, usual)
		compare(t, usual[:11]+time+usual[19:])
	}
	for day := -800_000; day < 3_000_000; day += 97 {
		for _, day := range []int{day, day + 1} {
			at := time.Unix(int64(day)*86400, 0).UTC()
			if y := at.Year(); y < 0 || y > 9999 {
				continue
			}
			if got, ok := m.parse(at.Format(time.RFC3339)); !ok || got != at.UnixMicro() {
				t.Fatalf("%s: %d, %v", at, got, ok)
			}
		}
	}
}

func TestHourOf(t *testing.T) {
	for micros, want := range map[int64]int64{0: 0, microsPerHour - 1: 0, microsPerHour: 1, -1: -1, -microsPerHour: -1, -microsPerHour - 1: -2} {
		if got := hourOf(micros); got != want {
			t.Errorf("%d µs: hour %d, want %d", micros, got, want)
		}
	}
}

// TestUUIDs rise within and across milliseconds, whatever the clock does, and carry
// its time.
func TestUUIDs(t *testing.T) {
	u := newUUIDs()
	last := ""
	for i := range 10_000 {
		now := receipt.Add(time.Duration(i/100%7) * time.Millisecond)
		text := u.next(now)
		id := string(text[:])
		if !isUUID(id) || id[14] != '7' || !strings.Contains("89ab", id[19:20]) {
			t.Fatalf("%s is no UUIDv7", id)
		}
		if id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		if i == 0 && id[:8]+id[9:13] != fmt.Sprintf("%012x", now.UnixMilli()) {
			t.Fatalf("%s does not carry the time of its making", id)
		}
		last = id
	}
}

// TestUUIDCarry counts beyond the random bits.
func TestUUIDCarry(t *testing.T) {
	u := newUUIDs()
	first := u.next(receipt)
	u.low, u.high = 1<<62-1, 0xfff
	second := u.next(receipt)
	if string(second[:]) <= string(first[:]) || u.high != 0 || u.millis != uint64(receipt.UnixMilli())+1 {
		t.Errorf("%s after %s", second, first)
	}
}
