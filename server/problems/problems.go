// Package problems is the closed list of answers that are not a success: the
// types of RFC 9457 that server gives, and what server/openapi says of them.
package problems

import (
	"net/http"
	"time"
)

// Kind is one type of problem. Clients rely on its Type and Status.
type Kind uint8

// The kinds, in the order of docs/http-api.md, which says when each is answered.
const (
	Syntax Kind = iota
	CorruptBody
	IncompleteBody
	Parameter
	IdempotencyKey
	Unauthorized
	Forbidden
	CrossOrigin
	UnknownTable
	UnknownReceipt
	NotFound
	MethodNotAllowed
	BodyTimeout
	BodyTooLarge
	RequestTooLarge
	ContentEncoding
	ContentType
	EventsRejected
	Strict
	IdempotencyMismatch
	TenantFull
	IdempotencyTenantFull
	RateLimited
	TooManyFailures
	ClientGone
	Internal
	Busy
	JournalFull
	JournalFailed
	Stopping
	IdempotencyFull
)

// StatusClientGone is what nginx logs for a client that went away: the only one
// who sees it on the wire closed its sending half and still reads.
const StatusClientGone = 499

// entry is what all answers of a kind have in common.
type entry struct {
	name   string // the last part of the type
	status int
	title  string
	retry  time.Duration
}

var entries = [...]entry{
	Syntax:                {"syntax", http.StatusBadRequest, "The body is not JSON", 0},
	CorruptBody:           {"corrupt-body", http.StatusBadRequest, "The body can't be decompressed", 0},
	IncompleteBody:        {"incomplete-body", http.StatusBadRequest, "The body ended early", 0},
	Parameter:             {"parameter", http.StatusBadRequest, "The query is malformed", 0},
	IdempotencyKey:        {"idempotency-key", http.StatusBadRequest, "The idempotency key is malformed", 0},
	Unauthorized:          {"unauthorized", http.StatusUnauthorized, "Credentials are needed", 0},
	Forbidden:             {"forbidden", http.StatusForbidden, "Not allowed", 0},
	CrossOrigin:           {"cross-origin", http.StatusForbidden, "Another site's request", 0},
	UnknownTable:          {"unknown-table", http.StatusNotFound, "Unknown table", 0},
	UnknownReceipt:        {"unknown-receipt", http.StatusNotFound, "Unknown receipt", 0},
	NotFound:              {"not-found", http.StatusNotFound, "Nothing is here", 0},
	MethodNotAllowed:      {"method-not-allowed", http.StatusMethodNotAllowed, "Method not allowed", 0},
	BodyTimeout:           {"body-timeout", http.StatusRequestTimeout, "The body took too long", 0},
	BodyTooLarge:          {"body-too-large", http.StatusRequestEntityTooLarge, "The body is too large", 0},
	RequestTooLarge:       {"request-too-large", http.StatusRequestEntityTooLarge, "The request needs too much memory", 0},
	ContentEncoding:       {"content-encoding", http.StatusUnsupportedMediaType, "Unknown content encoding", 0},
	ContentType:           {"content-type", http.StatusUnsupportedMediaType, "Unknown format of CloudEvents", 0},
	EventsRejected:        {"events-rejected", http.StatusUnprocessableEntity, "No event was accepted", 0},
	Strict:                {"strict", http.StatusUnprocessableEntity, "Not every event was valid", 0},
	IdempotencyMismatch:   {"idempotency-mismatch", http.StatusUnprocessableEntity, "The key belongs to another body", 0},
	TenantFull:            {"tenant-full", http.StatusTooManyRequests, "The tenant's buffer is full", 2 * time.Second},
	IdempotencyTenantFull: {"idempotency-tenant-full", http.StatusTooManyRequests, "The tenant's idempotency keys are used up", 10 * time.Second},
	RateLimited:           {"rate-limited", http.StatusTooManyRequests, "The tenant is over its rate", time.Second},
	TooManyFailures:       {"too-many-failures", http.StatusTooManyRequests, "Too many failed credentials", 10 * time.Second},
	ClientGone:            {"client-gone", StatusClientGone, "The client went away", 0},
	Internal:              {"internal", http.StatusInternalServerError, "Internal error", 0},
	Busy:                  {"busy", http.StatusServiceUnavailable, "The gateway is busy", time.Second},
	JournalFull:           {"journal-full", http.StatusServiceUnavailable, "The journal is full", 10 * time.Second},
	JournalFailed:         {"journal-failed", http.StatusServiceUnavailable, "The journal has failed", 10 * time.Second},
	Stopping:              {"stopping", http.StatusServiceUnavailable, "The gateway is stopping", time.Second},
	IdempotencyFull:       {"idempotency-full", http.StatusServiceUnavailable, "Too many idempotency keys", 10 * time.Second},
}

// All lists the kinds.
func All() []Kind {
	all := make([]Kind, len(entries))
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// Type is the problem's type: a path, stable for ever.
func (k Kind) Type() string { return "/problems/" + entries[k].name }

// Status is the answer's status.
func (k Kind) Status() int { return entries[k].status }

// Title says what the kind is; the detail of an answer says more.
func (k Kind) Title() string { return entries[k].title }

// Retry is the least time after which the same request may succeed, unless the
// answer's cause knows better; 0 if time alone does not help.
func (k Kind) Retry() time.Duration { return entries[k].retry }
