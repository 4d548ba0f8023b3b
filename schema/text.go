package schema

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	sonicutf8 "github.com/bytedance/sonic/utf8"
)

// What sonic does not check in a text that it can split: UTF-8, control characters
// in strings, and escapes. An event of plain ASCII without escapes pays for one
// look at its words.

// checkText finds the first fault of a text that is one JSON value.
func checkText(text []byte) fault {
	high, control, escape := scan(text)
	at, f := -1, fault{}
	switch {
	case high && !sonicutf8.Validate(text):
		at, f = invalidUTF8(text), fault{code: CodeInvalidUTF8, message: "holds bytes that are not valid UTF-8"}
	case control:
		at, f = rawControl(text), fault{code: CodeControlCharacter, message: "holds a control character that is not escaped"}
	}
	if at < 0 && escape {
		at, f = checkEscapes(text)
	}
	if at < 0 {
		return fault{}
	}
	f.field = fieldAt(text[:at])
	return f
}

// scan says whether any byte of the text is no ASCII, a control character, or a
// backslash.
func scan(text []byte) (high, control, escape bool) {
	var highs, controls uint64
	look := func(w uint64) {
		highs |= w
		controls |= (w - ones*' ') &^ w // its top bit is set where a byte is below ' '
	}
	rest := text
	for ; len(rest) >= 32; rest = rest[32:] { // four words a turn take half the time
		look(binary.LittleEndian.Uint64(rest))
		look(binary.LittleEndian.Uint64(rest[8:]))
		look(binary.LittleEndian.Uint64(rest[16:]))
		look(binary.LittleEndian.Uint64(rest[24:]))
	}
	for ; len(rest) >= 8; rest = rest[8:] {
		look(binary.LittleEndian.Uint64(rest))
	}
	for _, c := range rest {
		look(ones * uint64(c))
	}
	return highs&tops != 0, controls&tops != 0, bytes.IndexByte(text, '\\') >= 0
}

// invalidUTF8 finds the first byte that belongs to no character.
func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// rawControl finds a control character inside a string; outside, it is white space.
func rawControl(text []byte) int {
	inside := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inside = !inside
		case c == '\\':
			i++
		case c < ' ' && inside:
			return i
		}
	}
	return -1
}

// checkEscapes finds an escape that JSON does not have, or that of half a
// surrogate pair, which has no UTF-8. Escapes stand in strings only, or sonic
// could not have split the text.
func checkEscapes(text []byte) (at int, f fault) {
	for i := 0; ; i += 2 {
		next := bytes.IndexByte(text[i:], '\\')
		if next < 0 {
			return -1, fault{}
		}
		i += next
		if i+1 < len(text) && strings.IndexByte(`"\/bfnrt`, text[i+1]) >= 0 {
			continue
		}
		unit, ok := escapedUnit(text[i:])
		if !ok {
			return i, fault{code: CodeInvalidEscape, message: "holds an escape that JSON does not have"}
		}
		if unit < 0xd800 || unit > 0xdfff {
			continue
		}
		low, ok := escapedUnit(text[i+6:])
		if unit > 0xdbff || !ok || low < 0xdc00 || low > 0xdfff {
			return i, fault{code: CodeInvalidUTF8, message: "holds the escape of half a surrogate pair"}
		}
		i += 6
	}
}

// escapedUnit reads \uXXXX from the front of the text.
func escapedUnit(text []byte) (unit uint64, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return unit, err == nil
}

// fieldAt names the field in whose key or value a text breaks off: the last key
// of the outermost object.
func fieldAt(text []byte) string {
	depth, isKey, field := 0, false, ""
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
			isKey = text[i] == '{'
		case '}', ']':
			depth--
		case ',':
			isKey = true
		case ':':
			isKey = false
		case '"':
			start := i + 1
			for i = start; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 1 && isKey {
				field = string(text[start:min(i, len(text))])
			}
		}
	}
	return cutText(field, maxField)
}

// cutText returns the text as valid UTF-8 of at most n bytes, on a character's
// boundary.
func cutText(s string, n int) string {
	s = strings.ToValidUTF8(s[:min(len(s), n+utf8.UTFMax)], "\uFFFD")
	if len(s) <= n {
		return strings.Clone(s)
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n])
}

// view is the text as a string that shares its bytes.
func view(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

// explain finds where and why a text that sonic can't split is no JSON. It is
// asked only about broken bodies: encoding/json is slower and says more.
func explain(text []byte) (offset int, message string) {
	err := json.Unmarshal(text, new(discard))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		if offset = int(syntax.Offset); strings.HasPrefix(syntax.Error(), "invalid character") {
			offset-- // the character was read
		}
		return offset, syntax.Error()
	}
	return 0, "value is nested too deeply"
}

// discard is a value that encoding/json checks and does not keep.
type discard struct{}

func (discard) UnmarshalJSON([]byte) error { return nil }
