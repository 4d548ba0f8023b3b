package bytesize

import "testing"

// FuzzUnmarshalText: a size that is read is not negative, and is read again from what
// it prints.
func FuzzUnmarshalText(f *testing.F) {
	for _, s := range []string{"0", "1", "512MiB", "9223372036854775807", "9223372036854775808", "8GiB", "9007199254740993KiB", "-1", "1 KB", "i", "1iB", "1K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size, again Size
		if size.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(size.String())); err != nil || again != size || size < 0 {
			t.Errorf("%q is %d, prints %q, which is %d (%v)", text, size, size, again, err)
		}
	})
}
