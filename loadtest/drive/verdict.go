// What an answer says of a body's fate.

package drive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// verdict is what an answer says of the body's fate.
type verdict int

const (
	kept    verdict = iota // as durable as the gateway promises
	refused                // and not kept: send it again
	unknown                // kept or not: send it again
	hopeless
)

// judge tells an answer's verdict, by docs/http-api.md. What comes from a proxy
// before the gateway is unknown, since it may have passed the request on.
func judge(a *answer) verdict {
	ours := bytes.Contains(a.body, []byte(`/problems/`))
	switch {
	case a.status == 200 || a.status == 202 || a.status == 207:
		return kept
	case a.status == 422 && bytes.Contains(a.body, []byte("/problems/events-rejected")):
		return kept // as rows of rejected
	case a.status == 429 || a.status == 408 && ours:
		return refused
	case a.status == 503 && ours && !bytes.Contains(a.body, []byte("/problems/journal-failed")):
		return refused
	case a.status == 400 && bytes.Contains(a.body, []byte("/problems/incomplete-body")):
		return refused
	case a.status == 499 || a.status >= 500 || a.status == 408:
		return unknown
	}
	return hopeless
}

// check compares the counts in the answer to a kept body with what was sent.
func (r *request) check(a *answer) error {
	events := int(r.To - r.From)
	if r.invalid == 0 && a.status == 202 {
		// The ordinary case, without reading JSON.
		var wanted [64]byte
		text := append(strconv.AppendInt(append(wanted[:0], `{"accepted":`...), int64(events), 10), `,"rejected":0}`...)
		if bytes.Equal(bytes.TrimSpace(a.body), text) {
			return nil
		}
	}
	var got struct{ Accepted, Rejected int }
	if err := json.Unmarshal(a.body, &got); err != nil {
		return fmt.Errorf("the answer %d is no JSON: %.200q", a.status, a.body)
	}
	wanted := 202
	switch r.invalid {
	case 0:
	case events:
		wanted = 422
	default:
		wanted = 207
	}
	if a.status != wanted || got.Rejected != r.invalid || got.Accepted != events-r.invalid {
		return fmt.Errorf("the answer to %d events, of which %d are invalid, is %d: %.300s", events, r.invalid, a.status, a.body)
	}
	return nil
}
