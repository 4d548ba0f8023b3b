package schema

import (
	"math"
	"strconv"
)

// Exact numbers: a JSON number's text to an integer or an unscaled decimal, never
// through a float.

// maxPrecision is the number of digits that an int64 always holds.
const maxPrecision = 18

// decimalFault says why a text is no value of a decimal column.
type decimalFault uint8

const (
	decimalFits     decimalFault = iota
	decimalNoNumber              // the text is no JSON number
	decimalTooFine               // digits other than 0 beyond the scale
	decimalTooWide               // more digits before the point than precision-scale
)

// parseDecimal returns the value of a JSON number times 10^scale.
func parseDecimal(text string, precision, scale int) (unscaled int64, fault decimalFault) {
	if x, ok := parsePlainDecimal(text, precision, scale); ok {
		return x, decimalFits
	}
	d, ok := scanDecimal(text)
	switch {
	case !ok:
		return 0, decimalNoNumber
	case d.digits == 0:
		return 0, decimalFits
	case d.digits+d.exponent > precision-scale:
		return 0, decimalTooWide
	case d.exponent+scale < 0:
		return 0, decimalTooFine
	}
	// At most precision digits are left, so nothing below overflows.
	for i, seen := d.first, 0; seen < d.digits; i++ {
		if c := text[i]; c != '.' {
			unscaled = unscaled*10 + int64(c-'0')
			seen++
		}
	}
	for range d.exponent + scale {
		unscaled *= 10
	}
	if text[0] == '-' {
		unscaled = -unscaled
	}
	return unscaled, decimalFits
}

// parsePlainDecimal reads what most numbers are: digits and perhaps a point, not
// more of them than the column has.
func parsePlainDecimal(text string, precision, scale int) (unscaled int64, ok bool) {
	unscaled, end := plainDecimal(text, precision, scale)
	return unscaled, end > 0 && end == len(text)
}

// plainDecimal is parsePlainDecimal for a text that goes on. It returns where the digits
// end that the column has room for, or 0 if there is no such number.
func plainDecimal(text string, precision, scale int) (unscaled int64, end int) {
	for end < len(text) && end < precision-scale && text[end]-'0' <= 9 {
		unscaled = unscaled*10 + int64(text[end]-'0')
		end++
	}
	if end == 0 || end > 1 && text[0] == '0' {
		return 0, 0
	}
	if end < len(text) && text[end] == '.' {
		point := end
		for end++; end < len(text) && scale > 0 && text[end]-'0' <= 9; end++ {
			unscaled = unscaled*10 + int64(text[end]-'0')
			scale--
		}
		if end == point+1 {
			return 0, 0
		}
	}
	for range scale {
		unscaled *= 10
	}
	return unscaled, end
}

// decimalParts describes a number as an integer of so many digits, neither the
// first nor the last of them 0, times a power of ten.
type decimalParts struct {
	first    int // where the digits begin in the text; a point may stand among them
	digits   int // 0 for the number 0
	exponent int
}

// scanDecimal checks a JSON number's grammar and finds its parts.
func scanDecimal(text string) (d decimalParts, ok bool) {
	start := 0
	if text != "" && text[0] == '-' {
		start = 1
	}
	point := skipDigits(text, start) // where the point stands, or would
	if point == start || (text[start] == '0' && point > start+1) {
		return d, false
	}
	end := point
	if end < len(text) && text[end] == '.' {
		if end = skipDigits(text, point+1); end == point+1 {
			return d, false
		}
	}
	exponent := 0
	if end < len(text) {
		if exponent, ok = parseExponent(text[end:]); !ok {
			return d, false
		}
	}
	d.first = start
	for d.first < end && (text[d.first] == '0' || text[d.first] == '.') {
		d.first++
	}
	last := end - 1
	for last >= d.first && (text[last] == '0' || text[last] == '.') {
		last--
	}
	switch {
	case last < d.first:
	case last < point:
		d.digits, d.exponent = last-d.first+1, exponent+point-last-1
	case d.first < point:
		d.digits, d.exponent = last-d.first, exponent+point-last
	default:
		d.digits, d.exponent = last-d.first+1, exponent+point-last
	}
	return d, true
}

func skipDigits(text string, i int) int {
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	return i
}

// parseExponent reads an exponent from its e on. One beyond every column's range
// is held at a bound, so that the sums made with it can't overflow.
func parseExponent(text string) (exponent int, ok bool) {
	if text[0]|0x20 != 'e' {
		return 0, false
	}
	text, negative := text[1:], false
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text, negative = text[1:], text[0] == '-'
	}
	if text == "" || skipDigits(text, 0) != len(text) {
		return 0, false
	}
	for i := range len(text) {
		exponent = min(exponent*10+int(text[i]-'0'), math.MaxInt32)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// parseInt returns the value of a JSON number that is a whole one: 1e3 and 2.0
// are, as JSON Schema has it, if they have at most 18 digits.
func parseInt(text string) (x int64, code Code) {
	if x, ok := parsePlainDecimal(text, maxPrecision, 0); ok {
		return x, ""
	}
	x, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		return x, ""
	}
	x, fault := parseDecimal(text, maxPrecision, 0)
	switch {
	case fault == decimalFits:
		return x, ""
	case fault == decimalTooWide && text[0] == '-':
		return 0, CodeTooSmall
	case fault == decimalTooWide:
		return 0, CodeTooLarge
	}
	return 0, CodeWrongType
}
