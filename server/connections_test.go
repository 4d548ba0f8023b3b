package server

import (
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
		c, r := s.dial()
		ask(c)
		answer(t, r)
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
