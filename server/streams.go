// The bound on requests that share a connection.

package server

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
)

// ofConnection is the key of what a connection's requests have in common: how many
// there are, an *atomic.Int64.
type ofConnection struct{}

// forRequests is an http.Server's ConnContext.
func forRequests(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*connection); ok {
		ctx = c.requests(ctx)
	}
	return context.WithValue(ctx, ofConnection{}, new(atomic.Int64))
}

// streamsOf counts the requests of r's connection; nil if it has one at a time.
func streamsOf(r *http.Request) *atomic.Int64 {
	if r.ProtoMajor < 2 {
		return nil
	}
	streams, _ := r.Context().Value(ofConnection{}).(*atomic.Int64)
	return streams
}

// boundStreams bounds what HTTP/2 makes of the connections that may be open (I6): a
// request costs memory also when it is refused, until its client takes the answer,
// and nobody has been asked yet who that is. Each connection can have one request at
// a time, as with HTTP/1.1; further ones can be as many as connections, all
// connections together. What is beyond is reset, which unlike an answer needs no
// client that reads.
func (s *Server) boundStreams(next http.Handler) http.Handler {
	most := int64(s.cfg.MaxConnections)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		streams := streamsOf(r)
		if streams == nil {
			next.ServeHTTP(w, r)
			return
		}
		defer func() {
			if streams.Add(-1) > 0 {
				s.further.Add(-1)
			}
		}()
		if streams.Add(1) > 1 && s.further.Add(1) > most {
			panic(http.ErrAbortHandler)
		}
		notesOf(w).flushed = true
		next.ServeHTTP(w, r)
		// Else the body would be written when nobody counts the request any more. Without
		// one an answer needs no room, and must end with its header.
		if rec, ok := w.(*recorder); ok && rec.written > 0 {
			_ = http.NewResponseController(rec).Flush() // fails on a stream that is gone
		}
	})
}
