package server

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"testing"
)

// FuzzEvents sends any body under any coding: the answer is never a server error,
// every event is counted once, and everything reserved is given back.
func FuzzEvents(f *testing.F) {
	for _, body := range []string{
		"", event, "[" + event + "," + bad + "]", event + "\n" + event + "\n", bad, "[1,null,{}]", "{}{}{}", `{"type":`, "\xff\xfe",
		`{"type":"a.b","time":"2026-11-23T07:00:00Z","x":{"y":[1e400,"\ud800"]}}`, "[[[[", `{"type":"a.b"},`,
	} {
		f.Add([]byte(body), "", true)
		f.Add([]byte(body), "gzip", true) // which it is not
		f.Add(gzipped(f, []byte(body)), "gzip", false)
		f.Add(zstded(f, []byte(body)), "zstd", true)
	}
	f.Add([]byte(event), "gzip, zstd", false)
	f.Fuzz(func(t *testing.T, body []byte, encoding string, known bool) {
		intake := newFakeIntake(t)
		cfg := testConfig(intake)
		cfg.MaxBody, cfg.MaxDecoded, cfg.Limits.MaxEvent = 64<<10, 128<<10, 32<<10
		s := newServer(t, cfg)
		r := httptest.NewRequest("POST", "/v1/events", bytes.NewReader(body))
		if !known {
			r.ContentLength = -1
		}
		r.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		s.events.Handler.ServeHTTP(w, r)

		var answer struct{ Accepted, Rejected int }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%v in the answer %q", err, w.Body)
		}
		rows := intake.rows()
		if w.Code >= 500 || answer.Accepted != rows["events"] || answer.Rejected != rows["rejected"] {
			t.Fatalf("%d %s with %v rows", w.Code, w.Body, rows)
		}
		ok := answer.Rejected == 0 && answer.Accepted > 0
		some := answer.Rejected > 0 && answer.Accepted > 0
		none := answer.Rejected > 0 && answer.Accepted == 0
		if (w.Code == 202) != ok || (w.Code == 207) != some || (w.Code == 422) != none {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if limit := 2*cfg.MaxDecoded + cfg.MaxBody; intake.peak() > max(limit, 1000*int64(len(body))) {
			t.Fatalf("%d bytes reserved for a body of %d", intake.peak(), len(body))
		}
	})
}
