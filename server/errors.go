// The causes of a 4xx, each with what its answer says. problemOf maps them.

package server

import (
	"errors"
	"fmt"
	"strings"

	"parquay/schema"
)

// errNoRoute is returned for a path that nothing is served under.
var errNoRoute = errors.New("no such path")

// errKey is returned for an Idempotency-Key that is none.
var errKey = fmt.Errorf("an Idempotency-Key is one field of 1 to %d visible ASCII characters", maxKey)

// unknownTableError is a POST to a table that is not there, or not for posting.
type unknownTableError struct {
	name  string
	known []string
}

func (e *unknownTableError) Error() string {
	return fmt.Sprintf("no events can be posted to %q; the tables are: %s", clip(e.name, 64), strings.Join(e.known, ", "))
}

// methodError is a request whose path takes other methods.
type methodError struct{ allowed string }

func (e *methodError) Error() string { return "the methods allowed here are: " + e.allowed }

// codingError is a Content-Encoding that can't be undone.
type codingError struct{ value string }

func (e *codingError) Error() string {
	return fmt.Sprintf("Content-Encoding %q is not taken: use one of %s, or none", clip(e.value, 64), acceptEncoding)
}

// corruptError is a body that does not decompress.
type corruptError struct {
	coding coding
	err    error
}

func (e *corruptError) Error() string { return fmt.Sprintf("decompress %s: %v", e.coding, e.err) }
func (e *corruptError) Unwrap() error { return e.err }

// tooLargeError is a body over a limit.
type tooLargeError struct {
	limit   int64
	decoded bool
}

func (e tooLargeError) Error() string {
	if e.decoded {
		return fmt.Sprintf("the decompressed body has more than %d bytes", e.limit)
	}
	return fmt.Sprintf("the body has more than %d bytes", e.limit)
}

// bodyError is a body that did not arrive.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return fmt.Sprintf("read the body: %v", e.err) }
func (e *bodyError) Unwrap() error { return e.err }

// rejectedError is a body none of whose events was accepted.
type rejectedError struct{ outcome }

func (e *rejectedError) Error() string {
	if e.DryRun {
		return fmt.Sprintf("all events of the body (%d) would be rejected, and kept as rows of the table %s", e.Rejected, schema.RejectedName)
	}
	return fmt.Sprintf("all events of the body (%d) were rejected; they are kept as rows of the table %s", e.Rejected, schema.RejectedName)
}

// strictError is a body of so many events some of which were rejected. So none was
// accepted, valid or not.
type strictError struct {
	outcome
	events int
}

func newStrictError(out outcome) *strictError {
	e := &strictError{out, out.Accepted + out.Rejected}
	e.Accepted = 0 // whoever adds up what was accepted is not misled
	return e
}

func (e *strictError) Error() string {
	return fmt.Sprintf("%d of %d events were rejected, and all or none were to be accepted", e.Rejected, e.events)
}

// parameterError is a query that asks for something unknown.
type parameterError struct{ name, reason string }

func (e *parameterError) Error() string {
	if e.name == "" {
		return e.reason
	}
	return fmt.Sprintf("the parameter %q %s", clip(e.name, 64), e.reason)
}

// clip shortens a client's text that is repeated in an answer or a log line.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
