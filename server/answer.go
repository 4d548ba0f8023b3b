// The answers to events that were taken.

package server

import (
	"net/http"
	"strconv"

	"parquay/schema"
)

// outcome is what became of a body's events.
type outcome struct {
	Accepted int                 `json:"accepted"`
	Rejected int                 `json:"rejected"`
	Errors   []schema.EventError `json:"errors,omitempty"`
	Omitted  int                 `json:"errors_omitted,omitempty"` // rejected without an entry in Errors

	counts map[schema.Code]int // the rejected ones by reason, for the metrics
}

// Header values that every answer shares. net/http only reads them.
var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
	plainType   = []string{"text/plain; charset=utf-8"}
)

// answer says what became of events that are durable now: 202 if all were
// accepted, 207 if some were, and a 422 problem if none was.
func (s *Server) answer(w http.ResponseWriter, out outcome) error {
	if out.Accepted == 0 {
		return &rejectedError{out}
	}
	w.Header()["Parquay-Durability"] = s.durability
	if out.Rejected > 0 {
		send(w, http.StatusMultiStatus, jsonType, marshal(out))
		return nil
	}
	b := s.buffers.get(minBuffer)
	b.bytes = append(b.bytes, `{"accepted":`...)
	b.bytes = strconv.AppendInt(b.bytes, int64(out.Accepted), 10)
	b.bytes = append(b.bytes, `,"rejected":0}`+"\n"...)
	send(w, http.StatusAccepted, jsonType, b.bytes)
	s.buffers.put(b)
	return nil
}

// send writes an answer within answerTimeout. A client that is gone by now can't
// be told anything, so a failed write is nobody's news.
func send(w http.ResponseWriter, status int, contentType []string, body []byte) {
	limitAnswer(w)
	w.Header()["Content-Type"] = contentType
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
