package schema

import (
	"encoding/json"
	"math"
	"strconv"
)

// The values of an event: what each JSON type becomes in a column of each kind.

// OnNull is called for null: in a known field it is the same as no field.
func (e *event) OnNull() error {
	switch e.place {
	case inEvent:
	case inExtra:
		e.extra = e.extra.raw("null")
	default:
		return e.wrongType("null")
	}
	return nil
}

// OnBool is called for true and false.
func (e *event) OnBool(v bool) error {
	switch {
	case e.place == inExtra:
		e.extra = e.extra.raw(strconv.FormatBool(v))
	case e.place != inEvent || e.at.Kind != Bool:
		return e.wrongType("a boolean")
	case v:
		e.setInt64(1)
	default:
		e.setInt64(0)
	}
	return nil
}

// OnString is called for a string, without its quotes and escapes.
func (e *event) OnString(s string) error {
	switch e.place {
	case inEvent:
		return e.setText(s)
	case inExtra:
		e.extra = e.extra.text(s)
	case outside:
		return e.wrongType("a string")
	default:
		if code := e.at.rule.checkText(s, e.at.memo); code != "" {
			return e.violates(code)
		}
		e.at.vector.addElement(s)
	}
	return nil
}

// OnInt64 is called for a number, whose text is n.
func (e *event) OnInt64(_ int64, n json.Number) error { return e.number(string(n)) }

// OnFloat64 is called for a number, whose text is n.
func (e *event) OnFloat64(_ float64, n json.Number) error { return e.number(string(n)) }

func (e *event) number(text string) error {
	if len(text) > MaxNumber {
		return e.refuse(CodeNumberTooLong, "a number must have at most %d bytes", MaxNumber)
	}
	switch e.place {
	case inEvent:
		return e.setNumber(text)
	case inExtra:
		e.extra = e.extra.raw(text)
		return nil
	}
	return e.wrongType("a number")
}

// setText gives the column at hand a string.
func (e *event) setText(s string) error {
	switch f := e.at; {
	case f.Kind == String:
		if code := f.rule.checkText(s, f.memo); code != "" {
			return e.violates(code)
		}
		f.vector.setString(e.rows.rows, s)
		return nil
	case f.Kind == Timestamp && f.rule.text:
		micros, ok := e.moments.parse(s)
		if !ok {
			return e.refuse(CodeFormat, "must be a date-time of RFC 3339, such as 2026-11-23T07:15:30.123Z")
		}
		return e.setMoment(micros)
	case f.Kind == Decimal && f.rule.text:
		return e.setDecimal(s)
	}
	return e.wrongType("a string")
}

// setNumber gives the column at hand a number.
func (e *event) setNumber(text string) error {
	switch f := e.at; {
	case f.Kind == Int32, f.Kind == Int64:
		x, code := parseInt(text)
		switch code {
		case "":
			return e.setBounded(x)
		case CodeWrongType:
			return e.refuse(code, "must be a whole number")
		}
		return e.refuse(code, "is outside the range of an %s", f.Kind)
	case f.Kind == Double:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil && math.IsInf(x, 0) {
			code := CodeTooLarge
			if x < 0 {
				code = CodeTooSmall
			}
			return e.refuse(code, "is outside the range of a double")
		}
		if code := f.rule.checkFloat(x); code != "" {
			return e.violates(code)
		}
		e.setInt64(int64(math.Float64bits(x)))
		return nil
	case f.Kind == Decimal && f.rule.number:
		return e.setDecimal(text)
	case f.Kind == Timestamp && f.rule.number:
		millis, code := parseInt(text)
		if code != "" || millis < minMicros/1000 || millis > maxMicros/1000 {
			return e.refuse(CodeFormat, "must be a whole number of milliseconds since 1970, in the years 0 to 9999")
		}
		return e.setMoment(millis * 1000)
	}
	return e.wrongType("a number")
}

// setMoment gives the column at hand a time.
func (e *event) setMoment(micros int64) error {
	if e.at == e.timed {
		if micros < e.earliest {
			return e.refuse(CodeTooLate, "lies more than %s before the event's receipt", e.limits.Late)
		}
		if micros > e.latest {
			return e.refuse(CodeTooEarly, "lies more than %s after the event's receipt", e.limits.Early)
		}
	}
	e.setInt64(micros)
	return nil
}

// setDecimal gives the column at hand a decimal.
func (e *event) setDecimal(text string) error {
	c := e.at.Column
	x, f := parseDecimal(text, c.Precision, c.Scale)
	switch f {
	case decimalFits:
		return e.setBounded(x)
	case decimalTooFine:
		return e.refuse(CodePrecision, "must have at most %d digits after the point", c.Scale)
	case decimalTooWide:
		code := CodeTooLarge
		if text[0] == '-' {
			code = CodeTooSmall
		}
		return e.refuse(code, "must have at most %d digits before the point", c.Precision-c.Scale)
	}
	return e.refuse(CodeFormat, "must be a decimal number, such as 0.0453")
}

// setBounded gives the column at hand a whole number or an unscaled decimal that
// lies within its bounds.
func (e *event) setBounded(x int64) error {
	if code := e.at.rule.checkInt(x); code != "" {
		return e.violates(code)
	}
	e.setInt64(x)
	return nil
}

func (e *event) setInt64(x int64) {
	e.at.vector.setInt64(e.rows.rows, x)
}

// violates refuses a value for a rule of its column.
func (e *event) violates(code Code) error {
	return e.refuse(code, "%s", e.at.rule.demand(code, e.at.Column))
}

// wrongType refuses a value for its JSON type.
func (e *event) wrongType(is string) error {
	if e.place == outside {
		return e.refuse(CodeNotAnObject, "an event must be an object, not %s", is)
	}
	if e.place != inEvent {
		return e.refuse(CodeWrongType, "must be a string, not %s", is)
	}
	return e.refuse(CodeWrongType, "must be %s, not %s", e.wanted(), is)
}

// wanted is the JSON type that the column at hand takes, in words.
func (e *event) wanted() string {
	r := e.at.rule
	switch e.at.Kind {
	case Int32, Int64:
		return "a whole number"
	case Double:
		return "a number"
	case Bool:
		return "a boolean"
	case StringMap:
		return "an object of strings"
	case StringList:
		return "an array of strings"
	case Timestamp, Decimal:
		if r.text && r.number {
			return "a string or a number"
		}
		if r.number {
			return "a number"
		}
	}
	return "a string"
}
