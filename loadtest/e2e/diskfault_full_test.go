//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"parquay/loadtest/e2e/disk"
)

// TestDiskFull fills the disk and empties it again: 503 with Retry-After before a body
// is read, and events are accepted again by themselves.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	d := disk.New(t, 1<<30)
	s := newSite(t)
	s.keep(d.Dir)
	s.keepFiles(s.work)
	s.start()
	l := s.gently()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })

	d.Fill(100 << 20)
	s.await("answers say that the disk is full", flushWithin, func() bool {
		return l.answered(http.StatusServiceUnavailable) > connections
	})
	if status, body := s.ready(); status != http.StatusServiceUnavailable || !strings.Contains(body, "full") {
		t.Errorf("/readyz answers %d %q", status, body)
	}
	before := l.accepted()
	s.refusesBeforeTheBody()
	if after := l.accepted(); after != before {
		t.Errorf("%d events were accepted while the disk was full", after-before)
	}

	d.Empty()
	s.await("events are accepted again", flushWithin, func() bool { return l.accepted() > before+1000 })
	if status, body := s.ready(); status != http.StatusOK {
		t.Errorf("/readyz answers %d %q", status, body)
	}
	l.end()
	s.drain()
	s.check(l)
}

// refusesBeforeTheBody announces a body and expects 503 without having sent any of it,
// and without having been asked for it.
func (s *site) refusesBeforeTheBody() {
	s.Helper()
	c, err := net.DialTimeout("tcp", s.address(), startWithin)
	if err != nil {
		s.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(flushWithin)); err != nil {
		s.Fatal(err)
	}
	fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body) // for the message
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		s.Errorf("before the body: %s, Retry-After %q: %s", response.Status, response.Header.Get("Retry-After"), text)
	}
}

// TestDiskFullAtOnce takes the last byte of the disk faster than the gateway looks at
// it, and starts the next one while there is still nothing: what was acknowledged is
// put into the bucket, nothing is accepted, and that ends by itself.
func TestDiskFullAtOnce(t *testing.T) {
	t.Parallel()
	d := disk.New(t, 1<<30)
	s := newSite(t)
	s.keep(d.Dir)
	s.keepFiles(s.work)
	l := s.gently()
	for range times(t, "E2E_FULL_DISKS", 2, 30) {
		s.start()
		before := l.accepted()
		s.await("events are accepted", startWithin, func() bool { return l.accepted() > before+500 })
		d.Fill(0)
		refused := l.answered(http.StatusServiceUnavailable)
		s.await("the disk is full", flushWithin, func() bool {
			return l.answered(http.StatusServiceUnavailable) > refused+connections || s.ended()
		})
		s.kill()
		s.start503()
		before = l.accepted()
		s.await("the journal is empty", flushWithin, func() bool { return len(s.journal()) == 0 })
		if after := l.accepted(); after != before {
			t.Errorf("%d events were accepted while the disk was full", after-before)
		}
		d.Empty()
		s.await("events are accepted again", flushWithin, func() bool { return l.accepted() > before+500 })
		s.kill()
	}
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

// TestInodesFull has the disk run out of inodes and not of bytes, after which no segment
// can be begun: it is full all the same.
func TestInodesFull(t *testing.T) {
	t.Parallel()
	d := disk.New(t, 1<<30, "-N", "400")
	s := newSite(t)
	s.keep(d.Dir)
	s.keepFiles(s.work)
	s.start()
	l := s.gently()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })
	names := d.FillNames(50)
	s.await("answers say that the disk is full", flushWithin, func() bool {
		return l.answered(http.StatusServiceUnavailable) > connections
	})
	if s.ended() {
		t.Error("the gateway ended")
	}
	if err := os.RemoveAll(names); err != nil {
		t.Fatal(err)
	}
	before := l.accepted()
	s.await("events are accepted again", flushWithin, func() bool { return l.accepted() > before+1000 })
	l.end()
	s.drain()
	s.check(l)
}

// start503 starts a gateway that serves and is not ready.
func (s *site) start503() {
	s.Helper()
	if err := s.tryStart(s.Context()); err != nil {
		s.Fatal(err)
	}
	if status, body := s.ready(); status != http.StatusServiceUnavailable {
		s.Errorf("/readyz answers %d %q", status, body)
	}
}
