// Package schema is the event contract: it compiles a table's JSON Schema,
// decodes request bodies into the table's columns, and gives those columns one
// byte form that the journal stores and the Parquet encoder reads.
//
// It imports nothing of Parquay's.
package schema

// Kind is a column's type, the same in the batch, the journal and the file.
type Kind uint8

// The kinds, with what a value of each is in a [Vector] and in a Parquet file.
const (
	String     Kind = iota + 1 // UTF-8 bytes; BYTE_ARRAY (STRING)
	Int32                      // int64 within int32; INT32
	Int64                      // int64; INT64
	Double                     // float64; DOUBLE
	Bool                       // 0 or 1; BOOLEAN
	Timestamp                  // microseconds since the epoch, UTC; INT64 (TIMESTAMP(MICROS, UTC))
	Decimal                    // the unscaled value; INT64 (DECIMAL(Precision, Scale))
	StringMap                  // pairs of strings, in the event's order; MAP<STRING, STRING>
	StringList                 // strings; LIST<STRING>
)

// String is the kind's name in messages.
func (k Kind) String() string {
	switch k {
	case String:
		return "string"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Double:
		return "double"
	case Bool:
		return "boolean"
	case Timestamp:
		return "timestamp"
	case Decimal:
		return "decimal"
	case StringMap:
		return "map of strings"
	case StringList:
		return "list of strings"
	}
	return "unknown kind"
}

// width is the number of bytes of a value of fixed width, 0 for strings and for
// collections of them.
func (k Kind) width() int { return int(widths[k]) }

// widths is a table, so that width is inlined.
var widths = [...]uint8{Bool: 1, Int32: 4, Int64: 8, Double: 8, Timestamp: 8, Decimal: 8, StringMap: 0, StringList: 0}

// slot is the number of bytes that a row takes besides its text: a value, or the
// offset of its end.
func (k Kind) slot() int {
	if w := k.width(); w > 0 {
		return w
	}
	return 4
}

// Encoding is a schema's hint to the file encoder (x-encoding).
type Encoding uint8

// The encoding hints. EncodingAuto leaves the choice to the encoder.
const (
	EncodingAuto Encoding = iota
	EncodingDictionary
	EncodingPlain
	EncodingDelta
)

// The columns that the gateway itself fills.
const (
	ReceivedAt = "received_at" // Timestamp, required, in every table
	Extra      = "_extra"      // String holding a JSON object, in tables that keep unknown fields
)
