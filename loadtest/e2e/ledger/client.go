package ledger

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Client sends bodies over some connections, each one request at a time. It
// repeats a body until its fate is known, with the same ids.
type Client struct {
	Ledger      *Ledger
	Run         uint32        // the seed, and part of all keys: no two clients have the same
	Target      func() string // where the gateway listens at the moment; "" while it does not
	Connections int
	Rate        int         // events a second at most, all connections together
	Durability  string      // what Parquay-Durability must say
	TLS         *tls.Config // for a target that begins with https
	// Cuts counts how often the power of the gateway's machine has gone; it may be nil.
	// An answer that comes after that has never come: there is no machine to send it.
	Cuts func() int64
	// Key gives the credential of the moment, and what to call when it is not in use
	// any more. If nil, none is sent.
	Key func() (key string, done func())

	mu struct {
		sync.Mutex
		free     time.Time // when the rate allows the next body
		statuses map[int]int
		unheard  int // attempts without an answer
		acked    int // events
		rejected int // events
		problems []string
	}
}

const (
	patience = 90 * time.Second       // for a body's final answer, once the load is to end
	unheard  = 10 * time.Millisecond  // until the next attempt when there was no answer
	refused  = 200 * time.Millisecond // at most until the next attempt after Retry-After
	kept     = 20                     // problems that are kept
)

// Load sends bodies until ctx ends, and then waits for the answers that are due.
// The error is of the ledger, or says that an answer never came.
func (c *Client) Load(ctx context.Context) error {
	errs := make([]error, c.Connections)
	var connections sync.WaitGroup
	for i := range c.Connections {
		connections.Go(func() { errs[i] = c.connection(ctx, i) })
	}
	connections.Wait()
	return errors.Join(errs...)
}

func (c *Client) connection(ctx context.Context, i int) error {
	// One each, so that they are as many connections as there are.
	transport := &http.Transport{MaxConnsPerHost: 1, DisableCompression: true, TLSClientConfig: c.TLS}
	defer transport.CloseIdleConnections()
	h := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	for sequence := 0; ctx.Err() == nil; sequence++ {
		made := time.Now()
		body := NewBody(Name{c.Run, i, sequence}, made)
		if !c.pace(ctx, len(body.events)) {
			return nil
		}
		if err := c.deliver(ctx, h, &body, made); err != nil {
			return fmt.Errorf("body %s: %w", body.Name, err)
		}
	}
	return nil
}

// pace waits until the rate allows so many events.
func (c *Client) pace(ctx context.Context, events int) bool {
	c.mu.Lock()
	now := time.Now()
	if c.mu.free.Before(now) {
		c.mu.free = now
	}
	wait := c.mu.free.Sub(now)
	c.mu.free = c.mu.free.Add(time.Duration(events) * time.Second / time.Duration(c.Rate))
	c.mu.Unlock()
	return sleep(ctx, wait)
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// deliver sends a body until an answer tells its fate.
func (c *Client) deliver(ctx context.Context, h *http.Client, body *Body, made time.Time) error {
	entries := body.Entries()
	var deadline time.Time // set when the load ends
	for attempt := 1; ; {
		if ctx.Err() != nil && deadline.IsZero() {
			deadline = time.Now().Add(patience)
		}
		if !deadline.IsZero() && time.Now().After(deadline) {
			return fmt.Errorf("no final answer after %d attempts, %v after the end", attempt-1, patience)
		}
		target := c.Target()
		if target == "" {
			time.Sleep(unheard)
			continue
		}
		sent := Sent{Name: body.Name, Attempt: attempt, At: time.Now(), Made: made, Broken: body.Broken, Entries: entries}
		if err := c.Ledger.Send(sent); err != nil {
			return err
		}
		entries = nil // they stand with the first attempt
		cuts := c.cuts()
		answer, wait := c.send(h, target, body)
		if c.cuts() != cuts {
			answer = Answer{}
		}
		if answer.Status != 0 {
			answer.Name, answer.Attempt, answer.At = body.Name, attempt, time.Now()
			if err := c.Ledger.Answer(answer); err != nil {
				return err
			}
		}
		if answer.final() || answer.Status == http.StatusBadRequest || answer.Status == http.StatusRequestEntityTooLarge {
			return nil
		}
		attempt++
		time.Sleep(wait)
	}
}

func (c *Client) cuts() int64 {
	if c.Cuts == nil {
		return 0
	}
	return c.Cuts()
}

// send makes one attempt. Without an answer the status is 0. Wait is how long to
// wait before another attempt.
func (c *Client) send(h *http.Client, target string, body *Body) (a Answer, wait time.Duration) {
	var content io.Reader = bytes.NewReader(body.Bytes)
	if body.Chunked {
		content = io.MultiReader(content) // hides the length
	}
	request, err := http.NewRequest(http.MethodPost, target+"/v1/events", content)
	if err != nil {
		c.problem(body, "make a request: %v", err)
		return a, unheard
	}
	if body.Type != "" {
		request.Header.Set("Content-Type", body.Type)
	}
	if body.Encoding != "" {
		request.Header.Set("Content-Encoding", body.Encoding)
	}
	if c.Key != nil {
		key, done := c.Key()
		defer done()
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := h.Do(request)
	if err != nil {
		c.note(0, outcome{})
		return a, unheard
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		// The status alone is an acknowledgment, but the client may not have seen it.
		c.note(0, outcome{})
		return a, unheard
	}
	a.Status = response.StatusCode
	a.Problem = c.examine(body, response, text)
	if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			c.problem(body, "%d with Retry-After %q", a.Status, response.Header.Get("Retry-After"))
		}
		wait = min(time.Duration(seconds)*time.Second, refused)
	}
	return a, max(wait, unheard)
}

// outcome is the gateway's answer, of whatever kind.
type outcome struct {
	Type     string
	Accepted int
	Rejected int
	Errors   []struct {
		Index       int
		Field, Code string
	}
}

// examine compares an answer with what the body deserves, and returns the
// problem's type, if it is one.
func (c *Client) examine(body *Body, response *http.Response, text []byte) string {
	var got outcome
	if err := json.Unmarshal(text, &got); err != nil {
		c.problem(body, "%d with a body that is not JSON: %.200q", response.StatusCode, text)
	}
	status, want := body.deserved()
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		c.note(response.StatusCode, outcome{})
		return got.Type
	case status:
		c.note(status, got)
	default:
		c.problem(body, "answered %d instead of %d: %.300q", response.StatusCode, status, text)
		return got.Type
	}
	if got.Accepted != want.Accepted || got.Rejected != want.Rejected || !slices.Equal(got.Errors, want.Errors) {
		c.problem(body, "answered %+v instead of %+v", got, want)
	}
	durable := response.Header.Get("Parquay-Durability")
	if !body.Broken && durable != c.Durability {
		c.problem(body, "Parquay-Durability is %q instead of %q", durable, c.Durability)
	}
	return got.Type
}

// deserved is the answer to a body that is taken at once.
func (b *Body) deserved() (status int, o outcome) {
	if b.Broken {
		return http.StatusBadRequest, o
	}
	for i, e := range b.events {
		if e.Table != "rejected" {
			o.Accepted++
			continue
		}
		o.Rejected++
		o.Errors = append(o.Errors, struct {
			Index       int
			Field, Code string
		}{i, e.row["field"], e.row["code"]})
	}
	switch {
	case o.Rejected == 0:
		return http.StatusAccepted, o
	case o.Accepted == 0:
		return http.StatusUnprocessableEntity, o
	}
	return http.StatusMultiStatus, o
}

func (c *Client) note(status int, got outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if status == 0 {
		c.mu.unheard++
		return
	}
	if c.mu.statuses == nil {
		c.mu.statuses = map[int]int{}
	}
	c.mu.statuses[status]++
	c.mu.acked += got.Accepted
	c.mu.rejected += got.Rejected
}

func (c *Client) problem(body *Body, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.mu.problems) < kept {
		c.mu.problems = append(c.mu.problems, fmt.Sprintf("body %s: ", body.Name)+fmt.Sprintf(format, args...))
	}
}

// Problems lists answers that should not have been, the first few.
func (c *Client) Problems() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.mu.problems)
}

// Stats counts the answers so far by status, the attempts without one, and the
// events that were accepted.
func (c *Client) Stats() (statuses map[int]int, unanswered, accepted int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.mu.statuses), c.mu.unheard, c.mu.acked
}

// Told is how many events the answers have called accepted and rejected.
func (c *Client) Told() (accepted, rejected int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.acked, c.mu.rejected
}
