//go:build race

package schema

// raced says that the race detector looks on.
const raced = true
