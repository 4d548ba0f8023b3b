package bytesize

import (
	"testing"

	"pgregory.net/rapid"
)

func TestUnmarshalText(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "17": 17, "17B": 17, "3KB": 3000, "3KiB": 3072, "2MB": 2e6, "512MiB": 512 << 20, " 1 GiB ": 1 << 30, "9GB": 9e9,
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, int64(got), err, int64(want))
		}
	}
	for _, text := range []string{"", "B", "-1", "1.5GiB", "1TB", "1mib", "9223372036854775808", "9007199254740992GiB"} {
		got := Size(7)
		if err := got.UnmarshalText([]byte(text)); err == nil || got != 7 {
			t.Errorf("%q is read as %d, %v", text, int64(got), err)
		}
	}
}

// Every size survives its text.
func TestStringIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Size(rapid.Int64Min(0).Draw(t, "size"))
		var got Size
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Fatalf("%v: %d, %v, want %d", want, int64(got), err, int64(want))
		}
	})
}
