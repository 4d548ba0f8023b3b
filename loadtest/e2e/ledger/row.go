// Package ledger sends events and keeps account: what was sent, under which id and
// with which content, is noted durably before it is sent, and every answer after.
package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Row is a row's columns as text, in one spelling for what is sent and for what is
// read back. A column that is NULL is absent. received_at is not part of it.
//
//	strings          as they are
//	integers         decimal
//	timestamps       microseconds since 1970
//	decimals         with all digits of the scale
//	maps and lists   quoted strings in order, see Strings
//	_extra           see Canonical
type Row map[string]string

// The text of a column whose value the gateway makes up.
const (
	MadeID   = "(made by the gateway: a UUIDv7)"
	MadeTime = "(made by the gateway: received_at)"
)

// Hash identifies the row's content.
func (r Row) Hash() string {
	h := sha256.New()
	for _, line := range r.Lines() {
		fmt.Fprintln(h, line)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Lines lists the columns by name, one a line.
func (r Row) Lines() []string {
	lines := make([]string, 0, len(r))
	for name, value := range r {
		lines = append(lines, name+"="+strconv.Quote(value))
	}
	slices.Sort(lines)
	return lines
}

// Diff says where two rows differ.
func (r Row) Diff(found Row) string {
	var diff []string
	for _, line := range r.Lines() {
		if !slices.Contains(found.Lines(), line) {
			diff = append(diff, "- "+line)
		}
	}
	for _, line := range found.Lines() {
		if !slices.Contains(r.Lines(), line) {
			diff = append(diff, "+ "+line)
		}
	}
	return strings.Join(diff, "\n")
}

// Strings is the text of a list's elements, or of a map's keys and values in turn.
func Strings(values []string) string {
	var b []byte
	for _, v := range values {
		b = append(strconv.AppendQuote(b, v), ' ')
	}
	return string(b)
}

// Canonical gives JSON texts of the same value one spelling: names sorted, no
// white space, numbers with the very digits they came with.
func Canonical(text string) (string, error) {
	in := json.NewDecoder(strings.NewReader(text))
	in.UseNumber()
	var value any
	if err := in.Decode(&value); err != nil {
		return "", fmt.Errorf("read JSON: %w", err)
	}
	if in.More() {
		return "", fmt.Errorf("read JSON: more than one value")
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(value); err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}
