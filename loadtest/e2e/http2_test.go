package e2e

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestHTTP2Floods sends what servers of HTTP/2 have died of, from many connections at
// once: streams reset as soon as they are opened, headers without an end, answers that
// nobody makes room for. The memory keeps its bound, and an honest client beside them
// loses nothing (I6).
func TestHTTP2Floods(t *testing.T) {
	s := newSite(t, attackedEnv...)
	s.start()
	l := s.load()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })
	for _, f := range floods {
		t.Run(f.name, func(t *testing.T) {
			const crowd = 20
			var frames, closed atomic.Int64
			var clients sync.WaitGroup
			for range crowd {
				clients.Go(func() {
					h, err := s.openHTTP2(f.deaf, f.settings...)
					if err != nil {
						t.Error(err)
						return
					}
					defer h.conn.Close()
					for range f.frames {
						if f.send(h) != nil {
							closed.Add(1)
							return
						}
						frames.Add(1)
					}
				})
			}
			clients.Wait()
			t.Logf("%d rounds of frames were sent, %d of %d connections closed by the gateway", frames.Load(), closed.Load(), crowd)
			if f.closes && closed.Load() != crowd {
				t.Errorf("the gateway closed %d of %d connections", closed.Load(), crowd)
			}
		})
	}
	before := l.accepted()
	s.await("events are accepted", flushWithin, func() bool { return l.accepted() > before+1000 })
	l.end()
	s.honest(10, nil)
	s.withinMemory()
}

// flood is something to send again and again on one connection.
type flood struct {
	name     string
	frames   int // how often, at most
	settings []http2.Setting
	deaf     bool // nothing that the gateway sends is read
	closes   bool // the gateway must end the connection
	send     func(h *stream) error
}

var floods = []flood{
	{name: "streams that are reset", frames: 10_000, send: func(h *stream) error {
		id, err := h.headers(true, ":method", "GET", ":path", "/openapi.json")
		if err == nil {
			err = h.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		return err
	}},
	{name: "bodies that are reset", frames: 10_000, send: func(h *stream) error {
		id, err := h.headers(false, ":method", "POST", ":path", "/v1/events", "content-length", "1000000")
		if err == nil {
			err = h.WriteData(id, false, []byte(`{"type":`))
		}
		if err == nil {
			err = h.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		return err
	}},
	{name: "more streams than are allowed", frames: 1_000, send: func(h *stream) error {
		_, err := h.headers(false, ":method", "POST", ":path", "/v1/events", "content-length", "1000000")
		return err
	}},
	{name: "headers without an end", frames: 1_000_000, closes: true, send: func(h *stream) error {
		if h.next == 1 {
			h.next = 3
			return h.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: h.encode(":method", "GET", ":path", "/")})
		}
		return h.WriteContinuation(1, false, h.encode("x-more", strings.Repeat("x", 4000)))
	}},
	{name: "headers that grow", frames: 100, send: func(h *stream) error {
		// One entry of the table, named again and again: a byte stands for 4 KB.
		fields := []string{":method", "GET", ":path", "/"}
		for range 1000 {
			fields = append(fields, "x-bomb", strings.Repeat("x", 3900))
		}
		_, err := h.headers(true, fields...)
		return err
	}},
	{name: "settings that nobody hears answered", frames: 50_000, deaf: true, send: func(h *stream) error { return h.WriteSettings() }},
	{name: "pings that nobody hears answered", frames: 50_000, deaf: true, send: func(h *stream) error { return h.WritePing(false, [8]byte{}) }},
	{name: "empty data", frames: 20_000, send: func(h *stream) error {
		if h.next == 1 {
			if _, err := h.headers(false, ":method", "POST", ":path", "/v1/events"); err != nil {
				return err
			}
		}
		return h.WriteData(1, false, nil)
	}},
	{name: "more data than there is room for", frames: 1000, send: func(h *stream) error {
		if h.next == 1 {
			if _, err := h.headers(false, ":method", "POST", ":path", "/v1/nothing"); err != nil {
				return err
			}
		}
		return h.WriteData(1, false, make([]byte, 16<<10))
	}},
	{
		name: "answers without room", frames: 100, settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 0}},
		send: func(h *stream) error {
			_, err := h.headers(true, ":method", "GET", ":path", "/openapi.json")
			return err
		},
	},
}

// stream is a connection of HTTP/2 as an attacker writes it, frame by frame.
type stream struct {
	*http2.Framer
	conn  net.Conn
	block bytes.Buffer
	hpack *hpack.Encoder
	next  uint32 // stream to be opened
}

// openHTTP2 begins HTTP/2 in cleartext. What the gateway sends is dropped, or not even
// read.
func (s *site) openHTTP2(deaf bool, settings ...http2.Setting) (*stream, error) {
	c, err := net.DialTimeout("tcp", s.address(), startWithin)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(flushWithin)); err != nil {
		return nil, err
	}
	h := &stream{Framer: http2.NewFramer(c, nil), conn: c, next: 1}
	h.AllowIllegalWrites = true
	h.hpack = hpack.NewEncoder(&h.block)
	if _, err = io.WriteString(c, http2.ClientPreface); err == nil {
		err = h.WriteSettings(settings...)
	}
	if !deaf {
		go func() { _, _ = io.Copy(io.Discard, c) }() // ends with the connection
	}
	return h, err
}

// encode returns header fields, given as name and value in turn.
func (h *stream) encode(fields ...string) []byte {
	h.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = h.hpack.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // a buffer takes everything
	}
	return h.block.Bytes()
}

// headers opens a stream.
func (h *stream) headers(end bool, fields ...string) (id uint32, err error) {
	id, h.next = h.next, h.next+2
	fields = append([]string{":scheme", "http", ":authority", "parquay"}, fields...)
	return id, h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: h.encode(fields...), EndStream: end, EndHeaders: true})
}
