package writer

// This file lays a table out as Parquet: which leaf columns a file of it has,
// and the schema that the file declares.

import (
	"fmt"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"parquay/schema"
)

// layout is how a table's rows lie in a file. It is immutable.
type layout struct {
	table    *schema.Table
	elements []format.SchemaElement // the schema, depth first, in the table's order of columns
	schema   []byte                 // the same as the footer has it,
	orders   []byte                 // and how each leaf's bounds compare
	leaves   []leaf
	time     int // index of the leaf that rows are ordered by
	filter   int // index of the leaf that gets a bloom filter, -1 if none does
}

// part says which values of a column a leaf holds.
type part uint8

const (
	whole   part = iota // the column's own value
	element             // a list's elements, or a map's values
	key                 // a map's keys
)

// leaf is one column chunk of every row group. Strings have two leaves in a map.
type leaf struct {
	column   int // index in Table.Columns
	part     part
	kind     schema.Kind // of its values: String in maps and lists
	encoding schema.Encoding
	physical format.Type
	path     []string
	required bool // the column; elements and keys always are
	id       bool // of the events, which don't come back
	maxRep   byte // 1 in maps and lists
	maxDef   byte // the definition level of a value that is there
}

func newLayout(t *schema.Table) (*layout, error) {
	l := &layout{table: t, time: -1, filter: -1}
	columns := t.Columns()
	root := format.SchemaElement{Name: t.Name()}
	root.NumChildren.Set(int32(len(columns)))
	l.elements = append(l.elements, root)
	for i := range columns {
		if err := l.addColumn(i, &columns[i]); err != nil {
			return nil, fmt.Errorf("lay out column %s of table %s: %w", columns[i].Name, t.Name(), err)
		}
	}
	for i, leaf := range l.leaves {
		if leaf.column == t.TimeColumn() {
			l.time = i
		}
		if leaf.column == t.IDColumn() {
			l.filter = i
			l.leaves[i].id = true
		}
	}
	if l.time < 0 {
		return nil, fmt.Errorf("lay out table %s: it has no time column", t.Name())
	}
	orders := make([]format.ColumnOrder, len(l.leaves))
	for i := range orders {
		orders[i].Value = new(format.TypeDefinedOrder)
	}
	var err error
	if l.schema, err = thrift.Marshal(new(thrift.CompactProtocol), l.elements); err != nil {
		return nil, fmt.Errorf("encode the schema of table %s: %w", t.Name(), err)
	}
	if l.orders, err = thrift.Marshal(new(thrift.CompactProtocol), orders); err != nil {
		return nil, fmt.Errorf("encode the orders of table %s: %w", t.Name(), err)
	}
	return l, nil
}

func (l *layout) addColumn(i int, c *schema.Column) error {
	repetition := format.Optional
	level := byte(1)
	if c.Required {
		repetition, level = format.Required, 0
	}
	leaf := leaf{
		column: i, kind: c.Kind, encoding: c.Encoding, required: c.Required,
		path: []string{c.Name}, maxDef: level,
	}
	switch c.Kind {
	case schema.StringList:
		l.addGroup(c.Name, repetition, new(format.ListType), deprecated.List)
		l.addRepeated("list", 1)
		leaf.kind, leaf.part, leaf.maxRep, leaf.maxDef = schema.String, element, 1, level+1
		leaf.path = []string{c.Name, "list", "element"}
		return l.addLeaf(leaf, format.Required, c)
	case schema.StringMap:
		l.addGroup(c.Name, repetition, new(format.MapType), deprecated.Map)
		l.addRepeated("key_value", 2)
		leaf.kind, leaf.part, leaf.maxRep, leaf.maxDef = schema.String, key, 1, level+1
		leaf.path = []string{c.Name, "key_value", "key"}
		if err := l.addLeaf(leaf, format.Required, c); err != nil {
			return err
		}
		leaf.part, leaf.path = element, []string{c.Name, "key_value", "value"}
		return l.addLeaf(leaf, format.Required, c)
	default:
		return l.addLeaf(leaf, repetition, c)
	}
}

// addGroup adds the outer of a list's or map's three levels, addRepeated the
// middle one. See LogicalTypes.md of the Parquet format.
func (l *layout) addGroup(name string, r format.FieldRepetitionType, logical format.LogicalTypeValue, converted deprecated.ConvertedType) {
	e := format.SchemaElement{Name: name}
	e.RepetitionType.Set(r)
	e.NumChildren.Set(1)
	e.LogicalType.Value = logical
	e.ConvertedType.Set(converted)
	l.elements = append(l.elements, e)
}

func (l *layout) addRepeated(name string, children int32) {
	e := format.SchemaElement{Name: name}
	e.RepetitionType.Set(format.Repeated)
	e.NumChildren.Set(children)
	l.elements = append(l.elements, e)
}

// addLeaf adds a leaf and its schema element. Old readers know the converted
// types only, new ones prefer the logical: both are written.
func (l *layout) addLeaf(leaf leaf, r format.FieldRepetitionType, c *schema.Column) error {
	e := format.SchemaElement{Name: leaf.path[len(leaf.path)-1]}
	e.RepetitionType.Set(r)
	switch leaf.kind {
	case schema.String:
		leaf.physical = format.ByteArray
		e.LogicalType.Value = new(format.StringType)
		e.ConvertedType.Set(deprecated.UTF8)
	case schema.Int32:
		leaf.physical = format.Int32
	case schema.Int64:
		leaf.physical = format.Int64
	case schema.Double:
		leaf.physical = format.Double
	case schema.Bool:
		leaf.physical = format.Boolean
	case schema.Timestamp:
		leaf.physical = format.Int64
		e.LogicalType.Value = &format.TimestampType{
			IsAdjustedToUTC: true,
			Unit:            format.TimeUnit{Value: new(format.MicroSeconds)},
		}
		e.ConvertedType.Set(deprecated.TimestampMicros)
	case schema.Decimal:
		leaf.physical = format.Int64
		e.LogicalType.Value = &format.DecimalType{Precision: int32(c.Precision), Scale: int32(c.Scale)}
		e.ConvertedType.Set(deprecated.Decimal)
		e.Precision.Set(int32(c.Precision))
		e.Scale.Set(int32(c.Scale))
	default:
		return fmt.Errorf("unknown kind %d", leaf.kind)
	}
	e.Type = thrift.New(leaf.physical)
	l.elements = append(l.elements, e)
	l.leaves = append(l.leaves, leaf)
	return nil
}
