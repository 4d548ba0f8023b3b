package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"parquay/schema"
	"parquay/server/cloudevents"
	"parquay/server/idempotency"
	"parquay/server/problems"
	"parquay/server/tenants"
)

// Every answer to a request for storing events says what was stored: that all of it
// was, that nothing was, or that nobody knows.
func TestProblemsSayWhatWasStored(t *testing.T) {
	met := map[problems.Kind]bool{}
	const nothing, all, unknown = "nothing of this request was stored", "they are kept as rows", "is unknown"
	for _, test := range []struct {
		err  error
		kind problems.Kind
		says string
	}{
		{&schema.SyntaxError{Message: "invalid character"}, problems.Syntax, nothing},
		{&corruptError{gzipCoding, errBoom}, problems.CorruptBody, nothing},
		{&bodyError{errBoom}, problems.IncompleteBody, nothing},
		{&parameterError{"x", "is unknown"}, problems.Parameter, nothing},
		{errKey, problems.IdempotencyKey, nothing},
		{errUnauthorized, problems.Unauthorized, nothing},
		{errForbidden, problems.Forbidden, nothing},
		{errCrossOrigin, problems.CrossOrigin, nothing},
		{&unknownTableError{"x", []string{"events"}}, problems.UnknownTable, nothing},
		{errNoRoute, problems.NotFound, nothing},
		{&methodError{"POST"}, problems.MethodNotAllowed, nothing},
		{&bodyError{os.ErrDeadlineExceeded}, problems.BodyTimeout, nothing},
		{tooLargeError{limit: 1}, problems.BodyTooLarge, nothing},
		{tooLargeError{limit: 1, decoded: true}, problems.BodyTooLarge, nothing},
		{ErrTooLarge, problems.RequestTooLarge, nothing},
		{&codingError{"br"}, problems.ContentEncoding, nothing},
		{cloudevents.ErrFormat, problems.ContentType, nothing},
		{&rejectedError{outcome{Rejected: 2}}, problems.EventsRejected, all},
		{&rejectedError{outcome{Rejected: 2, DryRun: true}}, problems.EventsRejected, "would be rejected"},
		{newStrictError(outcome{Accepted: 1, Rejected: 2}), problems.Strict, nothing},
		{idempotency.ErrMismatch, problems.IdempotencyMismatch, nothing},
		{idempotency.ErrTenantFull, problems.IdempotencyTenantFull, nothing},
		{idempotency.ErrFull, problems.IdempotencyFull, nothing},
		{ErrTenantFull, problems.TenantFull, nothing},
		{&tenants.Limited{Which: "events", RetryAfter: time.Second}, problems.RateLimited, nothing},
		{errTooManyFailures, problems.TooManyFailures, nothing},
		{context.Canceled, problems.ClientGone, unknown},
		{errBoom, problems.Internal, unknown},
		{ErrBusy, problems.Busy, nothing},
		{ErrJournalFull, problems.JournalFull, nothing},
		{ErrFailed, problems.JournalFailed, unknown},
		{ErrStopping, problems.Stopping, nothing},
		{ErrUnknownReceipt, problems.UnknownReceipt, "stored long ago"},
	} {
		met[test.kind] = true
		for _, err := range []error{test.err, fmt.Errorf("wrapped: %w", test.err)} {
			p := problemOf(err)
			if p.Type != test.kind.Type() || p.Status != test.kind.Status() || !strings.Contains(p.Detail, test.says) {
				t.Errorf("%v: %s %d %q, want %s %d with %q", err, p.Type, p.Status, p.Detail, test.kind.Type(), test.kind.Status(), test.says)
			}
			if (p.retryAfter > 0) != (test.kind.Retry() > 0) {
				t.Errorf("%v: retry after %v", err, p.retryAfter)
			}
		}
	}
	for _, k := range problems.All() {
		if !met[k] {
			t.Errorf("%s is never answered", k.Type())
		}
	}
	if p := problemOf(errors.Join(errBoom, ErrStopping)); p.Type != problems.Stopping.Type() {
		t.Errorf("joined errors: %s", p.Type)
	}
}
