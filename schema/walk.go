package schema

import (
	"encoding/json"
	"slices"

	sonicunquote "github.com/bytedance/sonic/unquote"
	sonicutf8 "github.com/bytedance/sonic/utf8"
)

// The common road of an event: a walk of our own over a text in which all is in
// order. It takes a third of what sonic's walk and the checks after it take, since
// it calls nothing for a token, knows the keys that are to come, and looks at each
// word of the text once.
//
// It decides one thing only, that the event is accepted as it stands. From anything
// else it steps aside, and what it has put into columns is undone: sonic then reads
// the event and says what is wrong with it.

// aside is the offset where a walk goes on that has stepped aside: nowhere.
const aside = -1

// read reads the object that the text begins with, and returns where it ends, or
// aside.
func (e *event) read(text []byte) int {
	e.begin()
	if byteAt(text, 0) != '{' || e.OnObjectBegin(0) != nil {
		return aside
	}
	end := e.readFields(text, space(text, 1))
	if end == aside || e.members > MaxMembers || e.bytes&tops != 0 && !sonicutf8.Validate(text[:end]) {
		return aside
	}
	return end
}

// readFields reads the event's own fields from p on, behind its brace.
func (e *event) readFields(text []byte, p int) int {
	if byteAt(text, p) == '}' {
		return p + 1
	}
	next := &e.first
	for {
		f := *next // the one that came here last time
		if f.opening.begins(text, p) {
			p += len(f.opening.text)
		} else if f, p = e.readField(text, p, next); p == aside {
			return aside
		}
		p = space(text, p)
		if f == nil {
			p = e.readValue(text, p)
		} else {
			if f.seen == e.serial {
				return aside
			}
			f.seen, next = e.serial, &f.next
			e.members++
			switch first := byteAt(text, p); {
			case f.Kind == String && first == '"':
				p = e.readText(text, p+1, f)
			case f.Kind == Timestamp && first == '"':
				p = e.readMoment(text, p, f)
			case f.digits > 0:
				p = e.readNumber(text, p, f)
			case f.Kind == StringMap && first == '{':
				p = e.readPairs(text, p+1, f)
			default:
				e.place, e.at = inEvent, f
				p = e.readValue(text, p)
			}
		}
		p = space(text, p)
		switch byteAt(text, p) {
		case ',':
			p = space(text, p+1)
		case '}':
			return p + 1
		default:
			return aside
		}
	}
}

// readText reads a string, from behind its quote on, into a String column. Most are
// short: their end is looked for in two words, and these are what is stored.
func (e *event) readText(text []byte, p int, f *field) int {
	if len(text)-p < 16 {
		return e.readLongText(text, p, p, f)
	}
	first, second := wordAt(text, p), wordAt(text, p+8)
	e.bytes |= first | second
	n := plainBytes(first, second)
	if n == 16 || text[p+n] != '"' || !f.allows(view(text[p:p+n])) {
		return e.readLongText(text, p, p+n, f)
	}
	v := f.vector
	v.begin(e.rows.rows)
	v.addShort(&v.ends, first, second, n)
	return p + n + 1
}

// readLongText reads any string into a String column, from where it begins; up to p it
// is known to be plain.
func (e *event) readLongText(text []byte, from, p int, f *field) int {
	end, seen := scanString(text, p)
	e.bytes |= seen
	var s string
	if byteAt(text, end) == '"' {
		s = view(text[from:end])
		end++
	} else if s, end = e.readEscaped(text, from, end); end == aside {
		return aside
	}
	if !f.allows(s) {
		return aside
	}
	f.vector.setString(e.rows.rows, s)
	return end
}

// readMoment reads a date-time, from its quote on, into a Timestamp column.
func (e *event) readMoment(text []byte, p int, f *field) int {
	s, p := e.readString(text, p)
	if p == aside || !f.rule.text {
		return aside
	}
	micros, ok := e.moments.parse(s)
	if !ok || f == e.timed && (micros < e.earliest || micros > e.latest) {
		return aside
	}
	f.vector.setInt64(e.rows.rows, micros)
	return p
}

// readNumber reads a value of a column of whole numbers or decimals. Most are digits and
// perhaps a point, which are read as they are found.
func (e *event) readNumber(text []byte, p int, f *field) int {
	from, known, quoted := p, f.rule.number, byteAt(text, p) == '"'
	if quoted {
		from, known = p+1, f.rule.text
	}
	x, n := plainDecimal(view(text[from:]), f.digits, f.Scale)
	end := from + n
	switch after := byteAt(text, end); {
	case n == 0 || !known || x < f.rule.min || x > f.rule.max:
	case quoted && after == '"':
		f.vector.setInt64(e.rows.rows, x)
		return end + 1
	case !quoted && (after == ',' || after == '}'):
		f.vector.setInt64(e.rows.rows, x)
		return end
	}
	e.place, e.at = inEvent, f
	return e.readValue(text, p)
}

// readPairs reads an object of strings, from behind its brace on, into a StringMap
// column.
func (e *event) readPairs(text []byte, p int, f *field) int {
	e.scope++
	p = space(text, p)
	for more := byteAt(text, p) != '}'; more; {
		var key, value string
		if key, p = e.readElement(text, p, f.vector); p == aside || len(key) > MaxKey {
			return aside
		}
		if e.members++; e.members > MaxMembers || !e.keys.add(e.scope, key) {
			return aside
		}
		if p = space(text, p); byteAt(text, p) != ':' {
			return aside
		}
		if value, p = e.readElement(text, space(text, p+1), f.vector); p == aside || !f.allows(value) {
			return aside
		}
		p = space(text, p)
		if more = byteAt(text, p) == ','; more {
			p = space(text, p+1)
		}
	}
	if byteAt(text, p) != '}' {
		return aside
	}
	f.vector.endElements(e.rows.rows)
	return p + 1
}

// readElement reads the string whose quote stands at p, if one does, and adds it to a
// collection.
func (e *event) readElement(text []byte, p int, v *Vector) (s string, end int) {
	if byteAt(text, p) != '"' {
		return "", aside
	}
	if len(text)-p > 16 {
		first, second := wordAt(text, p+1), wordAt(text, p+9)
		e.bytes |= first | second
		n := plainBytes(first, second)
		if end = p + 1 + n; n < 16 && text[end] == '"' {
			v.addShort(&v.elements, first, second, n)
			return view(text[p+1 : end]), end + 1
		}
	}
	s, end = e.readString(text, p)
	v.addElement(s)
	return s, end
}

// allows says whether a string satisfies the field's rule.
func (f *field) allows(s string) bool {
	return f.least <= len(s) && len(s) <= f.most || f.rule.checkText(s, f.memo) == ""
}

// readField reads a key and its colon. It returns the field that the key names, nil for
// one that no column is for.
func (e *event) readField(text []byte, p int, next **field) (*field, int) {
	key, p := e.readKey(text, p)
	if p == aside {
		return nil, aside
	}
	if f := *next; f.Name == key {
		return f, p
	}
	i, known := e.table.byName[key]
	if !known {
		if e.OnObjectKey(key) != nil {
			return nil, aside
		}
		return nil, p
	}
	*next = &e.fields[i]
	return *next, p
}

// readKey reads a key and its colon.
func (e *event) readKey(text []byte, p int) (key string, end int) {
	if byteAt(text, p) != '"' {
		return "", aside
	}
	key, p = e.readString(text, p)
	if p = space(text, p); byteAt(text, p) != ':' {
		return "", aside
	}
	return key, p + 1
}

// readValue reads any value, and calls for what it meets what sonic would.
func (e *event) readValue(text []byte, p int) int {
	var err error
	switch byteAt(text, p) {
	case '"':
		var s string
		if s, p = e.readString(text, p); p != aside {
			err = e.OnString(s)
		}
	case '{':
		return e.readObject(text, p)
	case '[':
		return e.readArray(text, p)
	case 't':
		p, err = literal(text, p, "true"), e.OnBool(true)
	case 'f':
		p, err = literal(text, p, "false"), e.OnBool(false)
	case 'n':
		p, err = literal(text, p, "null"), e.OnNull()
	default:
		from := p
		if p = numberEnd(text, p); p != aside {
			err = e.OnInt64(0, json.Number(view(text[from:p])))
		}
	}
	if err != nil {
		return aside
	}
	return p
}

// readObject reads an object within the event.
func (e *event) readObject(text []byte, p int) int {
	if e.OnObjectBegin(0) != nil {
		return aside
	}
	p = space(text, p+1)
	for more := byteAt(text, p) != '}'; more; {
		var key string
		if key, p = e.readKey(text, p); p == aside || e.OnObjectKey(key) != nil {
			return aside
		}
		p = space(text, e.readValue(text, space(text, p)))
		if more = byteAt(text, p) == ','; more {
			p = space(text, p+1)
		}
	}
	if byteAt(text, p) != '}' || e.OnObjectEnd() != nil {
		return aside
	}
	return p + 1
}

// readArray reads an array within the event.
func (e *event) readArray(text []byte, p int) int {
	if e.OnArrayBegin(0) != nil {
		return aside
	}
	p = space(text, p+1)
	for more := byteAt(text, p) != ']'; more; {
		p = space(text, e.readValue(text, p))
		if more = byteAt(text, p) == ','; more {
			p = space(text, p+1)
		}
	}
	if byteAt(text, p) != ']' || e.OnArrayEnd() != nil {
		return aside
	}
	return p + 1
}

// readString reads the string whose quote stands at p.
func (e *event) readString(text []byte, p int) (s string, end int) {
	end, seen := scanString(text, p+1)
	e.bytes |= seen
	if byteAt(text, end) == '"' {
		return view(text[p+1 : end]), end + 1
	}
	return e.readEscaped(text, p+1, end)
}

// readEscaped reads a string from where it begins, the first escape in which stands
// at p.
func (e *event) readEscaped(text []byte, from, p int) (s string, end int) {
	for byteAt(text, p) == '\\' {
		var seen uint64
		p, seen = scanString(text, p+2)
		e.bytes |= seen
	}
	if byteAt(text, p) != '"' {
		return "", aside
	}
	raw := text[from:p]
	if at, _ := checkEscapes(raw); at >= 0 {
		return "", aside
	}
	// What the event has unquoted before stays: it may be a key, which is compared
	// with others.
	e.unquoted = slices.Grow(e.unquoted, len(raw))
	free := e.unquoted[len(e.unquoted):]
	if sonicunquote.IntoBytes(view(raw), &free) != 0 {
		return "", aside
	}
	e.unquoted = e.unquoted[:len(e.unquoted)+len(free)]
	return view(free), p + 1
}
