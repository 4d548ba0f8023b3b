// The cap on connections for events.

package server

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// leastIdle is how long a connection must have been idle before it is closed to make
// room: a client that sends one request after the other never is so long.
const leastIdle = time.Second

// connections is a listener that accepts a bounded number of connections at a
// time. Further ones wait in the kernel's backlog, where they cost this process
// neither memory nor a descriptor, until one ends (I6). When there is no room, the
// one that is idle for the longest is closed, so that nobody can keep others out by
// doing nothing.
type connections struct {
	*net.TCPListener
	slots   chan struct{} // one for each connection that may be open
	metrics *gateMetrics
	close   func() error
	closed  chan struct{} // ends an Accept that waits for a slot

	mu struct {
		sync.Mutex
		open map[*connection]struct{}
	}
}

func limitConnections(l *net.TCPListener, most int, m *gateMetrics) *connections {
	c := &connections{TCPListener: l, slots: make(chan struct{}, most), metrics: m, closed: make(chan struct{})}
	c.mu.open = map[*connection]struct{}{}
	c.close = sync.OnceValue(func() error {
		close(c.closed)
		return l.Close()
	})
	return c
}

// Accept waits for a slot, then for a connection.
func (l *connections) Accept() (net.Conn, error) {
	if !l.slot() {
		return nil, net.ErrClosed
	}
	c, err := l.AcceptTCP()
	if err != nil {
		<-l.slots
		return nil, err
	}
	l.metrics.connections.Inc()
	opened := newConnection(c)
	opened.release = sync.OnceFunc(func() {
		l.mu.Lock()
		delete(l.mu.open, opened)
		l.mu.Unlock()
		l.metrics.connections.Dec()
		<-l.slots
	})
	l.mu.Lock()
	l.mu.open[opened] = struct{}{}
	l.mu.Unlock()
	return opened, nil
}

// slot waits for one. It is false once the listener is closed.
func (l *connections) slot() bool {
	select {
	case l.slots <- struct{}{}:
		return true
	default:
	}
	l.metrics.connectionsFull.Inc()
	tick := time.NewTicker(leastIdle / 4)
	defer tick.Stop()
	for {
		l.shed(time.Now().Add(-leastIdle))
		select {
		case l.slots <- struct{}{}:
			return true
		case <-tick.C:
		case <-l.closed:
			return false
		}
	}
}

// shed closes the connection that is idle for the longest, if it was before the time
// given. A request that is on its way on it at that very moment is lost, as it may be
// wherever a server ends idle connections, and its client sends it again.
func (l *connections) shed(before time.Time) {
	var longest *connection
	least := before.UnixNano()
	l.mu.Lock()
	for c := range l.mu.open {
		if since := c.idle.Load(); since != 0 && since < least {
			longest, least = c, since
		}
	}
	l.mu.Unlock()
	if longest != nil {
		_ = longest.Close() // what matters is that its slot is free
	}
}

// noteIdle is an http.Server's ConnState.
func noteIdle(c net.Conn, state http.ConnState) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if c, ok := c.(*connection); ok {
		since := int64(0)
		if state == http.StateIdle {
			since = time.Now().UnixNano()
		}
		c.idle.Store(since)
	}
}

func (l *connections) Close() error { return l.close() }
