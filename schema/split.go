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
	at = skipSpace(body, at)
	if at < len(body) && body[at] == '[' {
		return d.splitArray(body, at)
	}
	return d.splitSequence(body, at)
}

// splitSequence decodes values one after the other.
func (d *Decoder) splitSequence(body []byte, at int) error {
	lineEnd := 0 // the end of a line that holds more or less than one object
	for ; at < len(body); at = skipSpace(body, at) {
		if at >= lineEnd {
			var end int
			var err error
			if end, lineEnd, err = d.line(body, at); err != nil {
				return err
			}
			if end > at {
				at = end
				continue
			}
		}
		end, err := d.value(body, at)
		if err != nil {
			return err
		}
		at = end
	}
	return d.someEvent(at)
}

// splitArray decodes the elements of an array that nothing follows.
func (d *Decoder) splitArray(body []byte, at int) error {
	at = skipSpace(body, at+1)
	if at < len(body) && body[at] == ']' {
		at++
	} else {
		for more := true; more; {
			end, err := d.value(body, at)
			if err != nil {
				return err
			}
			at = skipSpace(body, end)
			if at == len(body) || body[at] != ',' && body[at] != ']' {
				return d.syntaxError(body, at, at, "a comma or the array's end must follow its element")
			}
			more = body[at] == ','
			at = skipSpace(body, at+1)
		}
	}
	if at = skipSpace(body, at); at < len(body) {
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

// line decodes a line that is one object, which is what most bodies are made of:
// sonic takes it apart in one pass, without being told first where it ends. It
// returns the object's end, or 0 when the line is anything else.
func (d *Decoder) line(body []byte, at int) (end, lineEnd int, err error) {
	text := body[at:]
	if n := bytes.IndexByte(text, '\n'); n >= 0 {
		text = text[:n]
	}
	lineEnd = at + len(text)
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	if n := len(text); n < 2 || text[0] != '{' || text[n-1] != '}' || n > d.limits.MaxEvent {
		return 0, lineEnd, nil
	}
	if err := d.budget.event(d.rows, d.refused, len(text)); err != nil {
		return 0, lineEnd, err
	}
	if d.event.walk(text) != nil || !d.isWhole(text) {
		d.event.undo()
		return 0, lineEnd, nil
	}
	return at + len(text), lineEnd, d.settle(text, fault{})
}

// isWhole says whether the object that was walked is all of the text. It is if
// as many objects ended as there are closing braces, since the text ends with one;
// where strings hold braces too, the text is skipped once more to know.
func (d *Decoder) isWhole(text []byte) bool {
	if bytes.Count(text, []byte{'}'}) == d.event.objects {
		return true
	}
	_, end := decoder.Skip(text)
	return end == len(text)
}

// value decodes the value at an offset, whatever it is, and returns its end.
func (d *Decoder) value(body []byte, at int) (end int, err error) {
	start, n := decoder.Skip(body[at:])
	if start < 0 {
		offset, message := explain(body[at:])
		return 0, d.syntaxError(body, at, at+offset, message)
	}
	text := body[at+start : at+n]
	if len(text) > d.limits.MaxEvent {
		return at + n, d.reject(text, fault{
			code: CodeEventTooLarge, message: fmt.Sprintf("must have at most %d bytes", d.limits.MaxEvent),
		})
	}
	if err := d.budget.event(d.rows, d.refused, len(text)); err != nil {
		return 0, err
	}
	f := fault{}
	if d.event.walk(text) != nil {
		// The walk met something that the schema refuses, or an escape that sonic
		// can skip but not read. What is wrong with the text goes first.
		if f = checkText(text); f.code == "" {
			f = d.event.fault
		}
		if f.code == "" {
			d.event.undo()
			return 0, d.syntaxError(body, at, at, "the value can't be read")
		}
	}
	return at + n, d.settle(text, f)
}

// settle makes the event that was walked a row, or undoes and rejects it.
func (d *Decoder) settle(text []byte, f fault) error {
	if f.code == "" {
		f = d.event.finish(text)
	}
	if f.code == "" {
		return nil
	}
	d.event.undo()
	return d.reject(text, f)
}

// count is the number of events so far.
func (d *Decoder) count() int { return d.rows.rows + d.refused.rows }

// syntaxError describes a fault at an offset, in the value that begins at another.
func (d *Decoder) syntaxError(body []byte, start, offset int, message string) error {
	return &SyntaxError{Offset: offset, Index: d.count(), Field: fieldAt(body[start:offset]), Message: message}
}

// skipSpace returns the offset of the next byte that is no white space.
func skipSpace(body []byte, at int) int {
	for at < len(body) && isSpace(body[at]) {
		at++
	}
	return at
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
