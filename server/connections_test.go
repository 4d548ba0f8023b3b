package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Over the cap, connections wait until others end; the admin listener has none.
func TestConnectionsAreCapped(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	cfg.MaxConnections = 3
	s := start(t, cfg)
	metric := func(line string) bool {
		return strings.Contains(s.do("GET", s.admin+"/metrics", nil).body, "\n"+line+"\n")
	}
	ask := func(c net.Conn) {
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	var open []net.Conn
	for range 3 {
		c, _ := s.dialBusy() // an idle one would make room
		open = append(open, c)
	}
	waiting, r := s.dial() // into the backlog
	ask(waiting)
	eventually(t, "the cap is reached", func() bool { return metric("parquay_connections_full_total 1") })
	if !metric("parquay_connections 3") {
		t.Error("not 3 connections are counted")
	}
	answered := make(chan error, 1)
	go func() {
		res, err := http.ReadResponse(r, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("an answer beyond the cap (%v)", err)
	default:
	}
	_ = open[0].Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	for _, c := range append(open[1:], waiting) {
		_ = c.Close()
	}
	eventually(t, "no connection is counted", func() bool { return metric("parquay_connections 0") })
}

// dialBusy opens a connection in the middle of a request: its body, which is
// {"type":"a.b"}, is still to come, after less than the grace that it has.
func (r *running) dialBusy() (net.Conn, *bufio.Reader) {
	r.t.Helper()
	c, answers := r.dial()
	if _, err := io.WriteString(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		r.t.Fatal(err)
	}
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		r.t.Fatalf("%q, %v", line, err)
	}
	if _, err := answers.ReadString('\n'); err != nil {
		r.t.Fatal(err)
	}
	return c, answers
}

// idle counts the connections that are.
func (l *connections) idle() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.mu.open {
		if c.idle.Load() != 0 {
			n++
		}
	}
	return n
}

// A server whose listener waits for a slot stops all the same.
func TestStopAtTheCap(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	cfg.MaxConnections = 1
	s := start(t, cfg)
	c, r := s.dial()
	_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	answer(t, r)
	eventually(t, "the listener waits", func() bool {
		return strings.Contains(s.do("GET", s.admin+"/metrics", nil).body, "\nparquay_connections_full_total 1\n")
	})
	// start's cleanup stops it.
}

// At the cap, the connection that is idle for the longest makes room, and none that
// is in the middle of a request does.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	cfg.MaxConnections = 3
	s := start(t, cfg)
	busy, busyAnswers := s.dialBusy()
	write := func(c net.Conn, text string) {
		t.Helper()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	idle, idleAnswers := s.dial()
	write(idle, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	answer(t, idleAnswers)
	eventually(t, "the connection counts as idle", func() bool { return s.eventsListener.(*connections).idle() == 1 })
	later, laterAnswers := s.dial()
	write(later, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	answer(t, laterAnswers)

	if _, err := idleAnswers.ReadByte(); err != io.EOF { // without anybody who waits: one place is kept free
		t.Errorf("the connection idle for the longest: %v", err)
	}
	fresh, freshAnswers := s.dial()
	write(fresh, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	answer(t, freshAnswers)
	write(busy, `{"type":"a.b"}`)
	if res := answer(t, busyAnswers); res.StatusCode != http.StatusAccepted {
		t.Errorf("the busy connection was answered %d", res.StatusCode)
	}
	for _, c := range []net.Conn{busy, idle, later, fresh} {
		_ = c.Close()
	}
}

// What net/http asks of a connection beyond a net.Conn: it closes its own half
// first, so that a client can read why its body is refused.
var _ interface{ CloseWrite() error } = (*connection)(nil)
