package journal

// This file is the identity of a process.

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// Incarnation is the random id of one running process. It is never used again:
// windows and files are named after it (I3).
type Incarnation [16]byte

// NewIncarnation returns a new id.
func NewIncarnation() Incarnation {
	var inc Incarnation
	_, _ = rand.Read(inc[:]) // never fails: the runtime ends the process instead
	return inc
}

// ParseIncarnation reads what String has written.
func ParseIncarnation(s string) (Incarnation, error) {
	var inc Incarnation
	b, err := hex.DecodeString(s)
	if err == nil && len(b) == len(inc) {
		copy(inc[:], b)
	}
	if inc.String() != s {
		return Incarnation{}, fmt.Errorf("parse incarnation %q: want 32 lower-case hexadecimal digits", s)
	}
	return inc, nil
}

// String is 32 lower-case hexadecimal digits.
func (inc Incarnation) String() string { return hex.EncodeToString(inc[:]) }
