package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// From a JSON Schema document to a table. The subset is small on purpose: what
// can't become a column, or can't be checked on every event at speed, is refused
// when the schema is loaded, and never ignored.

const (
	dialect    = "https://json-schema.org/draft/2020-12/schema"
	maxColumns = 512 // received_at and _extra included; a file's footer grows with each
	maxName    = 128 // bytes of a column's name
)

var (
	columnName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	tableName  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
)

// reservedNames are columns that no document may declare: the folders of a
// file's path are columns in Athena, and the gateway's own are its own.
var reservedNames = []string{"tenant", "dt", "hour", ReceivedAt, Extra}

// Compile reads a JSON Schema document (draft 2020-12, the subset of
// docs/schemas.md). An unsupported keyword or an impossible combination is an
// error that names its JSON pointer.
func Compile(name string, document []byte) (*Table, error) {
	if !tableName.MatchString(name) {
		return nil, fmt.Errorf("compile schema: table name %q does not match %s", name, tableName)
	}
	root, err := parseDocument(document)
	if err != nil {
		return nil, fmt.Errorf("compile schema %s: %w", name, err)
	}
	c := compiler{table: &Table{
		name:       name,
		document:   bytes.Clone(document),
		byName:     make(map[string]int),
		idColumn:   -1,
		timeColumn: -1,

		subjectColumn: -1, attributesColumn: -1,
	}}
	c.root(root)
	if err := errors.Join(c.faults...); err != nil {
		return nil, fmt.Errorf("compile schema %s: %w", name, err)
	}
	c.table.seal()
	return c.table, nil
}

// compiler gathers every fault of a document, so that its author mends them all
// at once.
type compiler struct {
	table  *Table
	faults []error
}

func (c *compiler) fail(n *node, format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("%s: %s", n.pointer, fmt.Sprintf(format, args...)))
}

// root compiles the document itself.
func (c *compiler) root(n *node) {
	k := c.keywords(n, "$schema", "$id", "description", "type", "properties", "required", "additionalProperties")
	if k == nil {
		return
	}
	if v := k["$schema"]; v != nil && v.value != dialect {
		c.fail(v, "must be %q", dialect)
	}
	c.text(k["$id"])
	c.text(k["description"])
	if v := k["type"]; v == nil || v.value != "object" {
		c.fail(n, `type must be "object"`)
	}
	properties, ok := k["properties"].members()
	if !ok || len(properties) == 0 {
		c.fail(n, "properties must name at least one column")
		return
	}
	for _, p := range properties {
		c.property(p)
	}
	c.required(k["required"])
	c.gatewayColumns(k["additionalProperties"])
	if len(c.table.columns) > maxColumns {
		c.fail(n, "has %d columns with the gateway's own, at most %d are allowed", len(c.table.columns), maxColumns)
	}
}

// property compiles one column.
func (c *compiler) property(p member) {
	t := c.table
	if len(p.name) > maxName || !columnName.MatchString(p.name) {
		c.fail(p.node, "a column's name must match %s and have at most %d bytes", columnName, maxName)
	}
	if slices.Contains(reservedNames, p.name) {
		c.fail(p.node, "the name is reserved: the gateway fills this column")
	}
	column, r, role := c.column(p)
	index := len(t.columns)
	t.byName[p.name] = index
	t.columns, t.rules = append(t.columns, column), append(t.rules, r)
	switch role {
	case "id":
		c.role(p.node, &t.idColumn, index, column.Kind == String)
		t.columns[index].Required = true // the gateway makes what is absent
	case "time":
		c.role(p.node, &t.timeColumn, index, column.Kind == Timestamp)
		t.columns[index].Required = true
	case "subject":
		c.role(p.node, &t.subjectColumn, index, column.Kind == String)
	case "attributes":
		c.role(p.node, &t.attributesColumn, index, column.Kind == StringMap)
	}
}

// role gives the column a role that one column of a fitting kind may have.
func (c *compiler) role(n *node, holder *int, index int, fits bool) {
	if !fits {
		c.fail(n, "the x-role id is for a string, time for a date-time, subject for a string, attributes for an object")
	}
	if *holder >= 0 {
		c.fail(n, "another column has this x-role")
	}
	*holder = index
}

// required marks the columns that the sender must give.
func (c *compiler) required(n *node) {
	t := c.table
	for _, e := range c.elements(n) {
		name, ok := e.value.(string)
		i, known := t.byName[name]
		if !ok || !known {
			c.fail(e, "must be the name of a property")
			continue
		}
		if slices.Contains(t.required, i) {
			c.fail(e, "stands twice")
		}
		t.required = append(t.required, i)
		t.columns[i].Required = true
	}
	if i := t.idColumn; i >= 0 && !slices.Contains(t.required, i) {
		if code := t.rules[i].checkText(uuidExample, nil); code != "" {
			c.fail(&node{pointer: "#/properties/" + t.columns[i].Name},
				"the gateway fills an absent id with a UUIDv7, which this column refuses (%s): allow it or require the field", code)
		}
	}
}

// gatewayColumns adds what every table has besides its document's columns.
func (c *compiler) gatewayColumns(additional *node) {
	t := c.table
	t.keepExtra = true // what the keyword's absence means in JSON Schema
	if additional != nil {
		var ok bool
		if t.keepExtra, ok = additional.value.(bool); !ok {
			c.fail(additional, "must be true (unknown fields are kept in %s) or false (they are refused)", Extra)
		}
	}
	if t.timeColumn < 0 {
		t.timeColumn = len(t.columns)
	}
	t.columns = append(t.columns, Column{
		Name: ReceivedAt, Kind: Timestamp, Required: true, Encoding: EncodingDelta,
		Description: "When the gateway received the event.",
	})
	if t.keepExtra {
		t.columns = append(t.columns, Column{
			Name: Extra, Kind: String, Encoding: EncodingPlain,
			Description: "The fields that the schema does not name, as a JSON object.",
		})
	}
}

// keywords returns the members of a schema by name, and refuses those that the
// place does not allow. It returns nil for a value that is no object.
func (c *compiler) keywords(n *node, allowed ...string) map[string]*node {
	members, ok := n.members()
	if !ok {
		c.fail(n, "must be an object")
		return nil
	}
	k := make(map[string]*node, len(members))
	for _, m := range members {
		if !slices.Contains(allowed, m.name) {
			c.fail(m.node, "the keyword %q is not supported here (see docs/schemas.md)", m.name)
			continue
		}
		k[m.name] = m.node
	}
	return k
}

// text returns a string's value, "" for an absent one.
func (c *compiler) text(n *node) string {
	if n == nil {
		return ""
	}
	s, ok := n.value.(string)
	if !ok {
		c.fail(n, "must be a string")
	}
	return s
}

// elements returns an array's elements, none for an absent one.
func (c *compiler) elements(n *node) []*node {
	if n == nil {
		return nil
	}
	elements, ok := n.value.([]*node)
	if !ok {
		c.fail(n, "must be an array")
	}
	return elements
}

// number returns a number's text, "" for an absent one.
func (c *compiler) number(n *node) string {
	if n == nil {
		return ""
	}
	x, ok := n.value.(json.Number)
	if !ok {
		c.fail(n, "must be a number")
	}
	return x.String()
}

// members returns an object's members, and false for any other value.
func (n *node) members() ([]member, bool) {
	if n == nil {
		return nil, false
	}
	members, ok := n.value.([]member)
	return members, ok
}
