package schema

// Batch is the accepted events of one request that share table, tenant and
// hour. It is immutable once made.
type Batch struct {
	Table  *Table
	Tenant string
	Hour   int64   // hours since the epoch, UTC
	Rows   int     // at least 1
	Bytes  []byte  // the byte form: see FORMAT.md; owned by the batch
	Memory *Memory // where Bytes go when the batch is freed; nil for nowhere
}

// Free gives the batch's bytes back, and leaves it without any. Only its owner may call
// it, when nothing else refers to them; they will be another batch's, of another tenant
// perhaps (I8). A batch that is never freed is collected as garbage.
func (b *Batch) Free() {
	b.Memory.Give(b.Bytes)
	b.Bytes, b.Memory = nil, nil
}
