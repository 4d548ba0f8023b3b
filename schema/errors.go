package schema

import "errors"

var (
	// ErrFingerprint is returned for bytes of another table.
	ErrFingerprint = errors.New("batch belongs to another schema")
	// ErrCorrupt is returned for bytes that are no batch.
	ErrCorrupt = errors.New("corrupt batch")
)
