// The cap on connections for events.

package server

import (
	"net"
	"sync"
)

// connections is a listener that accepts a bounded number of connections at a
// time. Further ones wait in the kernel's backlog, where they cost this process
// neither memory nor a descriptor, until one ends (I6).
type connections struct {
	*net.TCPListener
	slots   chan struct{} // one for each connection that may be open
	metrics *gateMetrics
	close   func() error
	closed  chan struct{} // ends an Accept that waits for a slot
}

func limitConnections(l *net.TCPListener, most int, m *gateMetrics) *connections {
	c := &connections{TCPListener: l, slots: make(chan struct{}, most), metrics: m, closed: make(chan struct{})}
	c.close = sync.OnceValue(func() error {
		close(c.closed)
		return l.Close()
	})
	return c
}

// Accept waits for a slot, then for a connection.
func (l *connections) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	default:
		l.metrics.connectionsFull.Inc()
		select {
		case l.slots <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
	c, err := l.AcceptTCP()
	if err != nil {
		<-l.slots
		return nil, err
	}
	l.metrics.connections.Inc()
	return &connection{TCPConn: c, release: sync.OnceFunc(func() {
		l.metrics.connections.Dec()
		<-l.slots
	})}, nil
}

func (l *connections) Close() error { return l.close() }

// connection gives its slot back when it is closed. It embeds the TCP connection
// itself, since net/http asks for more of it than a net.Conn has: CloseWrite lets
// a client read the refusal of a body that it is still sending.
type connection struct {
	*net.TCPConn
	release func()
}

func (c *connection) Close() error {
	defer c.release()
	return c.TCPConn.Close()
}
