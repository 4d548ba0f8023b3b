// Package bytesize reads and writes sizes as people do: 512MiB. Settings and the
// file of tenants share it.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. Its text is a whole number and a unit: B, KB,
// MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024). No unit is bytes.
type Size int64

// byteUnits is in the order in which String prefers them.
var byteUnits = [...]struct {
	name string
	size int64
}{
	{"GiB", 1 << 30},
	{"GB", 1e9},
	{"MiB", 1 << 20},
	{"MB", 1e6},
	{"KiB", 1 << 10},
	{"KB", 1e3},
	{"B", 1},
}

// UnmarshalText reads the text form; envconfig calls it.
func (b *Size) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	digits := strings.TrimRight(s, "BGKMi ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a size such as 512MiB", s)
	}
	unit := strings.TrimSpace(s[len(digits):])
	if unit == "" {
		unit = "B"
	}
	for _, u := range byteUnits {
		if u.name != unit {
			continue
		}
		if n > math.MaxInt64/u.size {
			return fmt.Errorf("%q is more bytes than can be counted", s)
		}
		*b = Size(n * u.size)
		return nil
	}
	return fmt.Errorf("%q has the unknown unit %q: use B, KB, KiB, MB, MiB, GB or GiB", s, unit)
}

// String is the shortest exact text form.
func (b Size) String() string {
	for _, u := range byteUnits {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return "0B"
}
