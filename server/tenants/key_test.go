package tenants

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"
)

// scanner is the pattern that docs/tenants.md gives to scanners for secrets.
var scanner = regexp.MustCompile(`^pqy_[a-z0-9]{4,32}_[A-Z2-7]{52}$`)

func TestNewKey(t *testing.T) {
	seen := map[string]bool{}
	var used [secretSize]map[byte]bool // at each place of a secret
	for i := range used {
		used[i] = map[byte]bool{}
	}
	for range 1000 {
		key, id, hash := NewKey()
		if !scanner.MatchString(key) {
			t.Fatalf("key %q", key)
		}
		gotID, secret, ok := parseKey(key)
		if !ok || gotID != id || !strings.HasPrefix(key, "pqy_"+id+"_") {
			t.Fatalf("the id of %q is %q, or %q", key, id, gotID)
		}
		if sum := sha256.Sum256([]byte(secret)); hex.EncodeToString(sum[:]) != hash {
			t.Fatalf("the hash of %q is not %q", key, hash)
		}
		if seen[id] || seen[secret] {
			t.Fatalf("%q again", key)
		}
		seen[id], seen[secret] = true, true
		for i := range used {
			used[i][secret[i]] = true
		}
	}
	for i := range used {
		if len(used[i]) < 31 { // of 32: that one is missing has a chance of 10⁻¹²
			t.Errorf("place %d of 1000 secrets has %d characters", i, len(used[i]))
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	secret := strings.Repeat("A", 52)
	if _, _, ok := parseKey("pqy_k1ab_" + secret); !ok {
		t.Fatal("a good key is refused")
	}
	for _, key := range []string{
		"", "pqy_", "pqy__", "pqy_k1ab", "pqy_k1ab_", "pqy_" + secret, "PQY_k1ab_" + secret, " pqy_k1ab_" + secret,
		"pqy_k1ab_" + secret[1:], "pqy_k1ab_" + secret + "A", "pqy_k1ab_" + secret + "\n", "pqy_k1ab_" + strings.ToLower(secret),
		"pqy_k1ab_" + secret[1:] + "1", "pqy_k1ab_" + secret[1:] + "_", "pqy_k1ab__" + secret[1:], "pqy_k1_b_" + secret,
		"pqy_abc_" + secret, "pqy_" + strings.Repeat("a", 33) + "_" + secret, "pqy_K1ab_" + secret, "pqy_k1a\x00_" + secret,
		strings.Repeat("pqy_k1ab_"+secret, 1000),
	} {
		if id, _, ok := parseKey(key); ok {
			t.Errorf("%q is taken for the key %q", key, id)
		}
	}
}
