package schema

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/bytedance/sonic/decoder"
)

// The splitting of bodies into events. What is split decides what a broken body
// is: sonic stops without a word at what it does not understand.

// SyntaxError is returned for a body that can't be split into JSON values.
// Nothing of such a body is accepted.
type SyntaxError struct {
	Offset  int    // bytes before the fault
	Index   int    // whole events before it
	Field   string // the field that the fault stands in, if it stands in one
	Message string
}

// Error says where the fault is, and what.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("byte %d, after %d whole events: %s", e.Offset, e.Index, e.Message)
}

// maxBody bounds a body, so that no column's text outgrows its 32-bit offsets.
const maxBody = 1 << 30

var errBodyTooLarge = errors.New("decode body: longer than 1 GiB")

// byteOrderMark may open a body: tools on Windows write it, and it says nothing
// that JSON does not.
var byteOrderMark = []byte("\xef\xbb\xbf")

// split decodes every event of a body.
func (d *Decoder) split(body []byte) error {
	if len(body) > maxBody {
		return errBodyTooLarge
	}
	at := 0
	if bytes.HasPrefix(body, byteOrderMark) {
		at = len(byteOrderMark)
	}
	at = space(body, at)
	if at < len(body) && body[at] == '[' {
		return d.splitArray(body, at)
	}
	return d.splitSequence(body, at)
}

// splitSequence decodes values one after the other.
func (d *Decoder) splitSequence(body []byte, at int) (err error) {
	d.longest = lineLength(body[at:])
	for at < len(body) {
		if at, err = d.value(body, at); err != nil {
			return err
		}
		at = space(body, at)
	}
	return d.someEvent(at)
}

// splitArray decodes the elements of an array that nothing follows.
func (d *Decoder) splitArray(body []byte, at int) (err error) {
	at = space(body, at+1)
	d.longest = min(len(body), elementLength)
	if at < len(body) && body[at] == ']' {
		return d.endArray(body, at+1)
	}
	for {
		if at, err = d.value(body, at); err != nil {
			return err
		}
		at = space(body, at)
		if at == len(body) || body[at] != ',' && body[at] != ']' {
			return d.syntaxError(body, at, at, "a comma or the array's end must follow its element")
		}
		if body[at] == ']' {
			return d.endArray(body, at+1)
		}
		at = space(body, at+1)
	}
}

// endArray refuses what follows the array.
func (d *Decoder) endArray(body []byte, at int) error {
	if at = space(body, at); at < len(body) {
		return d.syntaxError(body, at, at, "nothing may follow the array of events")
	}
	return d.someEvent(at)
}

func (d *Decoder) someEvent(at int) error {
	if d.count() == 0 {
		return &SyntaxError{Offset: at, Message: "the body holds no event"}
	}
	return nil
}

// value decodes the value at an offset, and returns its end.
func (d *Decoder) value(body []byte, at int) (end int, err error) {
	if end, err = d.object(body, at); end > 0 || err != nil {
		return end, err
	}
	return d.anyValue(body, at)
}

// object decodes the value at an offset if it is an object that the table takes,
// in one pass and without being told first where it ends. It returns the object's
// end, or 0, and nothing has happened, when the value is anything else.
//
// It reads no further than the grant has room for, and sees to it that this will do:
// up to the line's end, or as far as twice the longest event yet.
func (d *Decoder) object(body []byte, at int) (end int, err error) {
	if d.translate != nil || at == len(body) || body[at] != '{' {
		return 0, nil
	}
	most := min(len(body)-at, d.limits.MaxEvent)
	room := d.budget.room(d.rows)
	if enough := min(2*d.longest, most); room < enough {
		least := lineLength(body[at : at+enough])
		if room, err = d.budget.makeRoom(d.rows, d.refused, least); err != nil {
			return 0, err
		}
	}
	text := body[at : at+min(room, most)]
	n := d.event.read(text)
	if n == aside {
		d.event.undo()
		return 0, nil
	}
	d.longest = max(d.longest, n)
	d.budget.spend(d.rows, n)
	return at + n, d.settle(text[:n])
}

// anyValue decodes the value at an offset, whatever it is, and returns its end.
func (d *Decoder) anyValue(body []byte, at int) (end int, err error) {
	start, n := decoder.Skip(body[at:])
	if start < 0 || at+n == len(body) && !isClosed(body[at+start:]) {
		offset, message := explain(body[at:])
		return 0, d.syntaxError(body, at, at+offset, message)
	}
	text := body[at+start : at+n]
	d.longest = max(d.longest, len(text))
	if len(text) > d.limits.MaxEvent {
		return at + n, d.reject(text, fault{
			code: CodeEventTooLarge, message: fmt.Sprintf("must have at most %d bytes", d.limits.MaxEvent),
		})
	}
	event, f := d.translated(text)
	if f.code != "" {
		return at + n, d.reject(text, f)
	}
	if err := d.budget.event(d.rows, d.refused, len(event)); err != nil {
		return 0, err
	}
	err = d.event.walk(event)
	// What is wrong with the text goes before what the schema refuses. An escape that
	// sonic can skip but not read is in the text.
	if f = checkText(event); f.code == "" {
		f = d.event.fault
	}
	if err != nil && f.code == "" {
		d.event.undo()
		return 0, d.syntaxError(body, at, at, "the value can't be read")
	}
	if f.code != "" {
		return at + n, d.refuse(text, f)
	}
	return at + n, d.settle(text)
}

// isClosed says whether a value that the body ends with has ended itself, if it is
// a string. Where a run of backslashes up to the body's end fills a block of 32
// bytes, sonic (1.15.5) takes an open string for a closed one.
func isClosed(text []byte) bool {
	if text[0] != '"' {
		return true
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return true
		}
	}
	return false
}

// settle makes the event that was walked a row, or undoes and rejects it, as it was
// sent.
func (d *Decoder) settle(sent []byte) error {
	if missing := d.event.finish(); missing != "" {
		return d.refuse(sent, fault{missing, CodeRequired, "is required"})
	}
	return nil
}

// refuse undoes the event that was walked, and rejects it as it was sent.
func (d *Decoder) refuse(sent []byte, f fault) error {
	d.event.undo()
	return d.reject(sent, f)
}

// count is the number of events so far.
func (d *Decoder) count() int { return d.rows.rows + d.refused.rows }

// syntaxError describes a fault at an offset, in the value that begins at another.
func (d *Decoder) syntaxError(body []byte, start, offset int, message string) error {
	return &SyntaxError{Offset: offset, Index: d.count(), Field: fieldAt(body[start:offset]), Message: message}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// elementLength is taken for the length of an array's longest element before there
// is any.
const elementLength = 1024

// lineLength is the length of the text's first line.
func lineLength(text []byte) int {
	if n := bytes.IndexByte(text, '\n'); n >= 0 {
		return n
	}
	return len(text)
}
