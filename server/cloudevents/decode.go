// From a request to the decoder's events.

package cloudevents

import (
	"bytes"
	"net/http"
	"time"
	"unsafe"

	"parquay/schema"
)

// Decode is d.Decode for a request of the mode: the headers are looked at in Binary
// mode only, and a request of mode None is decoded as it is. grow is also asked for
// what the translation takes besides the columns.
//
// In binary mode a body whose Content-Type is JSON, and that is none, is a
// schema.SyntaxError.
func Decode(d *schema.Decoder, mode Mode, h http.Header, body []byte, received time.Time, grow func(bytes int) error) error {
	if mode == None {
		return d.Decode(body, received, grow)
	}
	t := newTranslator(d.Table())
	if mode == Structured {
		if err := grow(t.need(body, d.Limits().MaxEvent)); err != nil {
			return err
		}
		return d.DecodeAs(body, t.translate, received, grow)
	}
	m := message{header: h, body: body}
	if err := m.read(); err != nil {
		return err
	}
	if err := grow(m.need()); err != nil {
		return err
	}
	text, refusal := m.structured()
	if refusal != nil {
		return d.DecodeAs(text, func([]byte) ([]byte, *schema.EventError) { return nil, refusal }, received, grow)
	}
	if err := grow(t.need(text, d.Limits().MaxEvent)); err != nil {
		return err
	}
	return d.DecodeAs(text, t.translate, received, grow)
}

// slack bounds what an event's text has that its CloudEvent's has not: the names of
// columns, the brackets around what is moved, quotes around numbers.
const slack = 4 << 10

// need is about what the translator takes for a body: the text of one event, and its
// members, each of which has a colon, on three levels, as found and as placed.
func (t *translator) need(body []byte, maxEvent int) int {
	members := min(bytes.Count(body, []byte(":")), 3*schema.MaxMembers)
	return min(len(body), maxEvent) + slack + 2*members*int(unsafe.Sizeof(placed{}))
}

// refuse is a refusal for what is wrong with an attribute.
func refuse(field string, code schema.Code, message string) *schema.EventError {
	return &schema.EventError{Field: field, Code: code, Message: message}
}
