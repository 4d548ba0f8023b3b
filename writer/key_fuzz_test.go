package writer

import (
	"strings"
	"testing"
)

// FuzzParseKey: what is read as a key has exactly that spelling, leads into its own
// tenant's folder and is a key that every bucket takes (I3, I8).
func FuzzParseKey(f *testing.F) {
	good := FileID{Incarnation: "0123456789abcdef0123456789abcdef", Window: 7, Table: "events", Tenant: "acme", Hour: 498319, Cut: 1}
	f.Add(good.Key())
	f.Add((FileID{Incarnation: "a", Table: "t", Tenant: "x", Hour: -1}).Key())
	f.Add(strings.Replace(good.Key(), "acme", "..", 1))
	f.Add(strings.Replace(good.Key(), "hour=07", "hour=7", 1))
	f.Add(strings.Replace(good.Key(), "events/", "events//", 1))
	f.Add("events/tenant=a/dt=2028-02-29/hour=23/a-000000000001-0000.parquet")
	f.Add("events/tenant=a/dt=2027-02-29/hour=23/a-000000000001-0000.parquet")
	f.Fuzz(func(t *testing.T, key string) {
		id, err := ParseKey(key)
		if err != nil {
			return
		}
		if id.Key() != key {
			t.Errorf("%q is read as %+v, which is %q", key, id, id.Key())
		}
		if parts := strings.Split(key, "/"); len(parts) != 5 || parts[0] != id.Table || parts[1] != "tenant="+id.Tenant {
			t.Errorf("%q is read as %+v", key, id)
		}
		if err := id.check(); err != nil {
			t.Errorf("%q is read, and refused where it would be made: %v", key, err)
		}
	})
}
