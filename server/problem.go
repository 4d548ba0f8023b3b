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
	var (
		syntax   *schema.SyntaxError
		unknown  *unknownTableError
		body     *bodyError
		corrupt  *corruptError
		coding   *codingError
		tooLarge *tooLargeError
		method   *methodError
		refused  *refusedError
	)
	switch {
	case errors.As(err, &syntax):
		return problem{Type: "/problems/syntax", Title: "The body is not JSON", Status: http.StatusBadRequest,
			Detail:   fmt.Sprintf("%s at byte %d, in event %d; no event of this body was accepted", syntax.Message, syntax.Offset, syntax.Index),
			position: &position{Offset: syntax.Offset, Index: syntax.Index, Field: syntax.Field},
			outcome:  &outcome{}}
	case errors.As(err, &refused):
		return problem{Type: "/problems/events-rejected", Title: "No event was accepted", Status: http.StatusUnprocessableEntity,
			Detail:  fmt.Sprintf("all events of the body (%d) were rejected; they are kept in the table of rejected events", refused.Rejected),
			outcome: &refused.outcome}

	case errors.Is(err, ErrTenantFull):
		return problem{Type: "/problems/tenant-full", Title: "The tenant's buffer is full", Status: http.StatusTooManyRequests,
			Detail: "the tenant's share of the memory is taken until its rows are encoded; nothing was accepted", retryAfter: 2 * time.Second}
	case errors.Is(err, ErrTooLarge):
		return problem{Type: "/problems/request-too-large", Title: "The request needs too much memory", Status: http.StatusRequestEntityTooLarge,
			Detail: "the rows of this body would not fit the tenant's share of the memory: send fewer events at a time"}
	case errors.Is(err, ErrBusy):
		return problem{Type: "/problems/busy", Title: "The gateway is busy", Status: http.StatusServiceUnavailable,
			Detail: "the gateway's memory budget is taken; nothing was accepted", retryAfter: time.Second}
	case errors.Is(err, ErrJournalFull):
		return problem{Type: "/problems/journal-full", Title: "The journal is full", Status: http.StatusServiceUnavailable,
			Detail: "the journal is at its limit until its windows reach the bucket; nothing was accepted", retryAfter: 10 * time.Second}
	case errors.Is(err, ErrFailed):
		return problem{Type: "/problems/journal-failed", Title: "The journal has failed", Status: http.StatusServiceUnavailable,
			Detail: "this process accepts nothing any more; whether the events of this request are durable is unknown", retryAfter: 10 * time.Second}
	case errors.Is(err, ErrStopping):
		return problem{Type: "/problems/stopping", Title: "The gateway is stopping", Status: http.StatusServiceUnavailable,
			Detail: "this process is about to end; nothing was accepted", retryAfter: time.Second}

	case errors.As(err, &tooLarge):
		return problem{Type: "/problems/body-too-large", Title: "The body is too large", Status: http.StatusRequestEntityTooLarge, Detail: tooLarge.Error()}
	case errors.As(err, &coding):
		return problem{Type: "/problems/content-encoding", Title: "Unknown content encoding", Status: http.StatusUnsupportedMediaType, Detail: coding.Error()}
	case errors.As(err, &corrupt):
		return problem{Type: "/problems/corrupt-body", Title: "The body can't be decompressed", Status: http.StatusBadRequest, Detail: corrupt.Error()}
	case errors.As(err, &body) && errors.Is(err, os.ErrDeadlineExceeded):
		return problem{Type: "/problems/body-timeout", Title: "The body took too long", Status: http.StatusRequestTimeout,
			Detail: fmt.Sprintf("a body must arrive with at least %d bytes a second, after %v of grace", minBodyRate, bodyGrace)}
	case errors.As(err, &body):
		return problem{Type: "/problems/incomplete-body", Title: "The body ended early", Status: http.StatusBadRequest, Detail: "the body did not arrive whole; nothing was accepted"}

	case errors.As(err, &unknown):
		return problem{Type: "/problems/unknown-table", Title: "Unknown table", Status: http.StatusNotFound, Detail: unknown.Error(), Tables: unknown.known}
	case errors.Is(err, errNoRoute):
		return problem{Type: "/problems/not-found", Title: "Nothing is here", Status: http.StatusNotFound, Detail: "events are taken by POST /v1/{table}"}
	case errors.As(err, &method):
		return problem{Type: "/problems/method-not-allowed", Title: "Method not allowed", Status: http.StatusMethodNotAllowed, Detail: method.Error()}
	case errors.Is(err, context.Canceled):
		return problem{Type: "/problems/client-gone", Title: "The client went away", Status: statusClientGone,
			Detail: "the connection was closed before the events were known to be durable: whether they are is unknown"}
	}
	return problem{Type: "/problems/internal", Title: "Internal error", Status: http.StatusInternalServerError,
		Detail: "the gateway failed on this request; whether its events are durable is unknown"}
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
	case http.StatusRequestTimeout:
		h.Set("Connection", "close") // the rest of the body may still come
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
