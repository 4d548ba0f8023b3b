package schema

// Batch is the accepted events of one request that share table, tenant and
// hour. It is immutable once made.
type Batch struct {
	Table  *Table
	Tenant string
	Hour   int64  // hours since the epoch, UTC
	Rows   int    // at least 1
	Bytes  []byte // the byte form: see FORMAT.md; owned by the batch
}
