// A connection for events, whose deadlines and idle reads cost next to nothing.

package server

import (
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
// request with one event costs, nearly always for nothing: see deadline.
type connection struct {
	socket
	idle    atomic.Int64 // since when, in Unix nanoseconds; 0 while it is not
	release func()

	read, write deadline
}

// socket is a *net.TCPConn, or in tests a pipe. CloseWrite lets a client read the
// refusal of a body that it is still sending.
type socket interface {
	net.Conn
	CloseWrite() error
}

func newConnection(s socket) *connection {
	c := &connection{socket: s}
	c.read.init(s.SetReadDeadline)
	c.write.init(s.SetWriteDeadline)
	return c
}

// Read waits a while before it looks for a single byte, which nobody asks for who
// expects one. Like net/http and crypto/tls, call it once at a time.
func (c *connection) Read(p []byte) (int, error) {
	if len(p) == 1 && !c.read.waitToMove() {
		return 0, os.ErrDeadlineExceeded
	}
	c.read.arm()
	for {
		n, err := c.socket.Read(p)
		if !expired(err) || !c.read.extend() {
			return n, err
		}
	}
}

func (c *connection) Write(p []byte) (n int, err error) {
	for {
		var more int
		more, err = c.socket.Write(p[n:])
		n += more
		if !expired(err) || !c.write.extend() {
			return n, err
		}
	}
}

func expired(err error) bool { return err != nil && errors.Is(err, os.ErrDeadlineExceeded) }

// SetDeadline sets both. On a closed connection none of the three needs to fail: what
// is read or written then does.
func (c *connection) SetDeadline(t time.Time) error {
	return errors.Join(c.read.move(t), c.write.move(t))
}

func (c *connection) SetReadDeadline(t time.Time) error  { return c.read.move(t) }
func (c *connection) SetWriteDeadline(t time.Time) error { return c.write.move(t) }

func (c *connection) Close() error {
	defer c.release()
	defer c.read.rouse()
	return c.socket.Close()
}

// patience is how long the read of a single byte waits: longer than most requests
// take, so that it never looks, and not so long that a client that has left would be
// waited for.
const patience = 100 * time.Millisecond

// deadline is when reads, or writes, fail. The runtime is told of one that is no
// later. Where that passes first the call goes on, with the one that is wanted by
// then: so a deadline that is moved on a thousand times a second is set once.
type deadline struct {
	set func(time.Time) error // tells the runtime

	mu      sync.Mutex
	wanted  time.Time   // zero for none
	armed   time.Time   // what the runtime was told
	waiting bool        // waitToMove is
	roused  sync.Cond   // waiting has become false
	timer   *time.Timer // ends the wait; nil before the first
}

func (d *deadline) init(set func(time.Time) error) {
	d.set = set
	d.roused.L = &d.mu
}

// move sets the deadline, also that of a call under way.
func (d *deadline) move(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.waiting {
		d.rouseLocked() // if it reads on, it will arm it
		return nil
	}
	return d.armLocked()
}

// arm is called before a read: until then a deadline may not have been armed because
// nobody but waitToMove needed it.
func (d *deadline) arm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.armLocked() // fails on a closed connection, as the read will
}

// extend says whether a call that the armed deadline has ended may go on.
func (d *deadline) extend() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.passedLocked() {
		return false
	}
	d.armed = d.wanted
	return d.set(d.wanted) == nil
}

// waitToMove waits until the deadline is moved or passes, but not beyond patience,
// and says whether there is still time then.
func (d *deadline) waitToMove() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait := patience
	if !d.wanted.IsZero() {
		wait = min(wait, time.Until(d.wanted))
	}
	if wait <= 0 {
		return false
	}
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, d.rouse)
	} else {
		d.timer.Reset(wait)
	}
	for d.waiting = true; d.waiting; {
		d.roused.Wait()
	}
	d.timer.Stop()
	return !d.passedLocked()
}

func (d *deadline) rouse() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rouseLocked()
}

func (d *deadline) rouseLocked() {
	d.waiting = false
	d.roused.Broadcast()
}

// armLocked tells the runtime, unless what it was told comes first.
func (d *deadline) armLocked() error {
	if d.wanted.IsZero() || (!d.armed.IsZero() && !d.wanted.Before(d.armed)) {
		return nil
	}
	d.armed = d.wanted
	return d.set(d.wanted)
}

func (d *deadline) passedLocked() bool {
	return !d.wanted.IsZero() && !time.Now().Before(d.wanted)
}
