// The bounds on time and size, over every protocol that is spoken.

package server

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// protocol is a way to speak to the listener for events.
type protocol struct{ tls, http2 bool }

func (p protocol) String() string {
	return [...][2]string{{"h1", "h1+tls"}, {"h2c", "h2+tls"}}[index(p.http2)][index(p.tls)]
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

var protocols = []protocol{{false, false}, {true, false}, {false, true}, {true, true}}

// overEach runs f in a bubble for each protocol. dial opens a connection in memory,
// with its handshake done, on which what is written waits to be read as connect has
// it.
func overEach(t *testing.T, connect func() (ours, theirs net.Conn), f func(t *testing.T, p protocol, intake *fakeIntake, dial func() net.Conn)) {
	a := newAuthority(t)
	files := a.tlsFiles()
	for _, p := range protocols {
		t.Run(p.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				intake := newFakeIntake(t)
				cfg := testConfig(intake)
				trust := &tls.Config{RootCAs: a.pool(), ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}}
				if p.tls {
					cfg.TLS = files
				}
				if p.http2 {
					trust.NextProtos = []string{"h2"}
				}
				s := newServer(t, cfg)
				l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
				done := make(chan error, 1)
				go func() { done <- serve(s.events, l, "events") }()
				f(t, p, intake, func() net.Conn {
					c, theirs := connect()
					l.conns <- theirs
					if !p.tls {
						return c
					}
					over := tls.Client(c, trust)
					if err := over.HandshakeContext(t.Context()); err != nil {
						t.Fatal(err)
					}
					return over
				})
				if err := s.StopAccepting(t.Context()); err != nil {
					t.Error(err)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// client is an HTTP client over connections that dial opens. It reports when the
// last of them was closed by the server.
func client(p protocol, dial func() net.Conn) (*http.Client, *sync.WaitGroup) {
	var open sync.WaitGroup
	open1 := func() net.Conn {
		open.Add(1)
		return &watched{Conn: dial(), closed: sync.OnceFunc(open.Done)}
	}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!p.http2)
	transport.Protocols.SetUnencryptedHTTP2(p.http2)
	transport.DialContext = inMemory(open1)
	return &http.Client{Transport: transport}, &open
}

// memory is a connection whose writes never wait, as those to a kernel with room.
func memory() (a, b net.Conn) {
	one, other := newStream(), newStream()
	return &memoryConn{one, other}, &memoryConn{other, one}
}

type memoryConn struct{ in, out *stream }

func (c *memoryConn) Read(p []byte) (int, error)         { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error)        { return c.out.write(p) }
func (c *memoryConn) Close() error                       { c.in.close(); c.out.close(); return nil }
func (c *memoryConn) LocalAddr() net.Addr                { return &net.TCPAddr{} }
func (c *memoryConn) RemoteAddr() net.Addr               { return &net.TCPAddr{} }
func (c *memoryConn) SetReadDeadline(at time.Time) error { c.in.until(at); return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error   { return nil }
func (c *memoryConn) SetDeadline(at time.Time) error     { c.in.until(at); return nil }

// stream is one direction of a memoryConn.
type stream struct {
	mu       sync.Mutex
	changed  *sync.Cond
	unread   []byte
	closed   bool
	deadline time.Time
	alarm    *time.Timer
}

func newStream() *stream {
	s := new(stream)
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case !s.deadline.IsZero() && !time.Now().Before(s.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(s.unread) > 0:
			n := copy(p, s.unread)
			s.unread = s.unread[n:]
			return n, nil
		case s.closed:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	s.unread = append(s.unread, p...)
	s.changed.Broadcast()
	return len(p), nil
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.alarm != nil {
		s.alarm.Stop()
	}
	s.changed.Broadcast()
}

// until ends reads at a time, a past one at once.
func (s *stream) until(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = at
	if s.alarm != nil {
		s.alarm.Stop()
	}
	if !at.IsZero() {
		s.alarm = time.AfterFunc(time.Until(at), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed.Broadcast()
		})
	}
	s.changed.Broadcast()
}

// watched is a connection that tells when its reading ends.
type watched struct {
	net.Conn
	closed func()
}

func (c *watched) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.closed()
	}
	return n, err
}

// The frames of HTTP/2 that the tests need (RFC 9113, section 6).
const (
	frameData, frameHeaders, frameReset, frameSettings, framePing, frameAway = 0, 1, 3, 4, 6, 7
	flagEnd, flagHeadersEnd                                                  = 1, 4
	preface                                                                  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

func frame(kind, flags byte, stream uint32, payload string) string {
	header := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:]
	header = binary.BigEndian.AppendUint32(append(header, kind, flags), stream)
	return string(header) + payload
}

// headerBlock is a header of HPACK without any compression but the static table's names.
func headerBlock(method byte, path string) string {
	return string([]byte{method, 0x86, 0x04, byte(len(path))}) + path + "\x01\x01x"
}

const post2 = 0x83 // :method POST

// frames reads frames until the connection ends, answers none, and hands over those
// of a kind.
func frames(c net.Conn, seen func(kind byte, payload []byte)) {
	var header [9]byte
	for {
		if _, err := io.ReadFull(c, header[:]); err != nil {
			return
		}
		payload := make([]byte, int(header[0])<<16|int(header[1])<<8|int(header[2]))
		if _, err := io.ReadFull(c, payload); err != nil {
			return
		}
		seen(header[3], payload)
	}
}

// A connection that says nothing, or not all of a header, is closed in its time.
func TestSlowHeaderOverEach(t *testing.T) {
	const firstPing = 3*readHeaderTimeout + readHeaderTimeout // and its answer
	for name, test := range map[string]struct {
		http1, http2 string
		after        map[bool]time.Duration // by protocol.http2
	}{
		"nothing": {"", preface + frame(frameSettings, 0, 0, ""), map[bool]time.Duration{false: readHeaderTimeout, true: firstPing}},
		"half a header": {
			"POST /v1/events HTTP/1.1\r\nHost:",
			preface + frame(frameSettings, 0, 0, "") + frame(frameHeaders, 0, 1, headerBlock(post2, "/v1/events")), // continued never
			map[bool]time.Duration{false: readHeaderTimeout, true: firstPing},
		},
		"half a preface": {"PR", "PRI * HTTP/2", map[bool]time.Duration{false: readHeaderTimeout, true: 2 * readHeaderTimeout}},
	} {
		t.Run(name, func(t *testing.T) {
			overEach(t, memory, func(t *testing.T, p protocol, _ *fakeIntake, dial func() net.Conn) {
				c := dial()
				defer func() { _ = c.Close() }()
				started := time.Now()
				text := test.http1
				if p.http2 {
					text = test.http2
				}
				go func() { _, _ = io.WriteString(c, text) }()
				_, _ = io.Copy(io.Discard, c)
				if took := time.Since(started); took > test.after[p.http2]+time.Second {
					t.Errorf("closed after %v, want %v", took, test.after[p.http2])
				}
			})
		})
	}
}

// A body has its time, whatever it is sent over; the answer is the same.
func TestSlowBodyOverEach(t *testing.T) {
	const size = 512 << 10
	for name, test := range map[string]struct {
		perSecond int
		status    int
		within    time.Duration
	}{
		"at the least rate": {minBodyRate, 202, 17 * time.Second},
		"dribbling":         {1, 408, bodyGrace + time.Second},
		"silent":            {0, 408, bodyGrace + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			overEach(t, memory, func(t *testing.T, p protocol, intake *fakeIntake, dial func() net.Conn) {
				c, _ := client(p, dial)
				defer c.CloseIdleConnections()
				started := time.Now()
				body := newSlowBody(size, test.perSecond)
				defer body.close()
				r, err := http.NewRequestWithContext(t.Context(), "POST", "http://x/v1/events", body)
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = size
				res, err := c.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				took := time.Since(started)
				if res.StatusCode != test.status || took > test.within || (res.ProtoMajor == 2) != p.http2 {
					t.Errorf("status %d over %s after %v, want %d within %v", res.StatusCode, res.Proto, took, test.status, test.within)
				}
				intake.idle()
			})
		})
	}
}

// slowBody is an event and spaces, so many bytes a second.
type slowBody struct {
	text      io.Reader
	perSecond int
	closed    chan struct{}
	close     func()
}

func newSlowBody(size, perSecond int) *slowBody {
	b := &slowBody{text: strings.NewReader(event + strings.Repeat(" ", size-len(event))), perSecond: perSecond, closed: make(chan struct{})}
	b.close = sync.OnceFunc(func() { close(b.closed) })
	return b
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.perSecond == 0 {
		<-b.closed
		return 0, errors.New("closed")
	}
	n, err := b.text.Read(p[:min(len(p), b.perSecond)])
	select {
	case <-time.After(time.Duration(n) * time.Second / time.Duration(b.perSecond)):
	case <-b.closed:
	}
	return n, err
}

func (b *slowBody) Close() error {
	b.close()
	return nil
}

// A connection without a request is closed in the end, although it lives.
func TestIdleOverEach(t *testing.T) {
	overEach(t, memory, func(t *testing.T, p protocol, _ *fakeIntake, dial func() net.Conn) {
		c, open := client(p, dial)
		res, err := c.Get("http://x/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		started := time.Now()
		open.Wait()
		if took := time.Since(started); took < idleTimeout-time.Second || took > idleTimeout+2*time.Second {
			t.Errorf("closed after %v, want %v", took, idleTimeout)
		}
		c.CloseIdleConnections()
	})
}

// A client that reads nothing of its answer can't hold its connection for long.
func TestUnreadAnswerOverEach(t *testing.T) {
	overEach(t, net.Pipe, func(t *testing.T, p protocol, intake *fakeIntake, dial func() net.Conn) {
		c := dial()
		defer func() { _ = c.Close() }()
		started := time.Now()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			text := head(len(event)) + event
			if p.http2 {
				text = preface + frame(frameSettings, 0, 0, "") + frame(frameHeaders, flagHeadersEnd, 1, headerBlock(post2, "/v1/events")) +
					frame(frameData, flagEnd, 1, event)
			}
			_, _ = io.WriteString(c, text)
			for err := error(nil); err == nil; { // a pipe buffers nothing: written is what the server has read
				_, err = io.WriteString(c, "x")
				time.Sleep(time.Second)
			}
		}()
		<-ended
		if took := time.Since(started); took > answerTimeout+idleTimeout {
			t.Errorf("still open after %v", took)
		}
		intake.idle()
	})
}

// A client of HTTP/2 that lives but leaves no room for its answer loses the stream.
func TestNoRoomForTheAnswer(t *testing.T) {
	overEach(t, net.Pipe, func(t *testing.T, p protocol, intake *fakeIntake, dial func() net.Conn) {
		if !p.http2 {
			return
		}
		c := dial()
		defer func() { _ = c.Close() }()
		noRoom := frame(frameSettings, 0, 0, "\x00\x04\x00\x00\x00\x00") // SETTINGS_INITIAL_WINDOW_SIZE: 0
		started := time.Now()
		var out sync.Mutex
		write := func(text string) {
			out.Lock()
			defer out.Unlock()
			_, _ = io.WriteString(c, text)
		}
		var writers sync.WaitGroup
		defer writers.Wait()
		writers.Go(func() {
			write(preface + noRoom + frame(frameHeaders, flagHeadersEnd, 1, headerBlock(post2, "/v1/events")) + frame(frameData, flagEnd, 1, event))
		})
		status, data := 0, 0
		frames(c, func(kind byte, payload []byte) {
			switch kind {
			case frameHeaders:
				status++
			case frameData:
				data += len(payload)
			case framePing:
				writers.Go(func() { write(frame(framePing, 1, 0, string(payload))) })
			case frameReset:
				if took := time.Since(started); took < answerTimeout || took > answerTimeout+time.Second || status != 1 || data != 0 {
					t.Errorf("reset after %v, with %d headers and %d bytes", took, status, data)
				}
				status = -1
				_ = c.Close()
			}
		})
		if status != -1 {
			t.Error("the stream was never reset")
		}
		intake.idle()
	})
}

// A header has its bound, whatever it is sent over.
func TestHeaderIsBoundedOverEach(t *testing.T) {
	overEach(t, memory, func(t *testing.T, p protocol, _ *fakeIntake, dial func() net.Conn) {
		c, _ := client(p, dial)
		defer c.CloseIdleConnections()
		for size, want := range map[int]int{8 << 10: 202, 64 << 10: 431} {
			r, err := http.NewRequest("POST", "http://x/v1/events", strings.NewReader(event))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Long", strings.Repeat("x", size))
			res, err := c.Do(r)
			if p.http2 && want == 431 && err != nil {
				continue // the client has learnt the bound and keeps it, or the connection is ended for it
			}
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%d for a header of %d bytes, want %d", res.StatusCode, size, want)
			}
		}
	})
}

// One connection has a bounded number of requests at a time.
func TestStreamsAreBounded(t *testing.T) {
	overEach(t, memory, func(t *testing.T, p protocol, intake *fakeIntake, dial func() net.Conn) {
		if !p.http2 {
			return
		}
		c := dial()
		var opened strings.Builder
		opened.WriteString(preface + frame(frameSettings, 0, 0, "") + frame(frameSettings, 1, 0, ""))
		const streams = 150
		for i := range uint32(streams) {
			opened.WriteString(frame(frameHeaders, flagHeadersEnd, 2*i+1, headerBlock(post2, "/v1/events")))
		}
		var writers sync.WaitGroup
		writers.Go(func() { _, _ = io.WriteString(c, opened.String()) })
		refused := 0
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			frames(c, func(kind byte, _ []byte) {
				if kind == frameReset {
					refused++
				}
			})
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		if most := http2Limits().MaxConcurrentStreams; intake.reserves() != most || refused != streams-most {
			t.Errorf("%d requests at a time and %d refused, want %d and %d", intake.reserves(), refused, most, streams-most)
		}
		_ = c.Close()
		writers.Wait()
		<-ended
		intake.idle()
	})
}

// inMemory is what an http.Transport calls.
func inMemory(dial func() net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return dial(), nil }
}

// All connections together have a bounded number of requests whose clients leave no
// room for the answers. Each connection has at least one.
func TestStreamsOfAllConnectionsAreBounded(t *testing.T) {
	overEach(t, memory, func(t *testing.T, p protocol, _ *fakeIntake, dial func() net.Conn) {
		if !p.http2 {
			return
		}
		const connections, streams, get2 = 4, 90, 0x82
		var opened strings.Builder
		opened.WriteString(preface + frame(frameSettings, 0, 0, "\x00\x04\x00\x00\x00\x00") + frame(frameSettings, 1, 0, ""))
		for i := range uint32(streams) {
			opened.WriteString(frame(frameHeaders, flagHeadersEnd|flagEnd, 2*i+1, headerBlock(get2, "/")))
		}
		var answered, reset atomic.Int64
		var conns []net.Conn
		var all sync.WaitGroup
		for range connections {
			c := dial()
			conns = append(conns, c)
			all.Go(func() { _, _ = io.WriteString(c, opened.String()) })
			all.Go(func() {
				frames(c, func(kind byte, _ []byte) {
					switch kind {
					case frameHeaders:
						answered.Add(1)
					case frameReset:
						reset.Add(1)
					}
				})
			})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		most := int64(testConfig(newFakeIntake(t)).MaxConnections + connections)
		if answered.Load() != most || reset.Load() != connections*streams-most {
			t.Errorf("%d requests at a time and %d refused, want %d and %d", answered.Load(), reset.Load(), most, connections*streams-most)
		}
		for _, c := range conns {
			_ = c.Close()
		}
		all.Wait()
	})
}

// An answer without a body ends with its header: some clients take anything behind
// it for an error.
func TestNoBodyNoFrame(t *testing.T) {
	overEach(t, memory, func(t *testing.T, p protocol, _ *fakeIntake, dial func() net.Conn) {
		if !p.http2 {
			return
		}
		c := dial()
		options := "\x02\x07OPTIONS" + headerBlock(post2, "/v1/events")[1:]
		var all sync.WaitGroup
		all.Go(func() {
			_, _ = io.WriteString(c, preface+frame(frameSettings, 0, 0, "")+frame(frameSettings, 1, 0, "")+
				frame(frameHeaders, flagHeadersEnd|flagEnd, 1, options))
		})
		headers, data := 0, 0
		all.Go(func() {
			frames(c, func(kind byte, _ []byte) {
				switch kind {
				case frameHeaders:
					headers++
				case frameData:
					data++
				}
			})
		})
		time.Sleep(time.Second)
		synctest.Wait()
		_ = c.Close()
		all.Wait()
		if headers != 1 || data != 0 {
			t.Errorf("%d headers and %d frames of a body", headers, data)
		}
	})
}
