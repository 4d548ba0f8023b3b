// Medians, and how far the rounds are apart.

package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Spread is what several rounds have given of one figure.
type Spread struct {
	Median, Least, Most float64
	Rounds              int
}

// spread takes a figure of each round.
func spread[T any](rounds []T, figure func(T) float64) Spread {
	if len(rounds) == 0 {
		return Spread{}
	}
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = figure(r)
	}
	slices.Sort(values)
	n := len(values)
	return Spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1], n}
}

// Format writes the median and, if there were several rounds, the least and the most,
// with so many decimals, or with groups of three digits for -1.
func (s Spread) Format(decimals int) string {
	if s.Rounds == 0 {
		return "–"
	}
	text := func(v float64) string {
		if decimals < 0 {
			return grouped(int64(v + 0.5))
		}
		return strconv.FormatFloat(v, 'f', decimals, 64)
	}
	least, most := text(s.Least), text(s.Most)
	if least == most {
		return text(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", text(s.Median), least, most)
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && digits[i-1] != '-' && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
