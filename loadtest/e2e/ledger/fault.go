package ledger

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fault is a way in which the schema refuses an event, which must then become a
// row of the table rejected under this code and field.
type fault struct {
	code, field string
	spoil       func(b *builder, now time.Time)
	text        func(key string) string // what is sent instead of an object
}

// faults lists one of each kind that the built-in schema has.
var faults = []fault{
	{code: "required", field: "type", spoil: func(b *builder, _ time.Time) { b.drop("type") }},
	{code: "pattern", field: "type", spoil: replace("type", `"Message Sent"`)},
	{code: "wrong_type", field: "segments", spoil: replace("segments", `"two"`)},
	{code: "too_small", field: "segments", spoil: replace("segments", `-1`)},
	{code: "too_large", field: "segments", spoil: replace("segments", `2147483648`)},
	{code: "precision", field: "price", spoil: replace("price", `0.0000001`)},
	{code: "format", field: "price", spoil: replace("price", `"1,50"`)},
	{code: "not_in_enum", field: "direction", spoil: replace("direction", `"sideways"`)},
	{code: "too_short", field: "country", spoil: replace("country", `"D"`)},
	{code: "too_long", field: "currency", spoil: replace("currency", `"EURO"`)},
	{code: "wrong_type", field: "attributes.n", spoil: replace("attributes", `{"n":1}`)},
	{code: "format", field: "time", spoil: replace("time", `"yesterday"`)},
	{code: "too_late", field: "time", spoil: func(b *builder, now time.Time) {
		b.replace("time", strconv.FormatInt(now.Add(-8*24*time.Hour).UnixMilli(), 10))
	}},
	{code: "too_early", field: "time", spoil: func(b *builder, now time.Time) {
		b.replace("time", strconv.FormatInt(now.Add(2*time.Hour).UnixMilli(), 10))
	}},
	{code: "duplicate_key", field: "channel", spoil: func(b *builder, _ time.Time) {
		b.replace("channel", `"sms"`)
		b.members = append(b.members, `"channel":"sms"`)
	}},
	{code: "control_character", field: "sender", spoil: replace("sender", "\"a\x01b\"")},
	{code: "invalid_utf8", field: "sender", spoil: replace("sender", "\"a\xffb\"")},
	{code: "invalid_utf8", field: "sender", spoil: replace("sender", `"\ud800"`)},
	{code: "not_an_object", spoil: func(*builder, time.Time) {}, text: func(key string) string { return `"` + key + `"` }},
}

func replace(name, value string) func(*builder, time.Time) {
	return func(b *builder, _ time.Time) { b.replace(name, value) }
}

// replace gives a member another value, and puts it where it was absent.
func (b *builder) replace(name, value string) {
	b.drop(name)
	b.members = append(b.members, `"`+name+`":`+value)
}

// drop removes a member. Its name is looked for as it was written, unescaped.
func (b *builder) drop(name string) {
	b.members = slices.DeleteFunc(b.members, func(m string) bool {
		_, rest, _ := strings.Cut(m, `"`)
		written, _, _ := strings.Cut(rest, `"`)
		unescaped, err := strconv.Unquote(`"` + written + `"`)
		return err == nil && unescaped == name
	})
}

// base64Raw is how the table rejected keeps what is no text.
func base64Raw(text string) string {
	return "base64:" + base64.StdEncoding.EncodeToString([]byte(text))
}

// RawKey finds the key in the raw column of a row of rejected.
func RawKey(raw string) string {
	if encoded, ok := strings.CutPrefix(raw, "base64:"); ok {
		if text, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			raw = string(text)
		}
	}
	return KeyPattern.FindString(raw)
}
