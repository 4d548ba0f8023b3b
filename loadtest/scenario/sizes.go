// How many events a body has.

package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Sizes is from how few to how many events a body has. Between them small bodies
// are as common as large ones: each doubling has the same share.
type Sizes struct {
	Least int `json:"least"`
	Most  int `json:"most"`
}

// maxBatch keeps a body of ordinary events within the gateway's own limit of 64 MiB.
const maxBatch = 100_000

func (s Sizes) validate() error {
	if s.Least < 1 || s.Most < s.Least || s.Most > maxBatch {
		return fmt.Errorf("%v events of a body: it must be 1 to %d, or two of these as 1-1000", s, maxBatch)
	}
	return nil
}

// String is the sizes as Set takes them.
func (s Sizes) String() string {
	if s.Least == s.Most {
		return strconv.Itoa(s.Least)
	}
	return fmt.Sprintf("%d-%d", s.Least, s.Most)
}

// Set reads 500 or 1-1000; it makes Sizes a flag.
func (s *Sizes) Set(text string) (err error) {
	least, most, isRange := strings.Cut(text, "-")
	if !isRange {
		most = least
	}
	if s.Least, err = strconv.Atoi(least); err == nil {
		s.Most, err = strconv.Atoi(most)
	}
	if err != nil {
		return fmt.Errorf("%q is neither a number nor a range as 1-1000", text)
	}
	return s.validate()
}

// Mean is how many events a body has on average.
func (s Sizes) Mean() float64 {
	if s.Least == s.Most {
		return float64(s.Least)
	}
	// The mean of a log-uniform number from a to b is (b-a)/ln(b/a); the halves are
	// what rounding to whole numbers adds on either side.
	a, b := float64(s.Least)-0.5, float64(s.Most)+0.5
	return (b - a) / math.Log(b/a)
}

func (s Sizes) pick(r *random) int {
	if s.Least == s.Most {
		return s.Least
	}
	a, b := float64(s.Least)-0.5, float64(s.Most)+0.5
	return min(max(int(math.Round(a*math.Pow(b/a, r.share()))), s.Least), s.Most)
}
