package schema

import "errors"

var (
	// ErrFingerprint is returned for bytes of another table.
	ErrFingerprint = errors.New("batch belongs to another schema")
	// ErrCorrupt is returned for bytes that are no batch.
	ErrCorrupt = errors.New("corrupt batch")
	// ErrFull is returned when a column would come to hold 4 GiB of text.
	ErrFull = errors.New("columns are full")
)
