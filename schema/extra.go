package schema

// The text of _extra: unknown fields as compact JSON.

// jsonText is a JSON text that grows. Commas are placed by what stands last: a
// bracket or colon, outside a string, can be nothing but structure, and every
// value ends with something else.
type jsonText []byte

// separate writes the comma before a key or an element that is not the first.
func (t jsonText) separate() jsonText {
	switch t[len(t)-1] {
	case '{', '[', ':':
		return t
	}
	return append(t, ',')
}

// key writes a key and its colon.
func (t jsonText) key(s string) jsonText {
	return append(t.separate().quote(s), ':')
}

// raw writes a value that is its own text: a number, a literal, an open bracket.
func (t jsonText) raw(s string) jsonText {
	return append(t.separate(), s...)
}

// text writes a string.
func (t jsonText) text(s string) jsonText {
	return t.separate().quote(s)
}

// AppendString appends a string as JSON text, escaping only what JSON demands.
func AppendString(dst []byte, s string) []byte { return jsonText(dst).quote(s) }

// quote writes a string in quotes, escaping only what JSON demands.
func (t jsonText) quote(s string) jsonText {
	const hex = "0123456789abcdef"
	t = append(t, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		t = append(append(t, s[from:i]...), '\\')
		from = i + 1
		switch c {
		case '"', '\\':
			t = append(t, c)
		case '\b':
			t = append(t, 'b')
		case '\f':
			t = append(t, 'f')
		case '\n':
			t = append(t, 'n')
		case '\r':
			t = append(t, 'r')
		case '\t':
			t = append(t, 't')
		default:
			t = append(t, 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(t, s[from:]...), '"')
}
