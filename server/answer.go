// The answers to events that were taken.

package server

import (
	"net/http"
	"strconv"
	"strings"

	"parquay/schema"
)

// outcome is what became of a body's events.
type outcome struct {
	Accepted int      `json:"accepted"`
	Rejected int      `json:"rejected"`
	DryRun   bool     `json:"dry_run,omitempty"` // it would have become of them
	State    state    `json:"state,omitempty"`   // of their rows, if it was asked for
	Objects  []string `json:"objects,omitempty"` // that hold the rows, once stored

	Errors  []schema.EventError `json:"errors,omitempty"`
	Omitted int                 `json:"errors_omitted,omitempty"` // rejected without an entry in Errors

	counts map[schema.Code]int // the rejected ones by reason, for the metrics
}

// Header values that every answer shares. net/http only reads them.
var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
	plainType   = []string{"text/plain; charset=utf-8"}
)

// answer says what became of events: 202 if all were accepted, and 200 if they are
// in the bucket by now, or nothing was to be stored; 207 if some were accepted; and
// a 422 problem if none was, or not all of those that were to be taken together.
func (s *Server) answer(w http.ResponseWriter, p *post, res *result) error {
	n, h := notesOf(w), w.Header()
	n.accepted, n.rejected, n.receipt = res.Accepted, res.Rejected, res.receipt
	if res.stored() {
		p.receipt[0] = res.receipt.String()
		h["Parquay-Receipt"] = p.receipt[:]
		h["Parquay-Durability"] = s.durability
	}
	if res.replayed {
		s.metrics.replayed.Inc()
		h["Idempotency-Replayed"] = []string{"true"}
	}
	if len(p.applied) > 0 {
		h["Preference-Applied"] = []string{strings.Join(p.applied, ", ")}
	}
	switch {
	case p.refuses(res.outcome):
		n.accepted = 0
		return newStrictError(res.outcome)
	case res.Accepted == 0:
		return &rejectedError{res.outcome}
	case res.Rejected > 0:
		send(w, http.StatusMultiStatus, jsonType, marshal(res.outcome))
	case res.DryRun || res.State == stored:
		send(w, http.StatusOK, jsonType, marshal(res.outcome))
	case res.State == pending:
		send(w, http.StatusAccepted, jsonType, marshal(res.outcome))
	default:
		s.answerAccepted(w, res.Accepted)
	}
	return nil
}

// answerAccepted is the ordinary answer, which costs no allocation.
func (s *Server) answerAccepted(w http.ResponseWriter, events int) {
	b := s.buffers.get(minBuffer)
	b.bytes = append(b.bytes, `{"accepted":`...)
	b.bytes = strconv.AppendInt(b.bytes, int64(events), 10)
	b.bytes = append(b.bytes, `,"rejected":0}`+"\n"...)
	send(w, http.StatusAccepted, jsonType, b.bytes)
	s.buffers.put(b)
}

// send writes an answer within answerTimeout. A client that is gone by now can't
// be told anything, so a failed write is nobody's news.
func send(w http.ResponseWriter, status int, contentType []string, body []byte) {
	limitAnswer(w)
	h := w.Header()
	h["Content-Type"] = contentType
	if notesOf(w).flushed {
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone wants nothing
}
