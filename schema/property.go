package schema

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// One property of a document: which column it becomes, and by which rule.

// maxPattern bounds a pattern's text: RE2 matches in time linear in the text,
// and that factor grows with the pattern.
const maxPattern = 1024

// shape is a combination of type, format and annotations that can be a column.
type shape struct {
	kind     Kind
	keywords []string // allowed besides type, description and x-encoding
}

// The keywords of each shape. A keyword that would say nothing about a value of
// the shape is refused rather than ignored.
var (
	shapeText    = shape{String, []string{"format", "enum", "pattern", "minLength", "maxLength", "x-role"}}
	shapeUUID    = shape{String, []string{"format", "x-role"}}
	shapeMoment  = shape{Timestamp, []string{"format", "x-role"}}
	shapeDecimal = shape{Decimal, []string{"x-decimal", "minimum", "maximum"}}
	shapeInt32   = shape{Int32, []string{"format", "minimum", "maximum"}}
	shapeInt64   = shape{Int64, []string{"format", "minimum", "maximum"}}
	shapeNumber  = shape{Double, []string{"minimum", "maximum"}}
	shapeBool    = shape{Bool, nil}
	shapeMap     = shape{StringMap, []string{"additionalProperties", "x-role"}}
	shapeList    = shape{StringList, []string{"items"}}
)

// anyKeyword lists what some property may have.
var anyKeyword = []string{
	"type", "format", "description", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum",
	"additionalProperties", "items", "x-role", "x-encoding", "x-decimal",
}

// roles are the values of x-role.
var roles = []string{"id", "time", "subject", "attributes"}

// column compiles a property, and returns the role that it asks for.
func (c *compiler) column(p member) (column Column, r rule, role string) {
	column = Column{Name: p.name}
	members, ok := p.members()
	if !ok {
		c.fail(p.node, "must be an object")
		return column, r, ""
	}
	raw := make(map[string]*node, len(members))
	for _, m := range members {
		raw[m.name] = m.node
	}
	s, types, ok := c.shape(p.node, raw)
	if !ok {
		c.keywords(p.node, anyKeyword...)
		return column, r, ""
	}
	k := c.keywords(p.node, append([]string{"type", "description", "x-encoding"}, s.keywords...)...)
	column.Kind = s.kind
	column.Description = c.text(k["description"])
	column.Encoding = c.encoding(k["x-encoding"], s.kind)
	column.Precision, column.Scale = c.decimal(k["x-decimal"])

	r = newRule(column)
	r.text, r.number = slices.Contains(types, "string"), !slices.Equal(types, []string{"string"})
	r.uuid = s.kind == String && c.text(k["format"]) == "uuid"
	switch s.kind {
	case String:
		c.textRule(&r, k)
	case StringMap:
		c.stringsRule(&r, p.node, k["additionalProperties"])
	case StringList:
		c.stringsRule(&r, p.node, k["items"])
	case Double:
		c.floatBounds(&r, k)
	case Int32, Int64, Decimal:
		c.intBounds(&r, k, column)
	}
	if role = c.text(k["x-role"]); k["x-role"] != nil && !slices.Contains(roles, role) {
		c.fail(k["x-role"], "must be one of %s", list(roles))
	}
	return column, r, role
}

// shape tells which kind of column a property's type, format and annotations
// make together.
func (c *compiler) shape(n *node, k map[string]*node) (s shape, types []string, ok bool) {
	types = c.types(n, k["type"])
	format := c.text(k["format"])
	kind := strings.Join(types, "+")
	if format != "" {
		kind += " " + format
	}
	if k["x-decimal"] != nil {
		kind += " x-decimal"
	}
	shapes := map[string]shape{
		"string": shapeText, "string uuid": shapeUUID,
		"integer": shapeInt64, "integer int64": shapeInt64, "integer int32": shapeInt32,
		"number": shapeNumber, "boolean": shapeBool, "object": shapeMap, "array": shapeList,
		"string date-time": shapeMoment, "integer date-time": shapeMoment, "integer+string date-time": shapeMoment,
		"string x-decimal": shapeDecimal, "number x-decimal": shapeDecimal, "number+string x-decimal": shapeDecimal,
	}
	s, ok = shapes[kind]
	if !ok && types != nil {
		c.fail(n, "type, format and x-decimal (%s) make no column together (see docs/schemas.md)", kind)
	}
	return s, types, ok
}

// types returns the sorted names in type.
func (c *compiler) types(n, v *node) []string {
	if v == nil {
		c.fail(n, "type is missing")
		return nil
	}
	if name, ok := v.value.(string); ok {
		return []string{name}
	}
	var types []string
	for _, e := range c.elements(v) {
		types = append(types, c.text(e))
	}
	slices.Sort(types)
	return types
}

// textRule compiles what a string must satisfy.
func (c *compiler) textRule(r *rule, k map[string]*node) {
	if n := k["minLength"]; n != nil {
		r.minLength = c.length(n)
	}
	if n := k["maxLength"]; n != nil {
		r.maxLength = c.length(n)
	}
	if r.minLength > r.maxLength {
		c.fail(k["minLength"], "is above maxLength")
	}
	if n := k["pattern"]; n != nil {
		pattern, err := regexp.Compile(c.text(n))
		if err != nil || len(c.text(n)) > maxPattern {
			c.fail(n, "must be a regular expression of RE2 with at most %d bytes (%v)", maxPattern, err)
		}
		r.pattern = pattern
	}
	if n := k["enum"]; n != nil {
		for _, e := range c.elements(n) {
			r.enum = append(r.enum, c.text(e))
		}
		slices.Sort(r.enum)
		if len(r.enum) == 0 || len(slices.Compact(slices.Clone(r.enum))) != len(r.enum) {
			c.fail(n, "must list at least one string, and none twice")
		}
	}
}

// stringsRule compiles the schema of a collection's strings.
func (c *compiler) stringsRule(r *rule, owner, n *node) {
	if n == nil {
		c.fail(owner, "an object needs additionalProperties, an array items, that say what its strings are")
		return
	}
	k := c.keywords(n, "type", "description", "enum", "pattern", "minLength", "maxLength")
	if k == nil {
		return
	}
	if v := k["type"]; v == nil || v.value != "string" {
		c.fail(n, `type must be "string"`)
	}
	c.text(k["description"])
	c.textRule(r, k)
}

// encoding compiles the hint to the file encoder.
func (c *compiler) encoding(n *node, kind Kind) Encoding {
	if n == nil {
		return EncodingAuto
	}
	name := c.text(n)
	switch {
	case name == "plain":
		return EncodingPlain
	case name == "dictionary" && kind != Bool:
		return EncodingDictionary
	case name == "delta" && kind != Bool && kind != Double:
		return EncodingDelta
	}
	c.fail(n, "must be dictionary, plain or delta; a boolean can only be plain, a number not delta")
	return EncodingAuto
}

// decimal reads "precision,scale".
func (c *compiler) decimal(n *node) (precision, scale int) {
	if n == nil {
		return 0, 0
	}
	p, s, _ := strings.Cut(c.text(n), ",")
	precision, errP := strconv.Atoi(p)
	scale, errS := strconv.Atoi(s)
	if errP != nil || errS != nil || precision < 1 || precision > maxPrecision || scale < 0 || scale > precision {
		c.fail(n, `must be "precision,scale", such as "18,6", with precision 1 to %d and scale 0 to precision`, maxPrecision)
		return 1, 0
	}
	return precision, scale
}

// length reads a bound on a string's characters.
func (c *compiler) length(n *node) int {
	x, err := strconv.ParseUint(c.number(n), 10, 31)
	if err != nil {
		c.fail(n, "must be a whole number from 0 on")
	}
	return int(x)
}

// intBounds reads the bounds of whole numbers and decimals, exactly.
func (c *compiler) intBounds(r *rule, k map[string]*node, column Column) {
	bound := func(n *node, x *int64) {
		if n == nil {
			return
		}
		var v int64
		var fits bool
		if column.Kind == Decimal {
			var f decimalFault
			v, f = parseDecimal(c.number(n), column.Precision, column.Scale)
			fits = f == decimalFits
		} else {
			var code Code
			v, code = parseInt(c.number(n))
			fits = code == ""
		}
		if !fits || v < r.min || v > r.max {
			c.fail(n, "is no value of the column, or lies beyond the other bound")
			return
		}
		*x = v
	}
	bound(k["minimum"], &r.min)
	bound(k["maximum"], &r.max)
}

// floatBounds reads the bounds of a number.
func (c *compiler) floatBounds(r *rule, k map[string]*node) {
	bound := func(n *node, x *float64) {
		if n == nil {
			return
		}
		v, err := strconv.ParseFloat(c.number(n), 64)
		if err != nil || math.IsInf(v, 0) || v < r.minDbl || v > r.maxDbl {
			c.fail(n, "is no value of the column, or lies beyond the other bound")
			return
		}
		*x = v
	}
	bound(k["minimum"], &r.minDbl)
	bound(k["maximum"], &r.maxDbl)
}
