// A connection for events, whose deadlines and idle reads cost next to nothing.

package server

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// connection gives its slot back when it is closed.
//
// Net/http moves a connection's deadlines eight times a request, and for as long as
// a handler runs it has a goroutine read one byte, to notice a client that leaves. To
// tell the kernel and the runtime's timers of all that would be a tenth of what a
// request with one event costs, nearly always for nothing: see deadline and lookout.
type connection struct {
	socket
	idle    atomic.Int64 // since when, in Unix nanoseconds; 0 while it is not
	release func()

	read, write deadline
	lookout     lookout

	// Of whoever reads.
	http1   bool // what the client speaks, by its first bytes
	preface int  // how many of them could begin HTTP/2 as well
}

// socket is a *net.TCPConn, or in tests a pipe. CloseWrite lets a client read the
// refusal of a body that it is still sending.
type socket interface {
	net.Conn
	CloseWrite() error
}

func newConnection(s socket) *connection {
	c := &connection{socket: s}
	c.read.set, c.write.set = s.SetReadDeadline, s.SetWriteDeadline
	c.lookout.init(s, &c.read)
	return c
}

// requests is a context for the connection's requests: it ends when their client has
// left.
func (c *connection) requests(ctx context.Context) context.Context {
	ctx, c.lookout.left = context.WithCancel(ctx)
	return ctx
}

// Read returns nothing where net/http begins to look for a client that leaves: over
// HTTP/1.1 nothing else reads a single byte without a deadline. Like net/http and
// crypto/tls, call it once at a time.
func (c *connection) Read(p []byte) (n int, err error) {
	if len(p) == 1 && c.http1 && c.read.none() {
		c.lookout.begin()
		return 0, nil
	}
	if seen, ok := c.lookout.end(); ok {
		p[0] = seen
		return 1, nil
	}
	n, err = c.read.call(c.socket.Read, p)
	if !c.http1 {
		c.listen(p[:n])
	}
	return n, err
}

// listen finds out what the client speaks. HTTP/2 has bytes read one by one that are
// a frame's last.
func (c *connection) listen(p []byte) {
	const preface = "PRI *"
	for i := 0; i < len(p) && c.preface < len(preface) && !c.http1; i++ {
		c.http1 = p[i] != preface[c.preface]
		c.preface++
	}
}

func (c *connection) Write(p []byte) (int, error) { return c.write.call(c.socket.Write, p) }

// SetDeadline sets both. On a closed connection none of the three needs to fail: what
// is read or written then does.
func (c *connection) SetDeadline(t time.Time) error {
	return errors.Join(c.read.move(t), c.write.move(t))
}

func (c *connection) SetReadDeadline(t time.Time) error  { return c.read.move(t) }
func (c *connection) SetWriteDeadline(t time.Time) error { return c.write.move(t) }

func (c *connection) Close() error {
	defer c.release()
	defer c.lookout.close()
	return c.socket.Close()
}

// deadline is when reads, or writes, fail. The runtime is told of one that is no
// later, and only for a call. Where that passes first the call goes on, with the one
// that is wanted by then: so a deadline that is moved on a thousand times a second is
// set once.
type deadline struct {
	set func(time.Time) error // tells the runtime

	mu     sync.Mutex
	wanted time.Time // zero for none
	armed  time.Time // what the runtime was told
	calls  int       // under way
}

// call reads to p, or writes it.
func (d *deadline) call(do func([]byte) (int, error), p []byte) (n int, err error) {
	if !d.begin() {
		return 0, os.ErrDeadlineExceeded
	}
	defer d.end()
	for {
		var more int
		more, err = do(p[n:])
		n += more
		if !expired(err) || !d.extend() {
			return n, err
		}
	}
}

func expired(err error) bool { return err != nil && errors.Is(err, os.ErrDeadlineExceeded) }

// begin says whether there is time for a call.
func (d *deadline) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lateLocked() {
		if d.passedLocked() {
			return false
		}
		_ = d.armLocked() // fails on a closed connection, as the call will
	}
	d.calls++
	return true
}

func (d *deadline) end() {
	d.mu.Lock()
	d.calls--
	d.mu.Unlock()
}

// none says that there is no deadline.
func (d *deadline) none() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wanted.IsZero()
}

// move sets the deadline, also that of a call under way.
func (d *deadline) move(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.calls > 0 && d.lateLocked() {
		return d.armLocked()
	}
	return nil
}

// extend says whether a call that the armed deadline has ended may go on.
func (d *deadline) extend() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.passedLocked() && d.armLocked() == nil
}

// interrupt has a read under way that is none of call's end, to be extended.
func (d *deadline) interrupt() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed = time.Unix(1, 0)
	_ = d.set(d.armed) // fails on a closed connection, as the call does
}

// lateLocked says that what the runtime was told comes too late.
func (d *deadline) lateLocked() bool {
	return !d.wanted.IsZero() && (d.armed.IsZero() || d.wanted.Before(d.armed))
}

func (d *deadline) armLocked() error {
	d.armed = d.wanted
	return d.set(d.wanted)
}

func (d *deadline) passedLocked() bool {
	return !d.wanted.IsZero() && !time.Now().Before(d.wanted)
}
