package journal

import "testing"

// FuzzName: a file is taken for a segment only if it has exactly the name that a
// segment of that window and place gets, and only an incarnation's own spelling is
// one.
func FuzzName(f *testing.F) {
	good := name{WindowID{Incarnation{1, 2}, 3}, 4}.String()
	for _, s := range []string{good, good + tombstone, "LOCK", "quarantine", "0-0-0.journal", good[1:], "-" + good, good + ".tmp"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		n, ok := parseName(file)
		if ok && n.String() != file {
			t.Errorf("%q is taken for %q", file, n)
		}
		if ok && isTombstone(file) {
			t.Errorf("%q is a segment and a tombstone", file)
		}
		if inc, err := ParseIncarnation(file); err == nil && inc.String() != file {
			t.Errorf("%q is taken for the incarnation %s", file, inc)
		}
	})
}
