// Deadlines for the body and for the answer, which net/http's own can't express:
// a body may take long if it is large, and an answer may have to wait for a disk.

package server

import (
	"io"
	"net/http"
	"time"
)

const (
	// bodyGrace is how long a client may take beside what its bytes need: it is
	// enough for retransmissions, and for a client that makes its body as it goes.
	bodyGrace = 10 * time.Second
	// minBodyRate is the least bytes a second that a body may arrive with, over
	// its whole length: 10 MiB may take 330 s. A client on a bad phone line is
	// faster, and one that dribbles can't hold its reservation for long.
	minBodyRate = 32 << 10
	// answerTimeout bounds writing an answer, which mostly fits the socket's
	// buffer: only a client that reads nothing at all takes longer.
	answerTimeout = 30 * time.Second
)

// bodyReader reads a request's body and moves its read deadline on as bytes
// arrive. The first deadline is net/http's, bodyGrace after the request's first
// byte: it also holds for a body that nobody reads. After the body there is none,
// since net/http lifts it to watch for the client going away.
type bodyReader struct {
	w        http.ResponseWriter
	src      io.Reader
	started  time.Time
	received int64
}

// Read returns a *bodyError for every error but io.EOF.
func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	b.received += int64(n)
	switch err {
	case nil:
		earned := time.Duration(b.received) * (time.Second / minBodyRate)
		_ = http.NewResponseController(b.w).SetReadDeadline(b.started.Add(bodyGrace + earned))
	case io.EOF:
	default:
		err = &bodyError{err}
	}
	return n, err
}

// limitAnswer starts the time that an answer may take. Setting a deadline fails
// only on a connection that is gone, which the next read or write will say.
func limitAnswer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
}

// limitRest starts the time that the rest of a refused body may take, of which
// net/http reads some before it sends the answer: until then the deadline is the one
// that the bytes received had earned, which may be minutes away.
func limitRest(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyGrace))
}
