package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parquay/server/tenants"
)

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 11, 23, 7, 45, 0, 5, time.FixedZone("", 3600))
	for when, want := range map[string]string{
		"90d":                       "2027-02-21T06:45:00Z",
		"1d":                        "2026-11-24T06:45:00Z",
		"12h":                       "2026-11-23T18:45:00Z",
		"1h30m":                     "2026-11-23T08:15:00Z",
		"2026-11-24":                "2026-11-24T00:00:00Z",
		"2027-01-31T01:00:00+01:00": "2027-01-31T00:00:00Z",
	} {
		if at, err := expiry(when, now); err != nil || at.Format(time.RFC3339) != want {
			t.Errorf("%s: %v, %v, want %s", when, at, err, want)
		}
	}
	if at, err := expiry("", now); err != nil || !at.IsZero() {
		t.Errorf("unset: %v, %v", at, err)
	}
	for _, when := range []string{"d", "0d", "-1d", "90", "1w", "1.5d", "0s", "2026-11-23", "2026-11-23T07:45:00+01:00", "31.12.2027", "9999999d", "99999999999999d", " 1d"} {
		if at, err := expiry(when, now); err == nil {
			t.Errorf("%q is taken for %v", when, at)
		}
	}
}

// Keys are named from 30 days before their end.
func TestSummarize(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	hash := strings.Repeat("0a", 32)
	file := filepath.Join(t.TempDir(), "tenants.json")
	text := `{"tenants":[
		{"name":"b","keys":[{"id":"ends","sha256":"` + hash + `","expires":"2026-12-23T00:00:00Z"},{"id":"lasts","sha256":"` + hash + `","expires":"2026-12-23T00:00:01Z"}]},
		{"name":"a","keys":[{"id":"ended","sha256":"` + hash + `","expires":"2026-11-23T00:00:00Z"},{"id":"ever","sha256":"` + hash + `"}]},
		{"name":"c","keys":[{"id":"nearly","sha256":"` + hash + `","expires":"2026-11-23T00:00:01Z"}]}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := tenants.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := summarize(&got, list, now); err != nil {
		t.Fatal(err)
	}
	want := `tenants: 3
keys: 5, 1 expired, 2 expiring within 30 days
a: key ended expired at 2026-11-23T00:00:00Z
b: key ends expires at 2026-12-23T00:00:00Z
c: key nearly expires at 2026-11-23T00:00:01Z
`
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
}
