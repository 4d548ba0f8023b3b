// Receipts: where the rows of a request are.

package buffer

// Receipt names the frame that holds the batches of one Commit.
type Receipt struct {
	Incarnation string
	Window      uint64
	Frame       uint64
}
