package schema

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// rule is what the values of one column must satisfy. Which of its parts say
// anything depends on the column's kind.
type rule struct {
	given          bool // the sender must name the field: it stands in required
	text, number   bool // the JSON types that a Timestamp or Decimal may come as
	uuid           bool
	enum           []string // sorted; nil allows every string
	pattern        *regexp.Regexp
	minLength      int // characters of a string, or of each string of a collection
	maxLength      int
	min, max       int64   // of an Int32, Int64, or unscaled Decimal
	minDbl, maxDbl float64 // of a Double
}

// newRule returns a rule that every value of the kind satisfies.
func newRule(c Column) rule {
	r := rule{
		maxLength: math.MaxInt,
		min:       math.MinInt64, max: math.MaxInt64,
		minDbl: math.Inf(-1), maxDbl: math.Inf(1),
	}
	if c.Kind == Int32 {
		r.min, r.max = math.MinInt32, math.MaxInt32
	}
	return r
}

// checkText says what a string lacks. The memo, if any, remembers strings that
// the pattern has matched.
func (r *rule) checkText(s string, m *memo) fault {
	if r.uuid && !isUUID(s) {
		return fault{code: CodeFormat, message: "must be a UUID, such as " + uuidExample}
	}
	// A character has at least one byte, and a length in bytes costs nothing.
	if len(s) > r.maxLength && utf8.RuneCountInString(s) > r.maxLength {
		return fault{code: CodeTooLong, message: fmt.Sprintf("must have at most %d characters", r.maxLength)}
	}
	if r.minLength > 0 && (len(s) < r.minLength || utf8.RuneCountInString(s) < r.minLength) {
		return fault{code: CodeTooShort, message: fmt.Sprintf("must have at least %d characters", r.minLength)}
	}
	if r.enum != nil {
		if _, found := slices.BinarySearch(r.enum, s); !found {
			return fault{code: CodeNotInEnum, message: "must be one of " + list(r.enum)}
		}
	}
	if r.pattern != nil && !m.matches(r.pattern, s) {
		return fault{code: CodePattern, message: "must match " + r.pattern.String()}
	}
	return fault{}
}

// checkInt compares a whole number, or an unscaled decimal, with its bounds.
func (r *rule) checkInt(x int64, c *Column) fault {
	if x < r.min {
		return fault{code: CodeTooSmall, message: "must be at least " + formatDecimal(r.min, c.Scale)}
	}
	if x > r.max {
		return fault{code: CodeTooLarge, message: "must be at most " + formatDecimal(r.max, c.Scale)}
	}
	return fault{}
}

// checkFloat compares a number with its bounds.
func (r *rule) checkFloat(x float64) fault {
	if x < r.minDbl {
		return fault{code: CodeTooSmall, message: "must be at least " + strconv.FormatFloat(r.minDbl, 'g', -1, 64)}
	}
	if x > r.maxDbl {
		return fault{code: CodeTooLarge, message: "must be at most " + strconv.FormatFloat(r.maxDbl, 'g', -1, 64)}
	}
	return fault{}
}

// list names the values of an enum in a message, up to a length that fits a line.
func list(values []string) string {
	var b []byte
	for i, v := range values {
		if i > 0 {
			b = append(b, ", "...)
		}
		if len(b)+len(v) > 200 {
			return string(append(b, "…"...))
		}
		b = append(b, v...)
	}
	return string(b)
}

// formatDecimal writes an unscaled value with its point.
func formatDecimal(unscaled int64, scale int) string {
	if scale == 0 {
		return strconv.FormatInt(unscaled, 10)
	}
	digits := fmt.Sprintf("%0*d", scale+1, max(unscaled, -unscaled))
	point := len(digits) - scale
	text := digits[:point] + "." + digits[point:]
	if unscaled < 0 {
		text = "-" + text
	}
	return text
}
