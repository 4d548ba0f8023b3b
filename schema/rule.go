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

// checkText returns the code of what a string lacks, "" for nothing. The memo, if
// any, remembers strings that the pattern has matched.
func (r *rule) checkText(s string, m *memo) Code {
	// A character has at least one byte, and a length in bytes costs nothing.
	if len(s) > r.maxLength && utf8.RuneCountInString(s) > r.maxLength {
		return CodeTooLong
	}
	if r.minLength > 0 && (len(s) < r.minLength || utf8.RuneCountInString(s) < r.minLength) {
		return CodeTooShort
	}
	if r.uuid && !isUUID(s) {
		return CodeFormat
	}
	if r.enum != nil {
		if !r.inEnum(s) {
			return CodeNotInEnum
		}
	}
	if r.pattern != nil && !m.matches(r.pattern, s) {
		return CodePattern
	}
	return ""
}

// surelyRight returns how many bytes a text has, at least and at most, that satisfies the
// rule whatever its characters are. There is no such length if most is below least.
func (r *rule) surelyRight() (least, most int) {
	if r.uuid || r.enum != nil || r.pattern != nil {
		return 0, -1
	}
	if least = r.minLength; least > 1 {
		least = utf8.UTFMax * min(least, math.MaxInt/utf8.UTFMax)
	}
	return least, r.maxLength
}

// inEnum says whether the enum has the string. Few values are compared faster one
// after the other, most by their lengths alone.
func (r *rule) inEnum(s string) bool {
	if len(r.enum) > 16 {
		_, found := slices.BinarySearch(r.enum, s)
		return found
	}
	for _, v := range r.enum {
		if v == s {
			return true
		}
	}
	return false
}

// checkInt compares a whole number, or an unscaled decimal, with its bounds.
func (r *rule) checkInt(x int64) Code {
	if x < r.min {
		return CodeTooSmall
	}
	if x > r.max {
		return CodeTooLarge
	}
	return ""
}

// checkFloat compares a number with its bounds.
func (r *rule) checkFloat(x float64) Code {
	if x < r.minDbl {
		return CodeTooSmall
	}
	if x > r.maxDbl {
		return CodeTooLarge
	}
	return ""
}

// demand is what a value that a check gave the code to must be, in words.
func (r *rule) demand(code Code, c *Column) string {
	switch code {
	case CodeTooLong:
		return fmt.Sprintf("must have at most %d characters", r.maxLength)
	case CodeTooShort:
		return fmt.Sprintf("must have at least %d characters", r.minLength)
	case CodeFormat:
		return "must be a UUID, such as " + uuidExample
	case CodeNotInEnum:
		return "must be one of " + list(r.enum)
	case CodePattern:
		return "must match " + r.pattern.String()
	}
	least, most := formatDecimal(r.min, c.Scale), formatDecimal(r.max, c.Scale)
	if c.Kind == Double {
		least, most = strconv.FormatFloat(r.minDbl, 'g', -1, 64), strconv.FormatFloat(r.maxDbl, 'g', -1, 64)
	}
	if code == CodeTooSmall {
		return "must be at least " + least
	}
	return "must be at most " + most
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
