package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Evolution: what becomes of senders and readers when a schema takes another's
// place.

// Change is one difference between two schemas of a table.
type Change struct {
	Column   string // "" for one of the table as a whole
	Breaking bool   // senders are refused what was accepted, or readers can't read old and new files as one table
	Text     string // what changed, in words
}

// String is the change as a line.
func (c Change) String() string {
	if c.Column == "" {
		return c.Text
	}
	return c.Column + ": " + c.Text
}

// Check lists what differs between the schema in use and the one to come: first
// what becomes of the columns in use, then the new ones. Order, descriptions and
// encoding hints may change as they please.
func Check(old, next *Table) []Change {
	var d differences
	if old.keepExtra && !next.keepExtra {
		d.breaks("unknown fields are refused, and no longer kept in %s", Extra)
	}
	if !old.keepExtra && next.keepExtra {
		d.allows("unknown fields are kept in %s, and no longer refused", Extra)
	}
	for i := range old.rules {
		d.column = old.columns[i].Name
		if j, ok := next.byName[d.column]; ok {
			d.compare(old, i, next, j)
		} else {
			d.breaks("is removed")
		}
	}
	for j := range next.rules {
		d.column = next.columns[j].Name
		if _, ok := old.byName[d.column]; ok {
			continue
		}
		if slices.Contains(next.required, j) {
			d.breaks("is added, and required")
		} else {
			d.allows("is added")
		}
		if j == next.idColumn || j == next.timeColumn {
			d.breaks("is added with the x-role %s", next.role(j))
		}
	}
	return d.changes
}

// differences gathers the changes of one column after the other.
type differences struct {
	column  string
	changes []Change
}

func (d *differences) breaks(format string, args ...any) {
	d.changes = append(d.changes, Change{d.column, true, fmt.Sprintf(format, args...)})
}

func (d *differences) allows(format string, args ...any) {
	d.changes = append(d.changes, Change{d.column, false, fmt.Sprintf(format, args...)})
}

// compare lists what differs between column i of the old table and j of the next.
func (d *differences) compare(old *Table, i int, next *Table, j int) {
	if was, is := old.columns[i].typeName(), next.columns[j].typeName(); was != is {
		d.breaks("is retyped from %s to %s", was, is)
		return // nothing else can be compared
	}
	if was, is := old.role(i), next.role(j); was != is {
		d.breaks("changes its x-role from %s to %s", was, is)
	}
	was, is := slices.Contains(old.required, i), slices.Contains(next.required, j)
	if !was && is {
		d.breaks("becomes required")
	}
	if was && !is {
		d.allows("becomes optional")
	}
	d.compareRules(&old.rules[i], &next.rules[j], &next.columns[j])
}

// compareRules lists what differs between two rules for columns of the same type.
func (d *differences) compareRules(was, is *rule, c *Column) {
	if was.text && !is.text {
		d.breaks("no longer takes strings")
	}
	if was.number && !is.number && c.Kind != String {
		d.breaks("no longer takes numbers")
	}
	if !was.uuid && is.uuid {
		d.breaks("must be a UUID")
	}
	d.compareEnums(was.enum, is.enum)
	if is.pattern != nil && (was.pattern == nil || was.pattern.String() != is.pattern.String()) {
		d.breaks("must match another pattern, %s", is.pattern)
	}
	narrowed(d, is.minLength > was.minLength, "minLength", was.minLength, is.minLength)
	narrowed(d, is.maxLength < was.maxLength, "maxLength", was.maxLength, is.maxLength)
	narrowed(d, is.min > was.min, "minimum", formatDecimal(was.min, c.Scale), formatDecimal(is.min, c.Scale))
	narrowed(d, is.max < was.max, "maximum", formatDecimal(was.max, c.Scale), formatDecimal(is.max, c.Scale))
	narrowed(d, is.minDbl > was.minDbl, "minimum", was.minDbl, is.minDbl)
	narrowed(d, is.maxDbl < was.maxDbl, "maximum", was.maxDbl, is.maxDbl)
}

// compareEnums lists the values that are allowed no longer.
func (d *differences) compareEnums(was, is []string) {
	if is == nil {
		return
	}
	if was == nil {
		d.breaks("takes a closed set of values: %s", list(is))
		return
	}
	gone := slices.DeleteFunc(slices.Clone(was), func(v string) bool { return slices.Contains(is, v) })
	if len(gone) > 0 {
		d.breaks("no longer takes %s", list(gone))
	}
}

func narrowed[T cmp.Ordered](d *differences, narrower bool, keyword string, was, is T) {
	if narrower {
		d.breaks("has a narrower %s, %v after %v", keyword, is, was)
	}
}

// role is the x-role of a column, "none" for none.
func (t *Table) role(column int) string {
	switch column {
	case t.idColumn:
		return "id"
	case t.timeColumn:
		return "time"
	}
	return "none"
}

// typeName is a column's type in Athena, which says all that files depend on.
func (c *Column) typeName() string {
	switch c.Kind {
	case String:
		return "string"
	case Int32:
		return "int"
	case Int64:
		return "bigint"
	case Double:
		return "double"
	case Bool:
		return "boolean"
	case Timestamp:
		return "timestamp"
	case Decimal:
		return fmt.Sprintf("decimal(%d,%d)", c.Precision, c.Scale)
	case StringMap:
		return "map<string,string>"
	case StringList:
		return "array<string>"
	}
	return strings.ToLower(c.Kind.String())
}
