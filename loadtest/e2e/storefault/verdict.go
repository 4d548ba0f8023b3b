package storefault

// This file is what may become of a request.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Verdict is what becomes of a request.
type Verdict struct {
	name string
	act  func(*exchange)
}

// String is the verdict's name, as the log has it.
func (v Verdict) String() string { return v.name }

const (
	passed = "pass"
	landed = "land" // in the log: a request that was held back, once more
)

// Pass has the store answer.
func Pass() Verdict {
	return Verdict{passed, func(e *exchange) { e.pass(e.read(0)) }}
}

// LoseAnswer applies a request and then resets its connection.
func LoseAnswer() Verdict {
	return Verdict{"lose the answer", func(e *exchange) {
		if body, err := e.read(0); err == nil {
			_, _ = e.apply(e.r.Context(), body) // the log has what came of it
		}
		e.reset()
	}}
}

// Reset resets a connection in the middle of a request, which is not applied.
func Reset() Verdict {
	return Verdict{"reset", func(e *exchange) {
		_, _ = io.CopyN(io.Discard, e.r.Body, max(e.r.ContentLength, 0)/2)
		e.reset()
	}}
}

// Hold resets the connection at once, and applies the request after d, or with Land
// if d is 0: after the client's retry, in any case.
func Hold(d time.Duration) Verdict {
	return Verdict{"hold", func(e *exchange) {
		body, err := e.read(0)
		if err == nil {
			late := *e
			late.body = body
			e.proxy.hold(&late, d)
		}
		e.reset()
	}}
}

// Duplicate applies a request twice, and answers as the store does the second time.
func Duplicate() Verdict {
	return Verdict{"duplicate", func(e *exchange) {
		body, err := e.read(0)
		if err == nil {
			_, err = e.apply(e.r.Context(), body)
		}
		e.pass(body, err)
	}}
}

// Answer answers with an error of S3's, and the store never hears of the request.
func Answer(status int, code string) Verdict {
	return Verdict{fmt.Sprintf("answer %d %s", status, code), func(e *exchange) {
		_, _ = e.read(0)
		e.answer(refusal(status, code), 0)
	}}
}

// AnswerAfter answers with an error although the store has applied the request.
func AnswerAfter(status int, code string) Verdict {
	return Verdict{fmt.Sprintf("apply and answer %d %s", status, code), func(e *exchange) {
		if body, err := e.read(0); err == nil {
			_, _ = e.apply(e.r.Context(), body) // the log has what came of it
		}
		e.answer(refusal(status, code), 0)
	}}
}

func refusal(status int, code string) *reply {
	body := fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>says the proxy</Message></Error>", code)
	return &reply{status: status, header: http.Header{"Content-Type": {"application/xml"}}, body: body}
}

// Silent takes a request and never answers; it ends when the client does, or with Break.
func Silent() Verdict {
	return Verdict{"silence", func(e *exchange) { e.silence() }}
}

// Slow lets a request and its answer through at so many bytes a second.
func Slow(rate int) Verdict {
	return Verdict{"slow", func(e *exchange) {
		body, err := e.read(rate)
		if err != nil {
			e.reset()
			return
		}
		answer, err := e.apply(e.r.Context(), body)
		if err != nil {
			e.reset()
			return
		}
		e.answer(answer, rate)
	}}
}

// FlipBody changes one byte of a request's body on its way to the store. A request
// without a body passes.
func FlipBody() Verdict {
	return Verdict{"flip a byte of the body", func(e *exchange) {
		body, err := e.read(0)
		if err == nil && len(body) > 0 {
			body = e.flipped(body)
		}
		e.pass(body, err)
	}}
}

// FlipAnswer changes one byte of what the store answers: of the status in every other
// request, else of anything.
func FlipAnswer() Verdict {
	return Verdict{"flip a byte of the answer", func(e *exchange) {
		body, err := e.read(0)
		if err != nil {
			e.reset()
			return
		}
		answer, err := e.apply(e.r.Context(), body)
		if err != nil {
			e.reset()
			return
		}
		whole := answer.bytes()
		part := whole
		if e.proxy.number(2) == 0 {
			part = whole[len("HTTP/1.1 "):][:len("200")]
		}
		copy(part, e.flipped(part))
		e.raw(whole)
	}}
}

// flipped is a copy of some bytes with one changed.
func (e *exchange) flipped(content []byte) []byte {
	content = bytes.Clone(content)
	content[e.proxy.number(len(content))] ^= byte(1 + e.proxy.number(255))
	return content
}

// pass applies a request that was read, and answers as the store does. A store that
// is away is a connection that breaks.
func (e *exchange) pass(body []byte, err error) {
	var answer *reply
	if err == nil {
		answer, err = e.apply(e.r.Context(), body)
	}
	if err != nil {
		e.reset()
		return
	}
	e.answer(answer, 0)
}

// apply has the store answer.
func (e *exchange) apply(ctx context.Context, body []byte) (*reply, error) {
	// Once it has begun, it goes on without its client.
	out := e.r.Clone(context.WithoutCancel(ctx))
	out.URL.Scheme, out.URL.Host = e.proxy.target.Scheme, e.proxy.target.Host
	out.RequestURI = ""
	out.Header.Del("Expect")
	out.ContentLength = int64(len(body))
	out.Body = http.NoBody
	if len(body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	response, err := e.proxy.transport.RoundTrip(out) // with the Host that was signed
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	e.status = response.StatusCode
	return &reply{status: response.StatusCode, header: response.Header, length: response.ContentLength, body: text}, nil
}
