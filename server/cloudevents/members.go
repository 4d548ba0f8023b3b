// The members of a JSON object, as they stand in its text.

package cloudevents

import (
	"bytes"
	"encoding/json"
	"unsafe"

	"github.com/bytedance/sonic/decoder"

	"parquay/schema"
)

// member is a member of an object.
type member struct {
	key   []byte // in quotes, with as few escapes as can be: equal names, equal keys
	value []byte // as it was sent
}

// name is the key without quotes, and shares its bytes. Names that anything here knows
// have no escapes.
func (m member) name() string { return view(m.key[1 : len(m.key)-1]) }

func (m member) is(name string) bool { return m.name() == name }

func (m member) isNull() bool { return m.value[0] == 'n' }

// appendMembers appends the members of a text that is one JSON object, of valid UTF-8
// and escapes, at most one more than schema.MaxMembers. It returns false for a text
// that it can't read.
func appendMembers(dst []member, text []byte) ([]member, bool) {
	at := skipSpace(text, 1)
	if at < len(text) && text[at] == '}' {
		return dst, true
	}
	for len(dst) <= schema.MaxMembers {
		key, end, ok := value(text, at)
		if !ok || key[0] != '"' {
			return dst, false
		}
		if at = skipSpace(text, end); at == len(text) || text[at] != ':' {
			return dst, false
		}
		v, end, ok := value(text, at+1)
		if key, ok = canonical(key, ok); !ok {
			return dst, false
		}
		dst = append(dst, member{key, v})
		at = skipSpace(text, end)
		switch {
		case at == len(text):
			return dst, false
		case text[at] == '}':
			return dst, true
		case text[at] != ',':
			return dst, false
		}
		at = skipSpace(text, at+1)
	}
	return dst, true
}

// value returns the value after an offset, and where it ends. Most are strings without
// escapes, whose end is plain to see.
func value(text []byte, at int) (v []byte, end int, ok bool) {
	if at = skipSpace(text, at); at < len(text) && text[at] == '"' {
		n := bytes.IndexByte(text[at+1:], '"')
		if v = text[at+1:][:max(n, 0)]; n >= 0 && bytes.IndexByte(v, '\\') < 0 {
			return text[at : at+n+2], at + n + 2, true
		}
	}
	start, n := decoder.Skip(text[at:])
	if start < 0 || start >= n {
		return nil, 0, false
	}
	return text[at+start : at+n], at + n, true
}

// canonical writes a key as every equal one is written.
func canonical(key []byte, ok bool) ([]byte, bool) {
	if !ok || bytes.IndexByte(key, '\\') < 0 {
		return key, ok
	}
	s, ok := unquote(key)
	return schema.AppendString(nil, s), ok
}

// unquote reads a JSON string. What it returns may share the text's bytes.
func unquote(text []byte) (s string, ok bool) {
	if n := len(text); n >= 2 && text[0] == '"' && bytes.IndexByte(text, '\\') < 0 {
		return view(text[1 : n-1]), true
	}
	var plain string
	err := json.Unmarshal(text, &plain)
	return plain, err == nil
}

// equal says whether two values are the same text, or the same string.
func equal(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if a[0] != '"' || b[0] != '"' {
		return false
	}
	x, _ := unquote(a)
	y, _ := unquote(b)
	return x == y
}

// view is the text as a string that shares its bytes.
func view(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t') {
		at++
	}
	return at
}
