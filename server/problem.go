// Every answer that is not a success: which error gets which status, and its text.

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"time"

	"parquay/schema"
)

// problem is the body of an answer of RFC 9457, application/problem+json.
type problem struct {
	Type   string `json:"type"` // stable: docs/http-api.md lists them
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	*position          // where the text broke
	*outcome           // what became of the events
	Tables    []string `json:"tables,omitempty"` // those that can be posted to

	retryAfter time.Duration // at least this long; 0: a retry does not help
}

// position is where a body stopped being JSON.
type position struct {
	Offset int    `json:"offset"` // bytes before the fault
	Index  int    `json:"index"`  // whole events before it
	Field  string `json:"field,omitempty"`
}

// statusClientGone is what nginx logs for a client that went away: the only one
// who sees it on the wire closed its sending half and still reads.
const statusClientGone = 499

// problemOf gives every error its answer. It is the only place that does.
func problemOf(err error) problem {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.problem
		}
	}
	var (
		syntax   *schema.SyntaxError
		rejected *rejectedError
		tooLarge *tooLargeError
		coding   *codingError
		corrupt  *corruptError
		body     *bodyError
		unknown  *unknownTableError
		method   *methodError
	)
	switch {
	case errors.As(err, &syntax):
		p := newProblem(http.StatusBadRequest, "syntax", "The body is not JSON",
			fmt.Sprintf("%s at byte %d, in event %d; no event of this body was accepted", syntax.Message, syntax.Offset, syntax.Index))
		p.position = &position{Offset: syntax.Offset, Index: syntax.Index, Field: syntax.Field}
		p.outcome = &outcome{}
		return p
	case errors.As(err, &rejected):
		p := newProblem(http.StatusUnprocessableEntity, "events-rejected", "No event was accepted",
			fmt.Sprintf("all events of the body (%d) were rejected; they are kept as rows of the table %s", rejected.Rejected, schema.RejectedName))
		p.outcome = &rejected.outcome
		return p
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "body-too-large", "The body is too large", tooLarge.Error())
	case errors.As(err, &coding):
		return newProblem(http.StatusUnsupportedMediaType, "content-encoding", "Unknown content encoding", coding.Error())
	case errors.As(err, &corrupt):
		return newProblem(http.StatusBadRequest, "corrupt-body", "The body can't be decompressed", corrupt.Error())
	case errors.As(err, &body) && errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, "body-timeout", "The body took too long",
			fmt.Sprintf("a body must arrive with at least %d bytes a second, beside %v of grace", minBodyRate, bodyGrace))
	case errors.As(err, &body):
		return newProblem(http.StatusBadRequest, "incomplete-body", "The body ended early", "the body did not arrive whole; nothing was accepted")
	case errors.As(err, &unknown):
		p := newProblem(http.StatusNotFound, "unknown-table", "Unknown table", unknown.Error())
		p.Tables = unknown.known
		return p
	case errors.As(err, &method):
		return newProblem(http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed", method.Error())
	}
	return newProblem(http.StatusInternalServerError, "internal", "Internal error",
		"the gateway failed on this request; whether its events are durable is unknown")
}

func newProblem(status int, kind, title, detail string) problem {
	return problem{Type: "/problems/" + kind, Title: title, Status: status, Detail: detail}
}

// refusals are the errors whose answer is always the same.
var refusals = []struct {
	err error
	problem
}{
	{ErrTenantFull, newProblem(http.StatusTooManyRequests, "tenant-full", "The tenant's buffer is full",
		"the tenant's share of the memory is taken until its rows are encoded; nothing was accepted").retry(2 * time.Second)},
	{ErrTooLarge, newProblem(http.StatusRequestEntityTooLarge, "request-too-large", "The request needs too much memory",
		"the rows of this body would not fit the tenant's share of the memory: send fewer events at a time")},
	{ErrBusy, newProblem(http.StatusServiceUnavailable, "busy", "The gateway is busy",
		"the gateway's memory is taken; nothing was accepted").retry(time.Second)},
	{ErrJournalFull, newProblem(http.StatusServiceUnavailable, "journal-full", "The journal is full",
		"the journal is at its limit until its windows reach the bucket; nothing was accepted").retry(10 * time.Second)},
	{ErrFailed, newProblem(http.StatusServiceUnavailable, "journal-failed", "The journal has failed",
		"this process accepts nothing any more; whether the events of this request are durable is unknown").retry(10 * time.Second)},
	{ErrStopping, newProblem(http.StatusServiceUnavailable, "stopping", "The gateway is stopping",
		"this process is about to end; nothing was accepted").retry(time.Second)},
	{errNoRoute, newProblem(http.StatusNotFound, "not-found", "Nothing is here", "events are taken by POST /v1/{table}")},
	{context.Canceled, newProblem(statusClientGone, "client-gone", "The client went away",
		"the connection was closed before the events were known to be durable: whether they are is unknown")},
}

func (p problem) retry(after time.Duration) problem {
	p.retryAfter = after
	return p
}

// fail answers with err's problem. It notes err for the access log, which is the
// only one to tell the operator.
func (s *Server) fail(w http.ResponseWriter, err error) {
	p := problemOf(err)
	if rec, ok := w.(*recorder); ok {
		rec.err = err
	}
	h := w.Header()
	switch p.Status {
	case http.StatusUnsupportedMediaType:
		h.Set("Accept-Encoding", acceptEncoding)
	case http.StatusUnprocessableEntity:
		h["Parquay-Durability"] = s.durability
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(jitter(p.retryAfter)))
	}
	send(w, p.Status, problemType, marshal(p))
}

// jitter is d to 3 × d, in seconds, so that those who were refused together don't
// come back together.
func jitter(d time.Duration) int {
	s := int(d / time.Second)
	return s + rand.IntN(2*s+1)
}

// marshal encodes an answer that is not the ordinary 202.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("encode an answer: %v", err)) // strings and numbers always encode
	}
	return b.Bytes()
}
