// A gateway, and connections to it.

package drive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// target is one gateway's listener for events.
type target struct {
	address string
	head    []byte      // the beginning of every request
	tls     *tls.Config // nil for cleartext
}

// parseTarget reads http://host:port, for a table.
func parseTarget(text, table string, config *tls.Config) (target, error) {
	u, err := url.Parse(text)
	if err != nil {
		return target{}, fmt.Errorf("target: %w", err)
	}
	head := fmt.Sprintf("POST %s/v1/%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: parquay-loadtest\r\n", strings.TrimRight(u.EscapedPath(), "/"), table, u.Host)
	t := target{address: u.Host, head: []byte(head)}
	port := "80"
	switch u.Scheme {
	case "http":
	case "https":
		port = "443"
		t.tls = config.Clone()
		if t.tls.ServerName == "" {
			t.tls.ServerName = u.Hostname()
		}
	default:
		return t, fmt.Errorf("target %q: it must be a URL of http or https", text)
	}
	if u.Hostname() == "" || u.RawQuery != "" {
		return t, fmt.Errorf("target %q: it must be http://host:port", text)
	}
	if len(head) > headRoom {
		return t, fmt.Errorf("target %q: it is too long", text)
	}
	if u.Port() == "" {
		t.address = net.JoinHostPort(u.Hostname(), port)
	}
	return t, nil
}

const dialTimeout = 5 * time.Second

// conn is a connection that is kept alive: as little of a client as HTTP allows.
type conn struct {
	net.Conn
	in   *bufio.Reader
	body []byte
}

func (t *target) dial(ctx context.Context) (*conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	c, err := dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if t.tls != nil {
		secure := tls.Client(c, t.tls)
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		if err := secure.HandshakeContext(ctx); err != nil {
			c.Close()
			return nil, fmt.Errorf("connect: %w", err)
		}
		c = secure
	}
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 4<<10)}, nil
}

// answer is what a gateway has said. Its body is valid until the next one is read.
type answer struct {
	status     int
	retryAfter time.Duration
	durability string
	body       []byte
	close      bool
}

// maxAnswer is more than any answer to a body of events has.
const maxAnswer = 16 << 20

// read reads an answer, and passes over those that are interim.
func (c *conn) read() (a answer, err error) {
	for {
		if a, err = c.readOne(); err != nil || a.status >= 200 {
			return a, err
		}
	}
}

func (c *conn) readOne() (a answer, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.")) || len(line) < len("HTTP/1.1 200") {
		return a, fmt.Errorf("status line %q", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, fmt.Errorf("status line %q", line)
	}
	old := line[len("HTTP/1.")] == '0'
	a.close = old
	length, chunked := int64(-1), false
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return a, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil || length < 0 || length > maxAnswer {
				return a, fmt.Errorf("header field %q", line)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			if old || !bytes.EqualFold(value, []byte("chunked")) {
				return a, fmt.Errorf("header field %q: where the body ends is not known", line) // RFC 9112, 6.1 and 6.3
			}
			chunked = true
		case bytes.EqualFold(name, []byte("Connection")):
			a.close = a.close || bytes.EqualFold(value, []byte("close"))
		case bytes.EqualFold(name, []byte("Parquay-Durability")):
			a.durability = durability(value)
		case bytes.EqualFold(name, []byte("Retry-After")):
			if seconds, err := strconv.Atoi(string(value)); err == nil && seconds > 0 {
				a.retryAfter = time.Duration(seconds) * time.Second
			}
		}
	}
	if a.status < 200 || a.status == 204 || a.status == 304 {
		return a, nil
	}
	switch {
	case chunked:
		err = c.readAll(httputil.NewChunkedReader(c.in))
		if err == nil {
			err = c.readTrailer()
		}
	case length >= 0:
		c.body = grow(c.body, int(length))
		_, err = io.ReadFull(c.in, c.body)
	default:
		a.close = true
		err = c.readAll(c.in)
	}
	a.body = c.body
	return a, err
}

// durability avoids an allocation for the levels that there are.
func durability(value []byte) string {
	switch string(value) {
	case "disk":
		return "disk"
	case "memory":
		return "memory"
	}
	return string(value)
}

func (c *conn) readAll(from io.Reader) (err error) {
	c.body, err = io.ReadAll(io.LimitReader(from, maxAnswer+1))
	if err == nil && len(c.body) > maxAnswer {
		err = errors.New("the answer is too long")
	}
	return err
}

// readTrailer reads the fields after the last chunk, and the empty line.
func (c *conn) readTrailer() error {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return nil
		}
	}
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
