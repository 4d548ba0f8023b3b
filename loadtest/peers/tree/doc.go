// Package tree runs a program and accounts for all processes that come from it:
// their CPU, and the memory that they have resident together.
package tree

import (
	"errors"
	"time"
)

// Usage is what a program and everything that it started have used.
type Usage struct {
	CPU  time.Duration // user and system
	Peak int64         // most bytes resident at one time
	Code int           // the program's exit code, -1 after a signal
}

// ErrSystem is returned where processes can't be accounted for.
var ErrSystem = errors.New("processes are accounted for on Linux only")
