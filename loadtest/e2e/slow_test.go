package e2e

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"parquay/loadtest/e2e/ledger"
)

// slowConnections is how many connections the slow clients hold.
const slowConnections = 10_000

// slow is a way to hold a connection and give nothing for it.
type slow struct {
	name  string
	begin string // what is sent at once
	byte  string // and then every second; "" nothing
	ends  bool   // whether the gateway must end it soon: idle connections are let be for two minutes
}

const postHead = "POST /v1/events HTTP/1.1\r\nHost: parquay\r\nContent-Type: application/json\r\n"

var slows = []slow{
	{"says nothing", "", "", true},
	{"stops in the request line", "POST /v1/ev", "", true},
	{"dribbles a header", postHead + "X-Slow: ", "a", true},
	{"dribbles header lines", postHead, "X-Slow: a\r\n", true},
	{"dribbles a body", postHead + "Content-Length: 1000000\r\n\r\n", "{", true},
	{"dribbles chunks", postHead + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n{\r\n", true},
	{"stops in a body", postHead + "Content-Length: 1000000\r\n\r\n{\"type\":", "", true},
	{"waits for 100 Continue", postHead + "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n", "", true},
	{"stops in the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\n", "", true},
	{"stays idle", "GET /healthz HTTP/1.1\r\nHost: parquay\r\n\r\n", "", false},
	{"stays idle in HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "", false},
}

// slowHandshakes never come to the end of a TLS handshake.
var slowHandshakes = []slow{
	{"says nothing", "", "", true},
	{"stops in the hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", true},
	{"dribbles a hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "a", true},
	{"speaks no TLS", postHead, "", true},
}

// TestSlowConnections opens 10,000 connections that send too slowly, or nothing.
// Those in the middle of a request are closed, the idle ones where there is no room,
// the memory keeps its bound, and an honest client beside them loses nothing (I6).
func TestSlowConnections(t *testing.T) {
	for _, c := range []struct{ name, cap string }{
		{"within the cap", "16384"},
		{"beyond the cap", "4096"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, append(attackedEnv, "PARQUAY_MAX_CONNECTIONS="+c.cap)...)
			s.start()
			s.besiege(slows, &ledger.Client{})
		})
	}
	t.Run("TLS", func(t *testing.T) {
		s := newSite(t, attackedEnv...)
		authority := s.useTLS()
		s.start()
		s.besiege(slowHandshakes, &ledger.Client{TLS: authority.client()})
	})
}

// besiege holds slow connections of all kinds in equal numbers, until the gateway
// has ended those that it must, beside an honest client.
func (s *site) besiege(kinds []slow, honest *ledger.Client) {
	s.Helper()
	s.needFiles(slowConnections)
	honest.Rate = number(s.T, "E2E_RATE", 20000)
	l := s.loadOf("default", s.seed, honest)
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })

	ctx, cancel := context.WithCancel(s.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	var opened, ended atomic.Int64
	must := int64(0)
	for i := range slowConnections {
		kind := kinds[i%len(kinds)]
		if kind.ends {
			must++
		}
		clients.Go(func() {
			hold(ctx, s.address(), kind, &opened)
			if kind.ends {
				ended.Add(1)
			}
		})
	}
	s.await("slow clients are connected", flushWithin, func() bool { return opened.Load() >= slowConnections/2 })
	s.await("slow requests are ended", flushWithin, func() bool { return ended.Load() == must })
	s.Logf("%d of %d connections were opened, %d were ended by the gateway", opened.Load(), slowConnections, ended.Load())
	before := l.accepted()
	s.await("events are accepted in the end", flushWithin, func() bool { return l.accepted() > before+1000 })
	l.end()
	s.honest(10, honest.TLS) // on connections of their own
	s.withinMemory()
	cancel()
	clients.Wait()
}

// hold keeps a slow connection until the gateway, or ctx, ends it.
func hold(ctx context.Context, address string, kind slow, opened *atomic.Int64) {
	var c net.Conn
	for c == nil {
		var err error
		if c, err = (&net.Dialer{}).DialContext(ctx, "tcp", address); ctx.Err() != nil {
			return
		} else if err != nil {
			time.Sleep(unhurried) // the backlog is full
		}
	}
	defer c.Close()
	opened.Add(1)
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if _, err := io.WriteString(c, kind.begin); err != nil {
		return
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.Discard, c) // an answer, and the end
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			if _, err := io.WriteString(c, kind.byte); err != nil {
				<-over
				return
			}
		}
	}
}

// needFiles skips the test where a process may not open so many files.
func (s *site) needFiles(n int) {
	s.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		s.Fatal(err)
	}
	if int(limit.Max) < n+1000 { // Go raises its own limit, and the gateway's, to Max
		s.Skipf("a process may open %d files here, and %d are needed: ulimit -Hn", limit.Max, n+1000)
	}
}
