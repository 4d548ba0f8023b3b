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
	"parquay/server/cloudevents"
	"parquay/server/idempotency"
	"parquay/server/problems"
	"parquay/server/tenants"
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

// nothing ends the detail of every refusal of events, so that a reader of a log
// knows it too: only where Parquay-Durability is given has anything been stored.
const nothing = "; nothing of this request was stored"

// problemOf gives every error its answer. It is the only place that does.
func problemOf(err error) problem {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return newProblem(r.kind, r.detail)
		}
	}
	var (
		syntax   *schema.SyntaxError
		rejected *rejectedError
		tooLarge tooLargeError
		coding   *codingError
		corrupt  *corruptError
		body     *bodyError
		unknown  *unknownTableError
		method   *methodError
		param    *parameterError
		strict   *strictError
		limited  *tenants.Limited
	)
	switch {
	case errors.As(err, &syntax):
		p := newProblem(problems.Syntax,
			fmt.Sprintf("%s at byte %d, in event %d"+nothing, syntax.Message, syntax.Offset, syntax.Index))
		p.position = &position{Offset: syntax.Offset, Index: syntax.Index, Field: syntax.Field}
		p.outcome = &outcome{}
		return p
	case errors.As(err, &rejected):
		p := newProblem(problems.EventsRejected, rejected.Error())
		p.outcome = &rejected.outcome
		return p
	case errors.As(err, &strict):
		p := newProblem(problems.Strict, strict.Error()+nothing)
		p.outcome = &strict.outcome
		return p
	case errors.As(err, &tooLarge):
		return newProblem(problems.BodyTooLarge, tooLarge.Error()+nothing)
	case errors.As(err, &coding):
		return newProblem(problems.ContentEncoding, coding.Error()+nothing)
	case errors.As(err, &corrupt):
		return newProblem(problems.CorruptBody, corrupt.Error()+nothing)
	case errors.As(err, &body) && errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(problems.BodyTimeout,
			fmt.Sprintf("a body must arrive with at least %d bytes a second, beside %v of grace"+nothing, minBodyRate, bodyGrace))
	case errors.As(err, &body):
		return newProblem(problems.IncompleteBody, "the body did not arrive whole"+nothing)
	case errors.As(err, &unknown):
		p := newProblem(problems.UnknownTable, unknown.Error()+nothing)
		p.Tables = unknown.known
		return p
	case errors.As(err, &method):
		return newProblem(problems.MethodNotAllowed, method.Error()+nothing)
	case errors.As(err, &limited):
		p := newProblem(problems.RateLimited, "the tenant is over its rate of "+limited.Which+nothing)
		p.retryAfter = max(p.retryAfter, limited.RetryAfter)
		return p
	case errors.As(err, &param):
		return newProblem(problems.Parameter, param.Error()+nothing)
	}
	return newProblem(problems.Internal, "the gateway failed on this request; whether its events are durable is unknown")
}

func newProblem(k problems.Kind, detail string) problem {
	return problem{Type: k.Type(), Title: k.Title(), Status: k.Status(), Detail: detail, retryAfter: k.Retry()}
}

// refusals are the errors whose answer is always the same.
var refusals = []struct {
	err    error
	kind   problems.Kind
	detail string
}{
	{ErrTenantFull, problems.TenantFull, "the tenant's share of the memory is taken until its rows are encoded" + nothing},
	{ErrTooLarge, problems.RequestTooLarge, "the rows of this body would not fit the tenant's share of the memory (send fewer events at a time)" + nothing},
	{ErrBusy, problems.Busy, "the gateway's memory is taken" + nothing},
	{ErrJournalFull, problems.JournalFull, "the journal is at its limit until its windows reach the bucket" + nothing},
	{ErrFailed, problems.JournalFailed, "this process accepts nothing any more; whether the events of this request are durable is unknown"},
	{ErrStopping, problems.Stopping, "this process is about to end" + nothing},
	{errKey, problems.IdempotencyKey, errKey.Error() + nothing},
	{idempotency.ErrMismatch, problems.IdempotencyMismatch, "another body came with this Idempotency-Key before, or the same for another table or mode" + nothing},
	{idempotency.ErrFull, problems.IdempotencyFull, "the gateway remembers as many idempotency keys as it may" + nothing},
	{idempotency.ErrTenantFull, problems.IdempotencyTenantFull, "the tenant has used up its share of the idempotency keys" + nothing},
	{cloudevents.ErrFormat, problems.ContentType, cloudevents.ErrFormat.Error() + nothing},
	{ErrUnknownReceipt, problems.UnknownReceipt, "it is not one of this tenant's from this process, or its rows were stored long ago"},
	{errUnauthorized, problems.Unauthorized, "send a valid key as Authorization: Bearer, as X-API-Key or as the password of basic authentication, or a client certificate" + nothing},
	{errTooManyFailures, problems.TooManyFailures, "too many requests of this address had no valid credential" + nothing},
	{errForbidden, problems.Forbidden, "the tenant may not post to this table" + nothing},
	{errCrossOrigin, problems.CrossOrigin, "a browser sends this for a site that is not one of PARQUAY_CORS_ORIGINS" + nothing},
	{errNoRoute, problems.NotFound, "events are taken by POST /v1/{table}" + nothing},
	{context.Canceled, problems.ClientGone, "the connection was closed before the events were known to be durable: whether they are is unknown"},
}

// fail answers with err's problem. It notes err for the access log, which is the
// only one to tell the operator.
func (s *Server) fail(w http.ResponseWriter, err error) {
	p := problemOf(err)
	s.metrics.problems[p.Type].Inc()
	n := notesOf(w)
	n.problem, n.err = p.Type, err
	h := w.Header()
	switch p.Type {
	case problems.Unauthorized.Type():
		h["Www-Authenticate"] = challenges
	case problems.ContentEncoding.Type():
		h.Set("Accept-Encoding", acceptEncoding)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(jitter(p.retryAfter)))
	}
	limitRest(w)
	send(w, p.Status, problemType, marshal(p))
}

// maxJitter spreads the largest crowd: nobody waits much longer than there is cause.
const maxJitter = 30 * time.Second

// jitter is d to 3 × d, at most maxJitter more, in whole seconds and never less than
// d, so that those who were refused together don't come back together.
func jitter(d time.Duration) int {
	s := int((d + time.Second - 1) / time.Second)
	return s + rand.IntN(min(2*s, int(maxJitter/time.Second))+1)
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
