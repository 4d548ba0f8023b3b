package schema

import (
	"encoding/base64"
	"fmt"
	"unicode/utf8"
)

// What becomes of an event that the schema refuses: an entry of the answer and a
// row of the rejected table.

const (
	maxField   = 128 // bytes of a field's name in an answer
	maxMessage = 512 // bytes of a message
)

// fault is why an event is refused; its zero value means that it is not.
type fault struct {
	field   string
	code    Code
	message string
}

// notText marks the raw column of an event that is not valid UTF-8. No JSON text
// begins so.
const notText = "base64:"

// The columns of the rejected table, in its document's order.
const (
	rejectedTable = iota
	rejectedCode
	rejectedField
	rejectedMessage
	rejectedRaw
)

// reject records an event that is refused.
func (d *Decoder) reject(text []byte, f fault) error {
	raw := text
	if len(raw) > d.limits.MaxEvent {
		f.message = fmt.Sprintf("%s (the event has %d bytes)", f.message, len(text))
		raw = cutBytes(raw, d.limits.MaxEvent)
	}
	if err := d.budget.refusal(d.rows, d.refused, len(raw)); err != nil {
		return err
	}
	d.countRejected(f.code)
	f.field, f.message = cutText(f.field, maxField), cutText(f.message, maxMessage)
	if len(d.errors) < MaxErrors {
		d.errors = append(d.errors, EventError{
			Index: d.rows.rows + d.refused.rows, Field: f.field, Code: f.code, Message: f.message,
		})
	}
	c := d.refused
	c.SetString(rejectedTable, d.table.name)
	c.SetString(rejectedCode, string(f.code))
	if f.field != "" {
		c.SetString(rejectedField, f.field)
	}
	c.SetString(rejectedMessage, f.message)
	if v := c.Vector(rejectedRaw); utf8.Valid(raw) {
		v.setString(c.rows, view(raw))
	} else {
		v.text = base64.StdEncoding.AppendEncode(append(v.text, notText...), raw)
		v.setString(c.rows, "")
	}
	c.rows++
	return nil
}

// cutBytes returns at most n bytes of the text, without the start of a character
// that the cut would break.
func cutBytes(text []byte, n int) []byte {
	for i := n; i > 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return text[:i]
		}
	}
	return text[:n]
}
