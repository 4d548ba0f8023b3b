package schema

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/bits"
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
		var f *field
		if f, p = e.readField(text, p, next); f == nil {
			p = e.readValue(text, space(text, p))
		} else if next, p = &f.next, space(text, p); f.Kind == String && byteAt(text, p) == '"' {
			p = e.readText(text, p+1, f)
		} else if f.Kind == StringMap && byteAt(text, p) == '{' {
			p = e.readPairs(text, p+1, f)
		} else {
			e.place, e.at = inEvent, f
			p = e.readValue(text, p)
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

// readText reads a string, from behind its quote on, into a String column.
func (e *event) readText(text []byte, p int, f *field) int {
	end, seen := scanString(text, p)
	e.bytes |= seen
	var s string
	if byteAt(text, end) == '"' {
		s = view(text[p:end])
		end++
	} else if s, end = e.readEscaped(text, p, end); end == aside {
		return aside
	}
	if !f.allows(s) {
		return aside
	}
	f.vector.setString(e.rows.rows, s)
	return end
}

// readPairs reads an object of strings, from behind its brace on, into a StringMap
// column.
func (e *event) readPairs(text []byte, p int, f *field) int {
	e.scope++
	p = space(text, p)
	for more := byteAt(text, p) != '}'; more; {
		var key, value string
		if key, p = e.readKey(text, p); p == aside || len(key) > MaxKey {
			return aside
		}
		if e.members++; e.members > MaxMembers || !e.keys.add(e.scope, key) {
			return aside
		}
		if p = space(text, p); byteAt(text, p) != '"' {
			return aside
		}
		if value, p = e.readString(text, p); p == aside || !f.allows(value) {
			return aside
		}
		f.vector.addElement(key)
		f.vector.addElement(value)
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

// allows says whether a string satisfies the field's rule.
func (f *field) allows(s string) bool {
	return f.least <= len(s) && len(s) <= f.most || f.rule.checkText(s, f.memo) == ""
}

// readField reads a key and its colon. It returns the field that the key names, nil
// for one that no column is for.
func (e *event) readField(text []byte, p int, next *int) (*field, int) {
	f := &e.fields[*next]
	if f.opening.begins(text, p) {
		p += len(f.opening.text)
	} else {
		var key string
		if key, p = e.readKey(text, p); p == aside {
			return nil, aside
		}
		i, known := e.table.byName[key]
		if !known {
			if e.OnObjectKey(key) != nil {
				return nil, aside
			}
			return nil, p
		}
		*next = i
		f = &e.fields[i]
	}
	if f.seen == e.serial {
		return nil, aside
	}
	f.seen = e.serial
	e.members++
	return f, p
}

// opening is a key as it usually stands, with its quotes and colon.
type opening struct {
	text       string
	head, tail uint64 // the first and last eight bytes
	mask       uint64 // of the head: what a shorter text has of it
}

func newOpening(key string) opening {
	o := opening{text: `"` + key + `":`, mask: math.MaxUint64}
	word := []byte(o.text + "\x00\x00\x00\x00\x00\x00\x00\x00")
	o.head = binary.LittleEndian.Uint64(word)
	if n := len(o.text); n < 8 {
		o.mask >>= 8 * (8 - n)
	} else {
		o.tail = binary.LittleEndian.Uint64(word[n-8:])
	}
	return o
}

// begins says whether the text goes on with it at p. Most keys are compared as one
// word or two; at the text's end it may say no.
func (o *opening) begins(text []byte, p int) bool {
	end := p + len(o.text)
	if p+8 > len(text) || end > len(text) || binary.LittleEndian.Uint64(text[p:])&o.mask != o.head {
		return false
	}
	if len(o.text) <= 8 {
		return true
	}
	return binary.LittleEndian.Uint64(text[end-8:]) == o.tail &&
		(len(o.text) <= 16 || string(text[p+8:end-8]) == o.text[8:len(o.text)-8])
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

const ones, tops = 0x0101010101010101, 0x8080808080808080

// scanString looks from p on for the first byte of a string that is not its plain
// text: a quote, a backslash or a control character. seen has a bit set that any
// byte up to there has, and perhaps some that those right after it have.
func scanString(text []byte, p int) (at int, seen uint64) {
	for p+8 <= len(text) {
		w := binary.LittleEndian.Uint64(text[p:])
		seen |= w
		quote, slash := w^ones*'"', w^ones*'\\'
		// The top bit of the first byte that is 0, or below a space, is set; so may
		// be some after it.
		if found := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & tops; found != 0 {
			return p + bits.TrailingZeros64(found)/8, seen
		}
		p += 8
	}
	for ; p < len(text); p++ {
		c := text[p]
		if c == '"' || c == '\\' || c < ' ' {
			break
		}
		seen |= uint64(c)
	}
	return p, seen
}

// numberEnd returns where the number ends that begins at p, or aside.
func numberEnd(text []byte, p int) int {
	if byteAt(text, p) == '-' {
		p++
	}
	first := byteAt(text, p)
	from := p
	if p = digits(text, p); p == from || first == '0' && p > from+1 {
		return aside
	}
	if byteAt(text, p) == '.' {
		from = p + 1
		if p = digits(text, from); p == from {
			return aside
		}
	}
	if byteAt(text, p)|0x20 == 'e' {
		if p++; byteAt(text, p) == '+' || byteAt(text, p) == '-' {
			p++
		}
		from = p
		if p = digits(text, p); p == from {
			return aside
		}
	}
	return p
}

// digits returns the offset of the next byte that is no digit.
func digits(text []byte, p int) int {
	for byteAt(text, p)-'0' <= 9 {
		p++
	}
	return p
}

// literal returns where the word ends that stands at p, or aside.
func literal(text []byte, p int, word string) int {
	if end := p + len(word); end <= len(text) && string(text[p:end]) == word {
		return end
	}
	return aside
}

// space returns the offset of the next byte that is no white space.
func space(text []byte, p int) int {
	for byteAt(text, p) <= ' ' && isSpace(byteAt(text, p)) {
		p++
	}
	return p
}

// byteAt is the byte at p, 0 beyond the text and at aside: no token has it.
func byteAt(text []byte, p int) byte {
	if uint(p) < uint(len(text)) {
		return text[p]
	}
	return 0
}
