package drive

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func reader(text string) *conn { return &conn{in: bufio.NewReaderSize(strings.NewReader(text), 4<<10)} }

func TestReadAnswer(t *testing.T) {
	for _, test := range []struct {
		name, text string
		status     int
		body       string
		close      bool
		retry      time.Duration
	}{
		{"length", "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nokHTTP", 202, "ok", false, 0},
		{"none", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false, 0},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n", 200, "ok!", false, 0},
		{"until the end", "HTTP/1.1 502 Bad Gateway\r\nServer: proxy\r\n\r\nsorry", 502, "sorry", true, 0},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length:2\r\n\r\nok", 202, "ok", false, 0},
		{"retry", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 429, "", true, 3 * time.Second},
		{"of HTTP/1.0", "HTTP/1.0 202 Accepted\r\nContent-Length: 2\r\n\r\nok", 202, "ok", true, 0},
		{"retry at a date", "HTTP/1.1 503 No\r\nRetry-After: Mon, 23 Nov 2026 07:00:00 GMT\r\nContent-Length: 0\r\n\r\n", 503, "", false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := reader(test.text).read()
			if err != nil || a.status != test.status || string(a.body) != test.body || a.close != test.close || a.retryAfter != test.retry {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	for _, text := range []string{
		"", "x\n", "HTTP/1.1 2xx\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n",
	} {
		if a, err := reader(text).read(); err == nil {
			t.Errorf("%.50q is %+v", text, a)
		}
	}
}

// What is read is what net/http reads, wherever both read anything.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200 \nTransfer-Encoding: chunked\n\n0\r\n\r\n0"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nRetry-After: 9\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ours, err := reader(string(text)).readOne()
		theirs, theirErr := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil || theirErr != nil {
			return
		}
		body, theirErr := io.ReadAll(theirs.Body)
		if theirErr != nil || ours.status < 200 {
			return
		}
		if ours.status != theirs.StatusCode || !bytes.Equal(ours.body, body) {
			t.Errorf("%d %q, and by net/http %d %q", ours.status, ours.body, theirs.StatusCode, body)
		}
	})
}

func TestJudge(t *testing.T) {
	problem := func(name string) []byte { return []byte(`{"type":"/problems/` + name + `"}`) }
	for _, test := range []struct {
		status int
		body   []byte
		want   verdict
	}{
		{200, nil, kept},
		{202, nil, kept},
		{207, nil, kept},
		{422, problem("events-rejected"), kept},
		{422, problem("strict"), hopeless},
		{429, problem("tenant-full"), refused},
		{429, nil, refused},
		{503, problem("busy"), refused},
		{503, problem("stopping"), refused},
		{503, problem("journal-failed"), unknown},
		{503, []byte("<html>no server</html>"), unknown},
		{408, problem("body-timeout"), refused},
		{400, problem("incomplete-body"), refused},
		{400, problem("syntax"), hopeless},
		{401, problem("unauthorized"), hopeless},
		{404, problem("unknown-table"), hopeless},
		{413, problem("body-too-large"), hopeless},
		{499, problem("client-gone"), unknown},
		{500, problem("internal"), unknown},
		{502, nil, unknown},
		{504, nil, unknown},
	} {
		if got := judge(&answer{status: test.status, body: test.body}); got != test.want {
			t.Errorf("%d %s: %v, not %v", test.status, test.body, got, test.want)
		}
	}
}

func TestCheckAnswer(t *testing.T) {
	for _, test := range []struct {
		events, invalid int64
		status          int
		body            string
		ok              bool
	}{
		{5, 0, 202, `{"accepted":5,"rejected":0}`, true},
		{5, 0, 202, "{\"accepted\":5, \"rejected\":0}\n", true},
		{5, 0, 202, `{"accepted":4,"rejected":0}`, false},
		{5, 0, 207, `{"accepted":5,"rejected":0}`, false},
		{5, 2, 207, `{"accepted":3,"rejected":2,"errors":[]}`, true},
		{5, 2, 207, `{"accepted":4,"rejected":1,"errors":[]}`, false},
		{5, 2, 207, `{"accepted":3,"rejected":1,"errors":[]}`, false},
		{5, 2, 202, `{"accepted":5,"rejected":0}`, false},
		{5, 5, 422, `{"type":"/problems/events-rejected","accepted":0,"rejected":5}`, true},
		{5, 5, 207, `{"accepted":0,"rejected":5}`, false},
		{5, 0, 202, `<html>`, false},
	} {
		r := &request{Range: Range{10, 10 + test.events}, invalid: int(test.invalid)}
		if err := r.check(&answer{status: test.status, body: []byte(test.body)}); (err == nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
