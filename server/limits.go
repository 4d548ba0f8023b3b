// The bounds on a connection, and the HTTP servers that have them.

package server

import (
	"net/http"
	"time"
)

// The body's and the answer's are in deadline.go.
const (
	// readHeaderTimeout bounds the time from a request's first byte to the end
	// of its header, which fits one packet: only a slow attack takes longer.
	readHeaderTimeout = 5 * time.Second
	// idleTimeout is longer than the 60 s after which common balancers drop an
	// idle connection, so that the balancer and not the gateway closes it:
	// otherwise a request could meet a connection that is being closed.
	idleTimeout = 120 * time.Second
	// maxHeaderBytes leaves room for a long token and tracing headers. net/http
	// allows 4 KiB more, and its default of 1 MiB would let idle-looking
	// connections hold memory that nobody has admitted.
	maxHeaderBytes = 16 << 10
)

// http2Limits bounds what HTTP/2 adds to a connection. Time is bounded for each
// stream as for each HTTP/1 request; a connection without a stream is idle.
func http2Limits() *http.HTTP2Config {
	return &http.HTTP2Config{
		// The least that RFC 9113 recommends. A balancer opens more connections.
		MaxConcurrentStreams: 100,
		// What may be received and not yet read, which no reservation covers: the
		// protocol's own 64 KiB for a stream, and a few streams' worth for all.
		MaxReceiveBufferPerStream:     64 << 10,
		MaxReceiveBufferPerConnection: 256 << 10,
		// A connection that is silent for so long is asked whether it lives. One
		// that is in the middle of a header can't answer, so this, together with
		// the time for the answer, is also the bound on a header's time.
		SendPingTimeout: 3 * readHeaderTimeout,
		PingTimeout:     readHeaderTimeout,
		// Closes the connection of a client that reads nothing. A stream whose
		// client leaves no room for its answer has that answer's own deadline.
		WriteByteTimeout: answerTimeout,
	}
}

// newEventServer speaks HTTP/1.1 and HTTP/2: over TLS as the client prefers, in
// cleartext as it begins, which is what balancers that end TLS call h2c.
func (s *Server) newEventServer() *http.Server {
	srv := s.newHTTPServer(s.eventHandler())
	srv.ReadTimeout = bodyGrace // extended while a body makes progress
	srv.ConnState = noteIdle
	srv.ConnContext = forRequests
	srv.HTTP2 = http2Limits()
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(s.cfg.TLS != nil)
	srv.Protocols.SetUnencryptedHTTP2(s.cfg.TLS == nil)
	return srv
}

func (s *Server) newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          s.log.errors(),
	}
}
