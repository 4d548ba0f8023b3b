package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// FuzzParseReceipt: a receipt has one spelling, which is what String writes.
func FuzzParseReceipt(f *testing.F) {
	f.Add("0123456789abcdef0123456789abcdef.1.2")
	f.Add("0123456789abcdef0123456789abcdef.01.2")
	f.Add("0123456789ABCDEF0123456789abcdef.1.18446744073709551615")
	f.Add("0123456789abcdef0123456789abcdef.1.18446744073709551616")
	f.Add("0123456789abcdef0123456789abcdef.1.2.3")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseReceipt(text)
		if err == nil && (r.String() != text || len(r.Incarnation) != 32) {
			t.Errorf("%q is read as %+v", text, r)
		}
		if err != nil && r != (Receipt{}) {
			t.Errorf("%q is refused and read as %+v", text, r)
		}
	})
}

// FuzzIdempotencyKey: what is taken for a key is visible ASCII of bounded length, and
// means the same with quotes as without.
func FuzzIdempotencyKey(f *testing.F) {
	for _, s := range []string{"", "a", `"a"`, `"a\"b"`, `"`, `""`, " k ", "é", strings.Repeat("x", maxKey+1), "a,b", "\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, field string) {
		key, err := idempotencyKey([]string{field})
		if err != nil {
			if key != "" {
				t.Errorf("%q is refused and read as %q", field, key)
			}
			return
		}
		if key == "" || len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q is read as %q", field, key)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, err := idempotencyKey([]string{quoted}); err != nil || again != key {
			t.Errorf("%q is %q, and %s is %q (%v)", field, key, quoted, again, err)
		}
		if _, err := idempotencyKey([]string{field, field}); err == nil {
			t.Errorf("%q twice is taken", field)
		}
	})
}

// FuzzCredentials: whatever the fields hold, a key is found only in them, whole, and
// none if they differ (I8).
func FuzzCredentials(f *testing.F) {
	key := provision("acme").key
	f.Add("Bearer "+key, "", "")
	f.Add("bearer  "+key, key, "")
	f.Add(basic("user", key), "", "")
	f.Add("Basic "+key, "", "")
	f.Add("Bearer "+key, "Bearer other", "")
	f.Add("", "", key)
	f.Add("Digest x", "", key)
	f.Fuzz(func(t *testing.T, first, second, plain string) {
		h := http.Header{}
		for _, field := range []string{first, second} {
			if field != "" {
				h.Add("Authorization", field)
			}
		}
		if plain != "" {
			h.Add("X-Api-Key", plain)
		}
		got, shown := keyOf(h)
		if shown != (len(h) > 0) {
			t.Errorf("%q: shown %v", h, shown)
		}
		if got == "" {
			return
		}
		for name, fields := range h {
			for _, field := range fields {
				one, _ := keyOf(http.Header{name: {field}})
				if one != got {
					t.Errorf("%q: the key is %q, and of %q alone %q", h, got, field, one)
				}
			}
		}
	})
}

// FuzzForwarded: a client's address is the peer's unless that is a balancer of ours,
// and never one of our balancers' own but the last of them.
func FuzzForwarded(f *testing.F) {
	ours := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Add("10.0.0.1:1", "1.2.3.4")
	f.Add("10.0.0.1:1", "1.2.3.4, 10.0.0.2")
	f.Add("[fd00::1]:1", "[2001:db8::1]:443")
	f.Add("1.2.3.4:5", "10.0.0.2")
	f.Add("10.0.0.1:1", "x, , ::ffff:1.2.3.4")
	f.Fuzz(func(t *testing.T, peer, field string) {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = peer
		direct := ours.client(r)
		r.Header.Set("X-Forwarded-For", field)
		client := ours.client(r)
		if !ours.trust(direct) && client != direct {
			t.Errorf("the stranger %v passes for %v", direct, client)
		}
		if client.Is4In6() || client.Zone() != "" {
			t.Errorf("%v is another spelling", client)
		}
		r.Header["X-Forwarded-For"] = []string{"6.6.6.6, " + field}
		if before := ours.client(r); before != client && (!ours.trust(client) || !ours.trust(direct)) {
			t.Errorf("what the client wrote before %q makes it %v instead of %v", field, before, client)
		}
	})
}

// FuzzRequestID: an id that is repeated in answers and logs has no key and needs no
// quotes.
func FuzzRequestID(f *testing.F) {
	f.Add("abc-1.2_3")
	f.Add("pqy_abcd_")
	f.Add("a b")
	f.Fuzz(func(t *testing.T, sent string) {
		got := requestID(http.Header{requestIDField: {sent}})
		if got == "" || len(got) > maxRequestID || strings.Contains(got, keyPrefix) ||
			strings.Trim(got, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
			t.Errorf("%q becomes %q", sent, got)
		}
	})
}
