package tenants

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// FuzzParse: whatever stands in a file, it is refused or it is a file that keeps
// every rule; and an error repeats no hash.
func FuzzParse(f *testing.F) {
	f.Add([]byte(wholeFile))
	f.Add([]byte(minimal(`,"limits":{"burst":"1h","bytes_per_second":1}`)))
	f.Add([]byte(minimal(`,"tables":[]`)))
	f.Add([]byte(`{"tenants":[{"name":"` + aHash + `","` + aHash + `":1}]}`))
	f.Add([]byte(minimal(`,"limits":{"ring_bytes":"` + aHash + `"},"tables":["` + aHash + `"]`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parse(text)
		if err != nil {
			if strings.Count(err.Error(), "\n") > maxProblems {
				t.Errorf("%d lines", strings.Count(err.Error(), "\n"))
			}
			checkHarmless(t, err)
			return
		}
		if len(list) == 0 || !json.Valid(text) {
			t.Fatalf("%d tenants from %q", len(list), text)
		}
		ids := map[string]bool{}
		for i, tenant := range list {
			if !ValidName(tenant.name) || (i > 0 && tenant.name <= list[i-1].name) {
				t.Errorf("name %q", tenant.name)
			}
			if len(tenant.keys) > maxKeys || len(tenant.keys)+len(tenant.certificates) == 0 {
				t.Errorf("%d keys, %d certificates", len(tenant.keys), len(tenant.certificates))
			}
			for _, k := range tenant.keys {
				if !validID(k.ID) || ids[k.ID] {
					t.Errorf("id %q", k.ID)
				}
				ids[k.ID] = true
			}
			// Nothing in a file that is taken can make the buckets panic.
			now := time.Now()
			_ = tenant.Admit(now)
			tenant.Charge(now, 1<<62, 1<<62)
			_, _ = tenant.RateLimit(now)
			if l := tenant.limits; l.events < 0 || l.bytes < 0 || l.ringBytes < 0 || l.burst < time.Second {
				t.Errorf("limits %+v", l)
			}
		}
	})
}

// FuzzParseKey: what is taken for a key is one to the scanner too, and is made of
// its parts.
func FuzzParseKey(f *testing.F) {
	key, _, _ := NewKey()
	f.Add(key)
	f.Add("pqy_k1ab_" + strings.Repeat("A", 52))
	f.Add("pqy__")
	f.Fuzz(func(t *testing.T, key string) {
		id, secret, ok := parseKey(key)
		if ok != scanner.MatchString(key) {
			t.Fatalf("%q: %v", key, ok)
		}
		if ok && "pqy_"+id+"_"+secret != key {
			t.Fatalf("%q is not made of %q and %q", key, id, secret)
		}
	})
}
