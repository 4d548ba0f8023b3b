package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dial opens a connection to write raw requests to.
func (r *running) dial() (net.Conn, *bufio.Reader) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c, bufio.NewReader(c)
}

func head(length int, more ...string) string {
	return fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n", length, strings.Join(more, "\r\n")+strings.Repeat("\r\n", min(len(more), 1)))
}

func answer(t testing.TB, r *bufio.Reader) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res
}

// A client that waits for 100 Continue is refused before it has sent its body.
func TestExpectContinue(t *testing.T) {
	intake := newFakeIntake(t)
	full := true
	intake.reserve = func(int64) error {
		if full {
			return ErrTenantFull
		}
		return nil
	}
	s := start(t, testConfig(intake))
	c, r := s.dial()
	_, _ = io.WriteString(c, head(len(event), "Expect: 100-continue"))
	if res := answer(t, r); res.StatusCode != 429 {
		t.Errorf("status %d before the body, want 429", res.StatusCode)
	}

	full = false
	c, r = s.dial()
	_, _ = io.WriteString(c, head(len(event), "Expect: 100-continue"))
	if line, err := r.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = r.ReadString('\n')
	if intake.reserves() != 1 {
		t.Errorf("%d reservations at 100 Continue, want 1", intake.reserves())
	}
	_, _ = io.WriteString(c, event)
	if res := answer(t, r); res.StatusCode != 202 {
		t.Errorf("status %d, want 202", res.StatusCode)
	}
}

// A body that says it is too large is refused without waiting for it.
func TestTooLargeBeforeTheBody(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	c, r := s.dial()
	_, _ = io.WriteString(c, head(1<<40))
	if res := answer(t, r); res.StatusCode != 413 || !res.Close {
		t.Errorf("status %d, close %v", res.StatusCode, res.Close)
	}
	if intake.reserves() != 0 {
		t.Error("memory was reserved for it")
	}
}

func TestChunkedBody(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	c, r := s.dial()
	_, _ = io.WriteString(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	for range 200 {
		_, _ = fmt.Fprintf(c, "%x\r\n%s\r\n", len(event), event)
	}
	_, _ = io.WriteString(c, "0\r\n\r\n")
	if res := answer(t, r); res.StatusCode != 202 {
		t.Errorf("status %d", res.StatusCode)
	}
	if got := intake.rows()["events"]; got != 200 {
		t.Errorf("%d rows, want 200", got)
	}
	_, _ = io.WriteString(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
	if res := answer(t, r); res.StatusCode != 400 {
		t.Errorf("status %d for chunks that are none", res.StatusCode)
	}
}

// A client that breaks off loses its reservation and stores nothing.
func TestBodyBreaksOff(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	for _, sent := range []string{"", event, strings.Repeat(event, 1000)} {
		before := intake.reserves()
		c, _ := s.dial()
		_, _ = io.WriteString(c, head(200_000)+sent)
		eventually(t, "the request is admitted", func() bool { return intake.reserves() > before })
		_ = c.Close()
		intake.idle()
	}
	if len(intake.rows()) != 0 {
		t.Errorf("rows %v", intake.rows())
	}
}

// A client that leaves during its commit changes nothing about the batches, and
// its events are counted as of unknown fate.
func TestClientLeavesDuringCommit(t *testing.T) {
	intake := newFakeIntake(t)
	committing := make(chan struct{})
	intake.commit = func(ctx context.Context) error {
		close(committing)
		<-ctx.Done()
		return fmt.Errorf("wait for the journal: %w", ctx.Err())
	}
	s := start(t, testConfig(intake))
	c, _ := s.dial()
	_, _ = io.WriteString(c, head(len(event))+event)
	<-committing
	_ = c.Close()
	intake.idle()
	for range 50 { // reuse what the request put back: check then compares the batch
		s.do("POST", s.url+"/v1/events", strings.NewReader("["))
	}
	want := []string{
		`parquay_events_abandoned_total{table="events"} 1`,
		`parquay_events_accepted_total{table="events"} 0`,
		`parquay_http_requests_total{route="/v1/{table}",status="499"} 1`,
	}
	eventually(t, "the request is counted", func() bool {
		metrics := s.do("GET", s.admin+"/metrics", nil).body
		for _, line := range want {
			if !strings.Contains(metrics, line) {
				return false
			}
		}
		return true
	})
}

// pipes is a listener in memory, so that a bubble's clock governs its deadlines.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- newPiped(server)
	return client
}

// newPiped is a connection as the real listener makes it, over a pipe.
func newPiped(end net.Conn) *connection {
	c := newConnection(pipeEnd{end})
	c.release = func() {}
	return c
}

// pipeEnd can't be closed by halves.
type pipeEnd struct{ net.Conn }

func (pipeEnd) CloseWrite() error { return nil }

// bubble runs f with the event listener in memory and a clock of its own.
func bubble(t *testing.T, f func(t *testing.T, intake *fakeIntake, dial func() net.Conn)) {
	bubbleOf(t, func(t *testing.T, _ *Server, intake *fakeIntake, dial func() net.Conn) { f(t, intake, dial) })
}

// bubbleOf is bubble for who looks at the server as well.
func bubbleOf(t *testing.T, f func(t *testing.T, s *Server, intake *fakeIntake, dial func() net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		intake := newFakeIntake(t)
		s := newServer(t, testConfig(intake))
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- serve(s.events, l, "events") }()
		f(t, s, intake, l.dial)
		if err := s.StopAccepting(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A body may take as long as its bytes come at the least rate; a client that
// dribbles is cut off when its grace is used up, and gives back its memory.
func TestSlowBodies(t *testing.T) {
	const size = 512 << 10
	for name, test := range map[string]struct {
		bytesPerSecond int
		status         int
		within         time.Duration
	}{
		"at the least rate": {minBodyRate, 202, 17 * time.Second},
		"a bit too slow":    {minBodyRate / 3, 408, 16 * time.Second},
		"dribbling":         {1, 408, bodyGrace + time.Second},
		"silent":            {0, 408, bodyGrace + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, intake *fakeIntake, dial func() net.Conn) {
				c := dial()
				sent := make(chan struct{})
				defer func() { _ = c.Close(); <-sent }()
				started := time.Now()
				go func() {
					defer close(sent)
					_, _ = io.WriteString(c, head(size))
					body := append([]byte(event), strings.Repeat(" ", size-len(event))...)
					for test.bytesPerSecond > 0 && len(body) > 0 {
						n, err := c.Write(body[:min(len(body), test.bytesPerSecond)])
						if err != nil {
							return
						}
						body = body[n:]
						time.Sleep(time.Second)
					}
				}()
				res := answer(t, bufio.NewReader(c))
				took := time.Since(started)
				if res.StatusCode != test.status || took > test.within {
					t.Errorf("status %d after %v, want %d within %v", res.StatusCode, took, test.status, test.within)
				}
				if test.status == 408 && !res.Close {
					t.Error("the connection stays open although a body may still come")
				}
			})
		})
	}
}

// A disk that takes its time is not the client's fault: no deadline of the body or
// the answer may pass while the events are committed.
func TestSlowCommit(t *testing.T) {
	bubble(t, func(t *testing.T, intake *fakeIntake, dial func() net.Conn) {
		intake.commit = func(ctx context.Context) error {
			select {
			case <-time.After(10 * time.Minute):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		c := dial()
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, head(len(event))+event)
		if res := answer(t, bufio.NewReader(c)); res.StatusCode != 202 {
			t.Errorf("status %d", res.StatusCode)
		}
	})
}

// Connections that say nothing, or nothing whole, are closed in their time; so are
// those whose body nobody reads, and those that have been answered.
func TestIdleConnectionsAreClosed(t *testing.T) {
	for name, test := range map[string]struct {
		send  string
		after time.Duration
	}{
		"silent":               {"", readHeaderTimeout},
		"header does not end":  {"POST /v1/events HTTP/1.1\r\nHost:", readHeaderTimeout},
		"body nobody wants":    {"POST /v1/nope HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", bodyGrace},
		"idle after an answer": {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", idleTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *fakeIntake, dial func() net.Conn) {
				c := dial()
				defer func() { _ = c.Close() }()
				started := time.Now()
				_, _ = io.WriteString(c, test.send)
				_, _ = io.Copy(io.Discard, c)
				if took := time.Since(started); took < test.after || took > test.after+time.Second {
					t.Errorf("closed after %v, want %v", took, test.after)
				}
			})
		})
	}
}

// A client that never reads its answer can't hold its connection.
func TestUnreadAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, intake *fakeIntake, dial func() net.Conn) {
		c := dial()
		defer func() { _ = c.Close() }()
		_, _ = io.WriteString(c, head(len(event))+event)
		time.Sleep(answerTimeout + time.Second)
		synctest.Wait()
		// A pipe buffers nothing: whatever is read now was written too late.
		if got, _ := io.ReadAll(c); len(got) != 0 {
			t.Errorf("an answer after %v: %q", answerTimeout, got)
		}
		intake.idle()
	})
}

func TestHeaderIsBounded(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	if got := s.post(event, "X-Long", strings.Repeat("x", 8<<10)); got.status != 202 {
		t.Errorf("status %d for 8 KiB of header", got.status)
	}
	if got := s.post(event, "X-Long", strings.Repeat("x", 64<<10)); got.status != 431 {
		t.Errorf("status %d for 64 KiB of header", got.status)
	}
}
