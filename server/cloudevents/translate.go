// From a CloudEvent in the JSON format to the text of a table's event.

package cloudevents

import (
	"bytes"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"time"

	"parquay/schema"
)

// translator turns the CloudEvents of one body into events of a table. Its memory is
// used again for each, and bounded by need.
type translator struct {
	table *schema.Table

	// The columns of the roles, as keys; nil where the table has none.
	id, time, subject, attributes []byte

	envelope []member // of the CloudEvent, by name
	data     []member // of its data, if that is an object
	inner    []member // of what the data has for the attributes column

	fields []placed // what the attributes become: fields of the event,
	pairs  []placed // and pairs in the attributes column
	beaten []member // members of the data whose place an attribute has taken

	value  []byte // of data or data_base64, if it is no object
	base64 bool   // the value is of data_base64
	event  []byte // the event's text
}

// placed is an attribute that has found its place: a member of the event, or of the
// object in its attributes column.
type placed struct {
	member
	bare bool // the value is no string and is to become one
	met  bool // the data has a member of that name
}

func newTranslator(table *schema.Table) *translator {
	columns := table.Columns()
	key := func(column int) []byte {
		if column < 0 || columns[column].Name == schema.ReceivedAt {
			return nil
		}
		return schema.AppendString(nil, columns[column].Name)
	}
	return &translator{
		table: table,
		id:    key(table.IDColumn()), time: key(table.TimeColumn()),
		subject: key(table.SubjectColumn()), attributes: key(table.AttributesColumn()),
	}
}

// translate is a schema.Translator.
func (t *translator) translate(text []byte) ([]byte, *schema.EventError) {
	if text[0] != '{' {
		return nil, refuse("", schema.CodeNotAnObject, "a CloudEvent must be an object")
	}
	if refusal := t.readEnvelope(text); refusal != nil {
		return nil, refusal
	}
	if refusal := t.readData(); refusal != nil {
		return nil, refusal
	}
	t.place()
	return t.merge()
}

// readEnvelope finds the CloudEvent's members, and checks its attributes.
func (t *translator) readEnvelope(text []byte) *schema.EventError {
	var refusal *schema.EventError
	if t.envelope, refusal = read(t.envelope, text); refusal != nil {
		return refusal
	}
	slices.SortFunc(t.envelope, func(a, b member) int { return bytes.Compare(a.key, b.key) })
	for i, m := range t.envelope {
		if i > 0 && bytes.Equal(m.key, t.envelope[i-1].key) {
			return refuse(m.name(), schema.CodeDuplicateKey, "is named twice")
		}
	}
	for _, m := range t.envelope {
		if message := fault(m); message != "" {
			return refuse(m.name(), schema.CodeNotACloudEvent, message)
		}
	}
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if m := find(t.envelope, name); m == nil || m.isNull() {
			return refuse(name, schema.CodeNotACloudEvent, "is required in a CloudEvent")
		}
	}
	if v, _ := unquote(find(t.envelope, "specversion").value); v != "1.0" {
		return refuse("specversion", schema.CodeNotACloudEvent, "must be 1.0")
	}
	if m := find(t.envelope, "time"); m != nil && !m.isNull() && t.time == nil {
		s, _ := unquote(m.value)
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return refuse("time", schema.CodeFormat, "must be a date-time of RFC 3339")
		}
	}
	return nil
}

// fault is what is wrong with a member of a CloudEvent, if something is.
func fault(m member) string {
	switch {
	case m.is("data"), m.isNull():
		return ""
	case m.is("data_base64"):
		if !isBase64(m.value) {
			return "must be a string of base64"
		}
		return ""
	case !isName(m.key[1 : len(m.key)-1]):
		return "an attribute's name must be made of lower-case letters and digits"
	}
	switch m.name() {
	case "id", "source", "specversion", "type", "subject", "time", "dataschema", "datacontenttype":
		if m.value[0] != '"' || len(m.value) == len(`""`) {
			return "must be a string that is not empty"
		}
	}
	switch c := m.value[0]; {
	case c == '{', c == '[':
		return "an attribute must be a string, a boolean or an integer"
	case (c == '-' || '0' <= c && c <= '9') && bytes.ContainsAny(m.value, ".eE"):
		return "a number must be an integer"
	}
	return ""
}

// isName says whether an attribute may be named so.
func isName(name []byte) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(name) > 0
}

func isBase64(value []byte) bool {
	s, ok := unquote(value)
	if !ok {
		return false
	}
	_, err := io.Copy(io.Discard, base64.NewDecoder(base64.StdEncoding, strings.NewReader(s)))
	return err == nil
}

// readData finds the members of the data, and of what it has for the attributes
// column.
func (t *translator) readData() *schema.EventError {
	t.data, t.inner, t.value, t.base64 = t.data[:0], t.inner[:0], nil, false
	m, encoded := find(t.envelope, "data"), find(t.envelope, "data_base64")
	if encoded != nil && !encoded.isNull() {
		if m != nil {
			return refuse("data_base64", schema.CodeNotACloudEvent, "a CloudEvent has data or data_base64, not both")
		}
		t.value, t.base64 = encoded.value, true
		return nil
	}
	if m == nil || m.isNull() {
		return nil
	}
	if m.value[0] != '{' {
		t.value = m.value
		return nil
	}
	var refusal *schema.EventError
	if t.data, refusal = read(t.data, m.value); refusal != nil {
		return refusal
	}
	for _, m := range t.data {
		if bytes.Equal(m.key, t.attributes) && m.value[0] == '{' {
			if t.inner, refusal = read(t.inner, m.value); refusal != nil {
				return refusal
			}
		}
	}
	return nil
}

// read lists the members of an object in place of those of another.
func read(members []member, text []byte) ([]member, *schema.EventError) {
	members, ok := appendMembers(members[:0], text)
	switch {
	case !ok:
		return members, refuse("", schema.CodeNotACloudEvent, "the text can't be read")
	case len(members) > schema.MaxMembers:
		return members, refuse("", schema.CodeTooManyFields, "must have at most 1024 fields, all objects together")
	}
	return members, nil
}

// find returns the member of a sorted list that has the name, nil if there is none.
func find(members []member, name string) *member {
	for i := range members {
		if members[i].is(name) {
			return &members[i]
		}
	}
	return nil
}

// place finds the place of each attribute.
func (t *translator) place() {
	t.fields, t.pairs = t.fields[:0], t.pairs[:0]
	for _, m := range t.envelope {
		role := []byte(nil)
		switch m.name() {
		case "id":
			role = t.id
		case "time":
			role = t.time
		case "subject":
			if !t.hasSubject() {
				role = t.subject
			}
		case "specversion", "data", "data_base64":
			continue
		case "datacontenttype":
			if s, _ := unquote(m.value); isJSON(s) {
				continue
			}
		}
		switch {
		case m.isNull():
		case role != nil:
			m.key = role
			t.fields = append(t.fields, placed{member: m})
		case t.attributes == nil, t.hasColumn(m):
			t.fields = append(t.fields, placed{member: m})
		default:
			t.pairs = append(t.pairs, placed{member: m, bare: m.value[0] != '"'})
		}
	}
	// The pairs are in order already.
	slices.SortFunc(t.fields, func(a, b placed) int { return bytes.Compare(a.key, b.key) })
}

// hasColumn says whether an attribute has a column of its name, but for the one that
// takes attributes.
func (t *translator) hasColumn(m member) bool {
	return t.table.Index(m.name()) >= 0 && !bytes.Equal(m.key, t.attributes)
}

// hasSubject says whether the data has a value for the subject's column.
func (t *translator) hasSubject() bool {
	return slices.ContainsFunc(t.data, func(m member) bool { return bytes.Equal(m.key, t.subject) && !m.isNull() })
}
