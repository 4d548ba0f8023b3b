package tenants

import (
	"regexp"
	"strings"
	"testing"
)

// documented is what docs/tenants.md says a name is. It is a part of objects' keys, so
// it must lead nowhere (I8).
var documented = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"acme": true, "0": true, "a-b_c": true, strings.Repeat("x", 63): true,
		"": false, ".": false, "..": false, "a.b": false, "a/b": false, "../a": false, "a/../b": false, "/a": false, "a=b": false,
		"-a": false, "_a": false, "A": false, "é": false, "a b": false, "a\n": false, "a\x00": false, strings.Repeat("x", 64): false,
	} {
		if got := ValidName(name); got != want || got != documented.MatchString(name) {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// FuzzValidName compares with the pattern that is documented.
func FuzzValidName(f *testing.F) {
	f.Add("acme")
	f.Add("../a")
	f.Fuzz(func(t *testing.T, name string) {
		if got := ValidName(name); got != documented.MatchString(name) {
			t.Errorf("%q: %v", name, got)
		}
	})
}
