package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// request is an HTTP request for a body of events, ready to be written.
func request(body []byte) []byte {
	head := fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: parquay\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n", len(body))
	return append([]byte(head), body...)
}

// sending is what came of sending some requests.
type sending struct {
	took      time.Duration
	retries   int64           // requests that were answered 429 or 503 and sent again
	latencies []time.Duration // of the requests that were taken
}

// busy is how long a client waits that was told to come back: far less than it was
// told, since it measures how fast the gateway can be.
const busy = 5 * time.Millisecond

// send sends every request once, over so many connections.
func send(ctx context.Context, address string, requests [][]byte, connections int) (sending, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next, retries atomic.Int64
	latencies := make([]time.Duration, len(requests))
	errs := make([]error, connections)
	var clients sync.WaitGroup
	begin := time.Now()
	for i := range connections {
		clients.Go(func() {
			c, err := dial(ctx, address)
			if err != nil {
				errs[i] = err
				cancel()
				return
			}
			defer c.Close()
			for errs[i] == nil && ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(requests) {
					return
				}
				began := time.Now()
				again, err := c.deliver(requests[n])
				latencies[n] = time.Since(began)
				retries.Add(again)
				if err != nil {
					errs[i] = err
					cancel()
				}
			}
		})
	}
	clients.Wait()
	return sending{time.Since(begin), retries.Load(), latencies}, errors.Join(append(errs, context.Cause(ctx))...)
}

// conn is a connection that is kept alive: as little of a client as HTTP allows, so
// that the gateway is measured and not this.
type conn struct {
	net.Conn
	in *bufio.Reader
}

func dial(ctx context.Context, address string) (*conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &conn{c, bufio.NewReaderSize(c, 4<<10)}, nil
}

// deliver sends a request until it is taken, and counts the times it was not.
func (c *conn) deliver(request []byte) (again int64, err error) {
	for {
		if _, err := c.Write(request); err != nil {
			return again, fmt.Errorf("send: %w", err)
		}
		status, body, err := c.answer()
		switch {
		case err != nil:
			return again, fmt.Errorf("read the answer: %w", err)
		case status == 202:
			return again, nil
		case status == 429 || status == 503:
			again++
			time.Sleep(busy)
		default:
			return again, fmt.Errorf("the answer is %d: %s", status, body)
		}
	}
}

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
	body = make([]byte, length)
	_, err = io.ReadFull(c.in, body)
	return status, body, err
}
