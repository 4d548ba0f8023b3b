package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A JSON document as a tree that keeps what encoding/json forgets: the order of
// members, duplicates, and where each value stands.

const (
	maxDocument      = 256 << 10 // bytes of a schema: it stands in every window's header
	maxDocumentDepth = 16        // a schema needs 4
)

// node is a value of a document and the place it stands at.
type node struct {
	pointer string // a JSON pointer in its fragment form: # is the whole document
	value   any    // nil, bool, string, json.Number, []*node or []member
}

// member is a name of an object with its value.
type member struct {
	name string
	*node
}

// parseDocument reads a whole document and refuses duplicate names.
func parseDocument(text []byte) (*node, error) {
	if len(text) > maxDocument {
		return nil, fmt.Errorf("document has %d bytes, at most %d are allowed", len(text), maxDocument)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("document is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	root, err := parseNode(d, "#", 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("text after the document at byte %d", d.InputOffset())
	}
	return root, nil
}

func parseNode(d *json.Decoder, pointer string, depth int) (*node, error) {
	if depth > maxDocumentDepth {
		return nil, fmt.Errorf("%s: nested deeper than %d", pointer, maxDocumentDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("%s: read JSON: %w", pointer, err)
	}
	n := &node{pointer: pointer, value: token}
	switch token {
	case json.Delim('{'):
		n.value, err = parseMembers(d, pointer, depth)
	case json.Delim('['):
		n.value, err = parseElements(d, pointer, depth)
	}
	return n, err
}

func parseMembers(d *json.Decoder, pointer string, depth int) ([]member, error) {
	members := []member{}
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%s: read JSON: %w", pointer, err)
		}
		name := token.(string) // the decoder lets nothing else stand here
		at := pointer + "/" + escapePointer(name)
		if seen[name] {
			return nil, fmt.Errorf("%s: the name stands twice", at)
		}
		seen[name] = true
		value, err := parseNode(d, at, depth+1)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, value})
	}
	return members, closing(d, pointer)
}

func parseElements(d *json.Decoder, pointer string, depth int) ([]*node, error) {
	elements := []*node{}
	for d.More() {
		element, err := parseNode(d, fmt.Sprintf("%s/%d", pointer, len(elements)), depth+1)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	return elements, closing(d, pointer)
}

func closing(d *json.Decoder, pointer string) error {
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%s: read JSON: %w", pointer, err)
	}
	return nil
}

// escapePointer writes a name as one step of a JSON pointer (RFC 6901).
func escapePointer(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
