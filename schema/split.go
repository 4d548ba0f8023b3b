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

// splitSequence decodes values one after the other. A line that is one object,
// which is what most bodies are made of, is tried first.
func (d *Decoder) splitSequence(body []byte, at int) error {
	lineEnd := 0 // the end of a line that holds more or less than one object
	for ; at < len(body); at = skipSpace(body, at) {
		end := 0
		if at >= lineEnd {
			text := body[at:]
			if n := bytes.IndexByte(text, '\n'); n >= 0 {
				text = text[:n]
			}
			lineEnd = at + len(text)
			var err error
			if end, err = d.object(body, at, lineEnd); err != nil {
				return err
			}
		}
		if end == 0 {
			var err error
			if end, err = d.value(body, at); err != nil {
				return err
			}
		}
		at = end
	}
	return d.someEvent(at)
}

// splitArray decodes the elements of an array that nothing follows. What lies
// before the next thing that looks like the beginning of an object is tried first,
// until that was wrong once.
func (d *Decoder) splitArray(body []byte, at int) error {
	at = skipSpace(body, at+1)
	if at < len(body) && body[at] == ']' {
		return d.endArray(body, at+1)
	}
	for guess := true; ; {
		end, err := 0, error(nil)
		if guess {
			if end, err = d.object(body, at, nextObject(body, at)); err != nil {
				return err
			}
			guess = end > 0
		}
		if end == 0 {
			if end, err = d.value(body, at); err != nil {
				return err
			}
		}
		at = skipSpace(body, end)
		if at == len(body) || body[at] != ',' && body[at] != ']' {
			return d.syntaxError(body, at, at, "a comma or the array's end must follow its element")
		}
		if body[at] == ']' {
			return d.endArray(body, at+1)
		}
		at = skipSpace(body, at+1)
	}
}

// endArray refuses what follows the array.
func (d *Decoder) endArray(body []byte, at int) error {
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

// nextObject returns the offset of the comma in the next }, with a { after it, or
// the offset it was given if there is none.
func nextObject(body []byte, at int) int {
	for i := at; ; {
		n := bytes.Index(body[i:], []byte("},"))
		if n < 0 {
			return at
		}
		i += n + 2
		if next := skipSpace(body, i); next < len(body) && body[next] == '{' {
			return i - 1
		}
	}
}

// object decodes the text between two offsets if it is exactly one object that the
// table takes: sonic does so in one pass, without being told first where the object
// ends. It returns the object's end, or 0, and nothing has happened, when the text
// is anything else.
func (d *Decoder) object(body []byte, at, end int) (int, error) {
	if d.translate != nil {
		return 0, nil
	}
	for end > at && isSpace(body[end-1]) {
		end--
	}
	text := body[at:end]
	if n := len(text); n < 2 || text[0] != '{' || text[n-1] != '}' || n > d.limits.MaxEvent {
		return 0, nil
	}
	if err := d.budget.event(d.rows, d.refused, len(text)); err != nil {
		return 0, err
	}
	if d.event.walk(text) != nil || !d.isWhole(text) {
		d.event.undo()
		return 0, nil
	}
	return end, d.settle(text, text, fault{})
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
	if start < 0 || at+n == len(body) && !isClosed(body[at+start:]) {
		offset, message := explain(body[at:])
		return 0, d.syntaxError(body, at, at+offset, message)
	}
	text := body[at+start : at+n]
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
	if d.event.walk(event) != nil {
		// The walk met something that the schema refuses, or an escape that sonic
		// can skip but not read. What is wrong with the text goes first.
		if f = checkText(event); f.code == "" {
			f = d.event.fault
		}
		if f.code == "" {
			d.event.undo()
			return 0, d.syntaxError(body, at, at, "the value can't be read")
		}
	}
	return at + n, d.settle(event, text, f)
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
func (d *Decoder) settle(text, sent []byte, f fault) error {
	if f.code == "" {
		f = d.event.finish(text)
	}
	if f.code == "" {
		return nil
	}
	d.event.undo()
	return d.reject(sent, f)
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
