// Binary mode: headers and a body as the JSON event format writes them.

package cloudevents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"parquay/schema"
)

// message is a CloudEvent in binary mode.
type message struct {
	header http.Header
	body   []byte

	contentType string
	form        form
	names       []string // of the headers that are attributes, in order
}

// form is what the body is in the JSON format.
type form uint8

const (
	formNone   form = iota
	formJSON        // data, as it is
	formText        // data, as a string
	formBase64      // data_base64
)

// prefix begins the header of an attribute, as net/http writes names.
const prefix = "Ce-"

// read tells what the body is, by its type and its bytes. The type that curl gives
// to what it is not told the type of says nothing.
func (m *message) read() error {
	for name := range m.header {
		if strings.HasPrefix(name, prefix) {
			m.names = append(m.names, name)
		}
	}
	slices.Sort(m.names)
	m.contentType = m.header.Get("Content-Type")
	media, _, _ := strings.Cut(m.contentType, ";")
	untold := media == "" || media == "application/x-www-form-urlencoded"
	plain := bytes.TrimPrefix(m.body, []byte("\xef\xbb\xbf")) // as the decoder passes over it
	switch {
	case len(m.body) == 0:
	case (untold || isJSON(m.contentType)) && json.Valid(plain):
		m.form, m.body = formJSON, plain
		if untold {
			m.contentType = ""
		}
	case isJSON(m.contentType):
		return syntaxError(m.body)
	case isText(m.body):
		m.form = formText
	default:
		m.form = formBase64
	}
	return nil
}

// isText says whether a string of the body would be readable.
func isText(body []byte) bool {
	for _, c := range body {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return utf8.Valid(body)
}

// syntaxError describes a body that is no JSON.
func syntaxError(body []byte) error {
	syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, new(discard)))
	if !ok {
		return &schema.SyntaxError{Message: "the data is not JSON"}
	}
	offset := int(syntax.Offset)
	if strings.HasPrefix(syntax.Error(), "invalid character") {
		offset-- // the character was read
	}
	return &schema.SyntaxError{Offset: offset, Message: syntax.Error()}
}

// discard is a value that encoding/json checks and does not keep.
type discard struct{}

func (discard) UnmarshalJSON([]byte) error { return nil }

// need bounds the length of the text of structured. Escapes double what is no JSON.
func (m *message) need() int {
	n := slack + 2*len(m.contentType)
	for _, name := range m.names {
		n += len(name) + len(`"":"",`)
		for _, v := range m.header[name] {
			n += 2 * len(v)
		}
	}
	if m.form == formJSON {
		return n + len(m.body)
	}
	return n + 2*len(m.body)
}

// structured is the CloudEvent in the JSON format. With a refusal the text is what
// can be said of it.
func (m *message) structured() (text []byte, refusal *schema.EventError) {
	fail := func(field string, code schema.Code, message string) {
		if refusal == nil {
			refusal = refuse(field, code, message)
		}
	}
	text = append(make([]byte, 0, m.need()), '{')
	for i, header := range m.names {
		name, values := strings.ToLower(header[len(prefix):]), m.header[header]
		value, ok := unescape(strings.Join(values, ", "))
		switch {
		case len(values) > 1:
			fail(name, schema.CodeDuplicateKey, "has several headers")
		case name == "datacontenttype":
			fail(name, schema.CodeNotACloudEvent, "is the Content-Type of a CloudEvent in binary mode")
		case name == "data", name == "data_base64":
			fail(name, schema.CodeNotACloudEvent, "is the body of a CloudEvent in binary mode")
		case !ok:
			fail(name, schema.CodeNotACloudEvent, "must be UTF-8, percent-encoded")
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = schema.AppendString(text, name)
		text = schema.AppendString(append(text, ':'), value)
	}
	if m.contentType != "" {
		text = schema.AppendString(append(text, `,"datacontenttype":`...), m.contentType)
	}
	switch m.form {
	case formJSON:
		text = append(append(text, `,"data":`...), m.body...)
	case formText:
		text = schema.AppendString(append(text, `,"data":`...), view(m.body))
	case formBase64:
		text = append(base64.StdEncoding.AppendEncode(append(text, `,"data_base64":"`...), m.body), '"')
	}
	return append(text, '}'), refusal
}

// unescape reads a header's value: what is quoted (RFC 9110, 5.6.4) is unquoted, then
// what is percent-encoded is decoded, once. It returns the value as it is if that
// gives no UTF-8.
func unescape(value string) (string, bool) {
	s := unquoted(value)
	if strings.IndexByte(s, '%') < 0 {
		return s, utf8.ValidString(s)
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) || hexDigit(s[i+1]) > 15 || hexDigit(s[i+2]) > 15 {
			return value, false
		}
		b = append(b, hexDigit(s[i+1])<<4|hexDigit(s[i+2]))
		i += 2
	}
	if !utf8.Valid(b) {
		return value, false
	}
	return string(b), true
}

// unquoted removes the quotes around a value, and its backslashes.
func unquoted(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// hexDigit is the value of a hexadecimal digit, more than 15 for anything else.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}
