package writer

import (
	"errors"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func hourOf(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix() / 3600
}

func TestKeyExact(t *testing.T) {
	id := FileID{
		Incarnation: "7f3a9c", Window: 42, Table: "events", Tenant: "acme",
		Hour: hourOf(t, "2026-11-23T07:00:00Z"), Cut: 3,
	}
	want := "events/tenant=acme/dt=2026-11-23/hour=07/7f3a9c-000000000042-0003.parquet"
	if got := id.Key(); got != want {
		t.Errorf("Key() = %q, want %q", got, want)
	}
	back, err := ParseKey(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(id, back); diff != "" {
		t.Errorf("ParseKey(Key()) differs (-want +got):\n%s", diff)
	}
}

func genFileID(t *rapid.T) FileID {
	name := rapid.StringMatching(`[a-z0-9][a-z0-9_-]{0,20}`)
	return FileID{
		Incarnation: rapid.StringMatching(`[a-z0-9]{1,32}`).Draw(t, "incarnation"),
		Window:      rapid.Uint64().Draw(t, "window"),
		Table:       name.Draw(t, "table"),
		Tenant:      name.Draw(t, "tenant"),
		Hour:        rapid.Int64Range(-100_000, 5_000_000).Draw(t, "hour"),
		Cut:         rapid.IntRange(0, 1_000_000).Draw(t, "cut"),
	}
}

func TestKeyIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genFileID(t), genFileID(t)
		for _, id := range []FileID{a, b} {
			back, err := ParseKey(id.Key())
			if err != nil || back != id {
				t.Fatalf("ParseKey(%q) = %+v, %v; want %+v", id.Key(), back, err, id)
			}
		}
		if (a == b) != (a.Key() == b.Key()) {
			t.Fatalf("%+v and %+v have keys %q and %q", a, b, a.Key(), b.Key())
		}
	})
}

func TestKeysSortInOrderOfCutting(t *testing.T) {
	var keys []string
	for _, window := range []uint64{1, 9, 10, 11, 100, 99_999} {
		for _, cut := range []int{0, 1, 9, 10, 999} {
			keys = append(keys, FileID{Incarnation: "a", Window: window, Table: "t", Tenant: "x", Cut: cut}.Key())
		}
	}
	if !sort.StringsAreSorted(keys) {
		t.Errorf("keys don't sort: %q", keys)
	}
}

func TestParseKeyRefuses(t *testing.T) {
	good := "events/tenant=acme/dt=2026-11-23/hour=07/7f3a9c-000000000042-0003.parquet"
	for _, c := range []struct{ name, old, new string }{
		{"no table", "events/", "/"},
		{"prefix", "events/", "prefix/events/"},
		{"dots", "events/", "../"},
		{"no tenant", "tenant=acme", "tenant="},
		{"wrong label", "tenant=", "user="},
		{"no such day", "11-23", "02-30"},
		{"hour 24", "hour=07", "hour=24"},
		{"hour of one digit", "hour=07", "hour=7"},
		{"negative hour", "hour=07", "hour=-7"},
		{"signed window", "000000000042", "+00000000042"},
		{"unpadded window", "000000000042", "42"},
		{"window too large", "000000000042", "99999999999999999999"},
		{"negative cut", "-0003.", "--003."},
		{"unpadded cut", "0003", "3"},
		{"no incarnation", "/7f3a9c-", "/-"},
		{"four fields", "7f3a9c-", "7f-3a9c-"},
		{"other suffix", ".parquet", ".parquet.tmp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := strings.Replace(good, c.old, c.new, 1)
			if key == good {
				t.Fatal("the case changes nothing")
			}
			if id, err := ParseKey(key); !errors.Is(err, ErrKey) {
				t.Errorf("ParseKey(%q) = %+v, %v; want ErrKey", key, id, err)
			}
		})
	}
}

func TestCheckRefusesIdentityThatLeavesItsFolder(t *testing.T) {
	for _, id := range []FileID{
		{Incarnation: "a", Table: "events", Tenant: "a/../b"},
		{Incarnation: "a-1", Table: "events", Tenant: "x"},
		{Incarnation: "", Table: "events", Tenant: "x"},
		{Incarnation: "a", Table: "..", Tenant: "x"},
		{Incarnation: "a", Table: "events", Tenant: "x", Cut: -1},
		{Incarnation: "a", Table: "events", Tenant: "x", Hour: 1 << 50},
	} {
		if err := id.check(); !errors.Is(err, ErrKey) {
			t.Errorf("check(%+v) = %v, want ErrKey", id, err)
		}
	}
}
