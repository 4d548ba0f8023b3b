// Package wire is as little of an HTTP/1.1 client as there can be, so that a load
// generator measures the server and not itself.
package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// busy is how long a client waits that was told to come back: far less than it was
// told, since it measures how fast a server can be.
const busy = 5 * time.Millisecond

// longest bounds an answer's body.
const longest = 1 << 20

var errLong = errors.New("the answer is too long")

// Conn is a connection that is kept alive. It serves one goroutine.
type Conn struct {
	net.Conn
	in *bufio.Reader
}

// Dial connects to a server.
func Dial(ctx context.Context, address string) (*Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &Conn{c, bufio.NewReaderSize(c, 4<<10)}, nil
}

// AppendHead appends the header of a request that posts so many bytes of NDJSON.
func AppendHead(dst []byte, path, host string, length int) []byte {
	return fmt.Appendf(dst, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n",
		path, host, length)
}

// Deliver sends a request, in one or several pieces, until the answer has the status
// taken, and counts the times that it was told to come back.
func (c *Conn) Deliver(ctx context.Context, taken int, pieces ...[]byte) (again int64, err error) {
	request := make(net.Buffers, len(pieces))
	for {
		rest := request[:copy(request, pieces)]
		if _, err := rest.WriteTo(c.Conn); err != nil {
			return again, fmt.Errorf("send: %w", err)
		}
		status, text, err := c.Answer()
		switch {
		case err != nil:
			return again, fmt.Errorf("read the answer: %w", err)
		case status == taken:
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

// Answer reads a status line, the length and the body.
func (c *Conn) Answer() (status int, body []byte, err error) {
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
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || length < 0 {
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
