// The file's text as JSON: read strictly, with every problem told at once.

package tenants

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxTenants  = 100_000
	maxProblems = 20 // that are told
)

// strict are the rules that encoding/json doesn't have: it lets the last of two
// members of a name win, matches names in any case, and takes null for anything.
var strict = json.JoinOptions(
	json.RejectUnknownMembers(true),
	json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, _ any) error {
		if d.PeekKind() == jsontext.KindNull {
			return errNull
		}
		return errors.ErrUnsupported // go on as usual
	})),
)

var errNull = errors.New("null is not a value here: leave the member out")

// parse reads a file's text.
func parse(text []byte) ([]*Tenant, error) {
	p := parser{text: text, names: map[string]bool{}, ids: map[string]bool{}, certificates: map[string]bool{}}
	end := p.document()
	if p.omitted > 0 {
		p.problems = append(p.problems, fmt.Errorf("and %d problems more", p.omitted))
	}
	if end != nil {
		p.problems = append(p.problems, end)
	}
	if len(p.tenants) == 0 && len(p.problems) == 0 {
		p.problems = append(p.problems, errors.New("it has no tenants: an empty file would lock everybody out"))
	}
	if len(p.problems) > 0 {
		return nil, fmt.Errorf("read the tenants: %w", errors.Join(p.problems...))
	}
	slices.SortFunc(p.tenants, func(a, b *Tenant) int { return strings.Compare(a.name, b.name) })
	return p.tenants, nil
}

// parser is one reading of a file.
type parser struct {
	text     []byte
	tenants  []*Tenant
	problems []error
	omitted  int // problems beyond maxProblems

	names, ids, certificates map[string]bool // seen so far
}

// add notes a problem, beyond which the reading goes on.
func (p *parser) add(offset int, problem error) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, p.at(offset, problem))
	} else {
		p.omitted++ // its place would cost a count of all lines before it
	}
}

// document reads {"tenants": […]}. Its error is where the text can't be understood
// any further.
func (p *parser) document() error {
	if len(p.text) > maxFile {
		return fmt.Errorf("it has more than %d bytes", maxFile)
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(p.text))
	if err := p.open(d, jsontext.KindBeginObject, "a file of tenants is an object"); err != nil {
		return err
	}
	for d.PeekKind() != jsontext.KindEndObject {
		next := p.next(d)
		name, err := d.ReadToken()
		if err != nil {
			return p.syntax(err)
		}
		if name.String() != "tenants" {
			return p.at(next, fmt.Errorf("unknown member%s", shown(name.String())))
		}
		if err := p.list(d); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return p.syntax(err)
	}
	if rest := bytes.TrimLeft(p.text[d.InputOffset():], space); len(rest) > 0 {
		return p.at(len(p.text)-len(rest), errors.New("something stands after the end"))
	}
	return nil
}

// list reads the array of tenants.
func (p *parser) list(d *jsontext.Decoder) error {
	if err := p.open(d, jsontext.KindBeginArray, "tenants is an array"); err != nil {
		return err
	}
	for n := 0; d.PeekKind() != jsontext.KindEndArray; n++ {
		if n == maxTenants {
			return p.at(p.next(d), fmt.Errorf("more than %d tenants", maxTenants))
		}
		text, err := d.ReadValue()
		if err != nil {
			return p.syntax(err)
		}
		p.tenant(text, int(d.InputOffset())-len(text))
	}
	if _, err := d.ReadToken(); err != nil {
		return p.syntax(err)
	}
	return nil
}

// open reads the token that begins an object or an array.
func (p *parser) open(d *jsontext.Decoder, kind jsontext.Kind, rule string) error {
	next := p.next(d)
	token, err := d.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case err != nil:
		return p.syntax(err)
	case token.Kind() != kind:
		return p.at(next, errors.New(rule))
	}
	return nil
}

// next is where the next token begins.
func (p *parser) next(d *jsontext.Decoder) int {
	return len(p.text) - len(bytes.TrimLeft(p.text[d.InputOffset():], space+",:"))
}

// space is what JSON allows between tokens.
const space = " \t\r\n"

// tenant reads the tenant whose text begins at an offset.
func (p *parser) tenant(text []byte, offset int) {
	var e entry
	err := json.Unmarshal(text, &e, strict)
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		p.add(offset+int(semantic.ByteOffset), describe(semantic))
		return
	}
	if err != nil {
		p.add(offset, errors.New("is not a tenant"))
		return
	}
	t, problems := e.tenant(p)
	for _, problem := range problems {
		if ValidName(e.Name) {
			problem = fmt.Errorf("tenant %s: %w", e.Name, problem)
		}
		p.add(offset, problem)
	}
	p.tenants = append(p.tenants, t)
}

// at puts a problem's place before it.
func (p *parser) at(offset int, problem error) error {
	before := p.text[:min(offset, len(p.text))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf("line %d, column %d: %w", line, column, problem)
}

// syntax is at for an error of the JSON decoder, which quotes names.
func (p *parser) syntax(err error) error {
	syntactic, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case !ok:
		return errors.New("it is not JSON")
	case errors.Is(err, jsontext.ErrDuplicateName):
		return p.at(int(syntactic.ByteOffset), fmt.Errorf("duplicate member%s", shown(syntactic.JSONPointer.LastToken())))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return p.at(int(syntactic.ByteOffset), errors.New("it ends in the middle"))
	}
	return p.at(int(syntactic.ByteOffset), syntactic.Err)
}

// describe says what is wrong with a value, and where in its tenant, but not what
// the value is.
func describe(err *json.SemanticError) error {
	name := shown(err.JSONPointer.LastToken())
	switch {
	case errors.Is(err.Err, json.ErrUnknownName):
		return fmt.Errorf("unknown member%s", name)
	case errors.Is(err.Err, errNull):
		return fmt.Errorf("the member%s: %w", name, errNull)
	}
	return fmt.Errorf("the member%s has the wrong type of value", name)
}

var harmless = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// shown is a text in quotes after a space, or nothing if it could be what somebody
// pasted into the wrong place: secrets and hashes are longer.
func shown(text string) string {
	if harmless.MatchString(text) {
		return ` "` + text + `"`
	}
	return ""
}
