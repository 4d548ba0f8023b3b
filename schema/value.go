package schema

import (
	"encoding/json"
	"math"
	"strconv"
)

// The values of an event: what each JSON type becomes in a column of each kind.

// OnNull is called for null: in a known field it is the same as no field.
func (e *event) OnNull() error {
	switch {
	case e.place == inExtra, e.place == inEvent && e.column < 0:
		e.extra = e.extra.raw("null")
	case e.place != inEvent:
		return e.wrongType("null")
	}
	return nil
}

// OnBool is called for true and false.
func (e *event) OnBool(v bool) error {
	switch {
	case e.place == inExtra, e.place == inEvent && e.column < 0:
		e.extra = e.extra.raw(strconv.FormatBool(v))
	case e.place == inEvent && e.table.columns[e.column].Kind == Bool:
		x := int64(0)
		if v {
			x = 1
		}
		e.setInt64(x)
	default:
		return e.wrongType("a boolean")
	}
	return nil
}

// OnString is called for a string, without its quotes and escapes.
func (e *event) OnString(s string) error {
	switch {
	case e.place == inEvent && e.column >= 0:
		return e.setText(s)
	case e.place == inEvent, e.place == inExtra:
		e.extra = e.extra.text(s)
	case e.place == outside:
		return e.wrongType("a string")
	default:
		if code := e.table.rules[e.column].checkText(s, e.memos[e.column]); code != "" {
			return e.violates(code)
		}
		e.rows.vectors[e.column].addElement(s)
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
	switch {
	case e.place == inEvent && e.column >= 0:
		return e.setNumber(text)
	case e.place == inEvent, e.place == inExtra:
		e.extra = e.extra.raw(text)
		return nil
	}
	return e.wrongType("a number")
}

// setText gives the column at hand a string.
func (e *event) setText(s string) error {
	r := &e.table.rules[e.column]
	switch kind := e.table.columns[e.column].Kind; {
	case kind == String:
		if code := r.checkText(s, e.memos[e.column]); code != "" {
			return e.violates(code)
		}
		e.rows.vectors[e.column].setString(e.rows.rows, s)
		return nil
	case kind == Timestamp && r.text:
		micros, ok := parseMoment(s)
		if !ok {
			return e.refuse(CodeFormat, "must be a date-time of RFC 3339, such as 2026-11-23T07:15:30.123Z")
		}
		return e.setMoment(micros)
	case kind == Decimal && r.text:
		return e.setDecimal(s)
	}
	return e.wrongType("a string")
}

// setNumber gives the column at hand a number.
func (e *event) setNumber(text string) error {
	c, r := &e.table.columns[e.column], &e.table.rules[e.column]
	switch kind := c.Kind; {
	case kind == Int32, kind == Int64:
		x, code := parseInt(text)
		switch code {
		case "":
			return e.setBounded(x)
		case CodeWrongType:
			return e.refuse(code, "must be a whole number")
		}
		return e.refuse(code, "is outside the range of an %s", kind)
	case kind == Double:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil && math.IsInf(x, 0) {
			code := CodeTooLarge
			if x < 0 {
				code = CodeTooSmall
			}
			return e.refuse(code, "is outside the range of a double")
		}
		if code := r.checkFloat(x); code != "" {
			return e.violates(code)
		}
		e.setInt64(int64(math.Float64bits(x)))
		return nil
	case kind == Decimal && r.number:
		return e.setDecimal(text)
	case kind == Timestamp && r.number:
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
	if e.column == e.table.timeColumn {
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
	c := &e.table.columns[e.column]
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
	if code := e.table.rules[e.column].checkInt(x); code != "" {
		return e.violates(code)
	}
	e.setInt64(x)
	return nil
}

func (e *event) setInt64(x int64) {
	e.rows.vectors[e.column].setInt64(e.rows.rows, x)
}

// violates refuses a value for a rule of its column.
func (e *event) violates(code Code) error {
	return e.refuse(code, "%s", e.table.rules[e.column].demand(code, &e.table.columns[e.column]))
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
	r := &e.table.rules[e.column]
	switch e.table.columns[e.column].Kind {
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
