// Sending bodies: as little of a client as HTTP allows, so that the servers are
// measured and not this.

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// endpoint is where bodies go, and which answer takes them.
type endpoint struct {
	address, path string
	taken         int
}

// sending is what came of sending bodies.
type sending struct {
	requests  int // that were taken
	took      time.Duration
	retries   int64 // answers that said to come back
	latencies []time.Duration
}

// busy is how long a client waits that was told to come back: far less than it was
// told, since it measures how fast a server can be.
const busy = 5 * time.Millisecond

// send sends each body once, over so many connections, until there is no further one
// or, if it is not zero, a duration has passed.
func (p endpoint) send(ctx context.Context, e *events, connections int, atMost time.Duration) (sending, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, retries atomic.Int64
	each := make([][]time.Duration, connections)
	var clients sync.WaitGroup
	begin := time.Now()
	for i := range connections {
		clients.Go(func() {
			c, err := p.dial(ctx)
			if err != nil {
				cancel(err)
				return
			}
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })() // whoever waits for an answer waits no longer
			for ctx.Err() == nil && (atMost == 0 || time.Since(begin) < atMost) {
				n := int(next.Add(1)) - 1
				if n >= e.bodies() {
					return
				}
				began := time.Now()
				again, err := c.deliver(ctx, e.body(n))
				if err != nil {
					cancel(err)
					return
				}
				each[i] = append(each[i], time.Since(began))
				retries.Add(again)
			}
		})
	}
	clients.Wait()
	s := sending{took: time.Since(begin), retries: retries.Load(), latencies: slices.Concat(each...)}
	s.requests = len(s.latencies)
	return s, context.Cause(ctx)
}

// conn is a connection that is kept alive.
type conn struct {
	net.Conn
	endpoint
	in   *bufio.Reader
	head []byte
}

func (p endpoint) dial(ctx context.Context) (*conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &conn{Conn: c, endpoint: p, in: bufio.NewReaderSize(c, 4<<10)}, nil
}

// deliver sends a body until it is taken, and counts the times it was not.
func (c *conn) deliver(ctx context.Context, body []byte) (again int64, err error) {
	for {
		c.head = fmt.Appendf(c.head[:0], "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n",
			c.path, c.address, len(body))
		request := net.Buffers{c.head, body}
		if _, err := request.WriteTo(c.Conn); err != nil {
			return again, fmt.Errorf("send: %w", err)
		}
		status, text, err := c.answer()
		switch {
		case err != nil:
			return again, fmt.Errorf("read the answer: %w", err)
		case status == c.taken:
			return again, nil
		case status == 429 || status == 503:
			again++
			select {
			case <-time.After(busy):
			case <-ctx.Done():
				return again, fmt.Errorf("it was busy to the end (%d %s): %w", status, text, context.Cause(ctx))
			}
		default:
			return again, fmt.Errorf("the answer is %d: %s", status, text)
		}
	}
}

// longest bounds an answer's body.
const longest = 1 << 20

var errLong = errors.New("the answer is too long")

// answer reads a status line, the length and the body.
func (c *conn) answer() (status int, body []byte, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	length := 0
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, nil, err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("content-length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, fmt.Errorf("header %q", line)
			}
		}
	}
	if length > longest {
		return 0, nil, errLong
	}
	body = make([]byte, length)
	_, err = io.ReadFull(c.in, body)
	return status, body, err
}
