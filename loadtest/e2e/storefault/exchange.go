package storefault

// This file is one request with its connection, down to the bytes.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// exchange is a request and the way back.
type exchange struct {
	proxy   *Proxy
	w       http.ResponseWriter
	r       *http.Request
	verdict string // its name
	body    []byte // of one that is held
	status  int    // the store's last answer; 0: none
	counted bool   // as in flight
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	length int64 // of the body that a HEAD is told
	body   []byte
}

// step is how often something slow moves.
const step = 50 * time.Millisecond

// read reads the request's body, at rate bytes a second unless that is 0.
func (e *exchange) read(rate int) ([]byte, error) {
	if rate == 0 {
		return io.ReadAll(e.r.Body)
	}
	var body bytes.Buffer
	for {
		_, err := io.CopyN(&body, e.r.Body, portion(rate))
		if err == io.EOF {
			return body.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		if err := e.pause(); err != nil {
			return nil, err
		}
	}
}

// portion is what moves in a step.
func portion(rate int) int64 { return max(1, int64(rate)*int64(step)/int64(time.Second)) }

// pause waits for a step, unless the proxy ends.
func (e *exchange) pause() error {
	select {
	case <-time.After(step):
		return nil
	case <-e.proxy.quit:
		return errGone
	}
}

// answer sends an answer, its body at rate bytes a second unless that is 0.
func (e *exchange) answer(a *reply, rate int) {
	e.over()
	header := e.w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	length := int64(len(a.body))
	if e.r.Method == http.MethodHead {
		length = a.length
	}
	if length >= 0 && a.status != http.StatusNoContent {
		header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	e.w.WriteHeader(a.status)
	if rate == 0 {
		_, _ = e.w.Write(a.body) // a client that is gone wants nothing
		return
	}
	for rest := a.body; len(rest) > 0; {
		n := min(int(portion(rate)), len(rest))
		if _, err := e.w.Write(rest[:n]); err != nil {
			return
		}
		if http.NewResponseController(e.w).Flush() != nil || e.pause() != nil {
			return
		}
		rest = rest[n:]
	}
}

// bytes is the answer as it goes over the wire.
func (a *reply) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	header := a.header.Clone()
	header.Set("Content-Length", strconv.FormatInt(max(a.length, int64(len(a.body))), 10))
	_ = header.Write(&b) // a Buffer takes everything
	b.WriteString("\r\n")
	b.Write(a.body)
	return b.Bytes()
}

// over says that the client is about to know.
func (e *exchange) over() {
	e.proxy.note(e)
	e.proxy.leave(e)
}

// hijack takes the connection from the server. The caller closes it.
func (e *exchange) hijack() (*net.TCPConn, *bufio.ReadWriter) {
	c, buffered, err := http.NewResponseController(e.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // it ends all the same
	}
	return c.(*net.TCPConn), buffered
}

// reset ends the connection without a word.
func (e *exchange) reset() {
	e.over()
	c, _ := e.hijack()
	_ = c.SetLinger(0) // a reset, not an end
	c.Close()
}

// raw sends bytes that may be no answer, and ends the connection.
func (e *exchange) raw(content []byte) {
	e.over()
	c, _ := e.hijack()
	defer c.Close()
	_, _ = c.Write(content) // a client that is gone wants nothing
}

// silence reads whatever comes until the client or the proxy ends, or until Break.
func (e *exchange) silence() {
	broken := e.proxy.broken()
	c, buffered := e.hijack()
	defer e.proxy.hush(e, c)()
	e.proxy.note(e)
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.Discard, buffered)
	}()
	select {
	case <-over:
	case <-e.proxy.quit:
	case <-broken:
		e.proxy.leave(e)
	}
	c.Close()
	<-over
}

// gone says whether the other end of a connection is closed, which who reads from it may
// not have been told yet, and all that it had sent is read.
func gone(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	var closed bool
	err = raw.Control(func(fd uintptr) { // Read would wait for who reads
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = n == 0 && err == nil || err == syscall.ECONNRESET
	})
	return err != nil || closed
}
