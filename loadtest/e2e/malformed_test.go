package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMalformedEvents posts what JSON parsers have died of. Each body is refused as
// a whole, or its events are with a code; none costs more memory than its limit.
func TestMalformedEvents(t *testing.T) {
	s := newSite(t, attackedEnv...)
	s.start()
	client := &http.Client{Timeout: flushWithin}
	defer client.CloseIdleConnections()
	const mega = 1 << 20
	many := strings.Repeat
	for _, c := range []struct {
		name, body string
		status     int
		code       string // of the first event, or of the problem
	}{
		{"arrays without an end", many("[", 10*mega), 400, "syntax"},
		{"objects without an end", many(`{"a":`, 2*mega), 400, "syntax"},
		{"deep objects", many(`{"a":`, 1000) + "1" + many("}", 1000), 422, "depth"},
		{"deep arrays in an event", `{"type":"a.b","x":` + many("[", 1000) + many("]", 1000) + "}", 422, "depth"},
		{"very deep objects", many(`{"a":`, 100_000) + "1" + many("}", 100_000), 400, "syntax"},
		{"very deep arrays in an event", `{"type":"a.b","x":` + many("[", 4*mega) + many("]", 4*mega) + "}", 400, "syntax"},
		{"a number of a megabyte", `{"type":"a.b","x":` + many("9", mega/2) + "}", 422, "number_too_long"},
		{"a large exponent", `{"type":"a.b","segments":1e999999999}`, 422, "too_large"},
		{"a large exponent in a decimal", `{"type":"a.b","price":"1e999999999"}`, 422, "too_large"},
		{"a small exponent in a decimal", `{"type":"a.b","price":1e-999999999}`, 422, "precision"},
		{"a time beyond the years", `{"type":"a.b","time":9e18}`, 422, "format"},
		{"a key of half a megabyte", `{"type":"a.b","` + many("k", mega/2) + `":1}`, 422, "key_too_long"},
		{"100,000 keys", `{"type":"a.b"` + counted(`,"k%d":1`, 50_000) + "}", 422, "too_many_fields"},
		{"100,000 times one key", `{"type":"a.b"` + many(`,"k":1`, 100_000) + "}", 422, "duplicate_key"},
		{"not a number", `{"type":"a.b","x":NaN}`, 400, "syntax"},
		{"infinite", `{"type":"a.b","x":-Infinity}`, 400, "syntax"},
		{"a leading zero", `{"type":"a.b","x":01}`, 400, "syntax"},
		{"half a surrogate", `{"type":"a.b","x":"\ud800"}`, 422, "invalid_utf8"},
		{"no UTF-8", "{\"type\":\"a.b\",\"x\":\"\xf5\x80\"}", 422, "invalid_utf8"},
		{"a NUL", "{\"type\":\"a.b\",\"x\":\"\x00\"}", 422, "control_character"},
		{"a megabyte of escapes", `{"type":"a.b","x":"` + many(`\u0000`, mega/8) + `"}`, 202, ""},
		{"100,000 empty arrays", "[[]" + many(",[]", 100_000) + "]", 422, "not_an_object"},
		{"an event over its limit", `{"type":"a.b","x":"` + many("x", 2*mega) + `"}`, 422, "event_too_large"},
		{"a string without an end", `{"type":"` + many("x", 9*mega), 400, "syntax"},
		{"nothing but blanks", many(" ", 9*mega), 400, "syntax"},
		{"nothing", "", 400, "syntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := s.body(client, "", []byte(c.body), true)
			if err != nil {
				t.Fatal(err)
			}
			code := a.kind
			if len(a.Errors) > 0 {
				code = a.Errors[0].Code
			}
			if a.status != c.status || code != c.code {
				t.Errorf("answered %d %s, want %d %s", a.status, code, c.status, c.code)
			}
		})
	}
	s.withinMemory()
	s.honest(10, nil)
}

// counted repeats a text with a number in it.
func counted(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// wire is a text that is sent as it is, and what comes back: the statuses of the
// answers, and whether the gateway then closes the connection.
type wire struct {
	name   string
	text   string
	want   []int
	closes bool
}

// hidden is a request that a smuggler hides where a body should be.
const hidden = "POST /v1/events HTTP/1.1\r\nHost: parquay\r\nContent-Length: 19\r\n\r\n{\"type\":\"a.hidden\"}"

const sound = `{"type":"a.sound"}`

// TestMalformedRequests sends requests whose end can be read in two ways, and other
// requests that are none. Wherever a request's end is in doubt, the gateway refuses
// it and closes the connection, so that what follows is never taken for another.
func TestMalformedRequests(t *testing.T) {
	s := newSite(t, attackedEnv...)
	s.start()
	t.Run("group", func(t *testing.T) { // which ends when its parallel tests have
		for _, w := range wires() {
			t.Run(w.name, func(t *testing.T) {
				t.Parallel()
				got, closed, reset := s.wire(t, w.text)
				lost := reset && w.closes && len(got) < len(w.want) // with what the gateway had not read yet
				if !lost && !slices.Equal(got, w.want) || closed != w.closes {
					t.Errorf("answered %v, closed %v, want %v, %v", got, closed, w.want, w.closes)
				}
			})
		}
	})
	s.withinMemory()
	s.honest(10, nil)
	s.drain()
	for _, rows := range s.rows("events") {
		for _, row := range rows {
			if row.Row["type"] == "a.hidden" {
				t.Error("a hidden request was taken")
			}
		}
	}
}

// wire sends a text and then a request of its own. If that is answered, the text has
// left the connection open. A reset may take an answer with it.
func (s *site) wire(t *testing.T, text string) (statuses []int, closed, reset bool) {
	t.Helper()
	c := s.connect(t)
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(flushWithin)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(c, text+"GET /last HTTP/1.1\r\nHost: parquay\r\nConnection: close\r\n\r\n")
	}()
	in := bufio.NewReader(c)
	for {
		response, err := http.ReadResponse(in, nil)
		if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
			t.Fatalf("neither answered nor closed after %v", statuses)
		}
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		if err != nil {
			return statuses, true, errors.Is(err, syscall.ECONNRESET)
		}
		if response.Close && response.StatusCode == http.StatusNotFound {
			return statuses, false, false
		}
		statuses = append(statuses, response.StatusCode)
	}
}

func wires() []wire {
	post := func(header string, body string) string {
		return "POST /v1/events HTTP/1.1\r\nHost: parquay\r\n" + header + "\r\n" + body
	}
	length := func(v string) string { return "Content-Length: " + v + "\r\n" }
	const chunked = "Transfer-Encoding: chunked\r\n"
	chunk := "12\r\n" + sound + "\r\n0\r\n\r\n"
	return []wire{
		{"sound, twice", post(length("18"), sound) + post(chunked, chunk), []int{202, 202}, false},
		// net/http goes by the chunks, as RFC 9112 has it, and does not tell that there was a length too.
		{"a short length beside chunks", post(length("0")+chunked, chunk), []int{202}, false},
		{"a long length beside chunks", post(chunked+length("1000"), chunk), []int{202}, false},
		{"two lengths", post(length("18")+length("0"), sound+hidden), []int{400}, true},
		{"a length twice", post(length("18")+length("18"), sound), []int{202}, false},
		{"a list of lengths", post(length("18, 0"), sound+hidden), []int{400}, true},
		{"a signed length", post(length("+18"), sound+hidden), []int{400}, true},
		{"a negative length", post(length("-18"), sound+hidden), []int{400}, true},
		{"a length in hexadecimal", post(length("0x12"), sound+hidden), []int{400}, true},
		{"an empty length", post("Content-Length:\r\n", sound+hidden), []int{400}, true},
		{"a length with a blank", post(length("1 8"), sound+hidden), []int{400}, true},
		{"a length beyond 64 bits", post(length("36893488147419103250"), sound), []int{400}, true},
		{"a length of an exabyte", post(length("1152921504606846976"), sound), []int{413}, true},
		{"other codings", post("Transfer-Encoding: gzip\r\n", sound+hidden), []int{501}, true},
		{"chunked in a list", post("Transfer-Encoding: gzip, chunked\r\n", chunk+hidden), []int{501}, true},
		{"chunked twice", post(chunked+chunked, chunk+hidden), []int{501}, true},
		{"chunked after a tab", post("Transfer-Encoding:\tchunked\r\n", chunk), []int{202}, false},
		{"chunked after a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", chunk+hidden), []int{400}, true},
		{"chunked as identity", post("Transfer-Encoding: identity\r\n"+length("18"), sound+hidden), []int{501}, true},
		{"a blank before the colon", post("Content-Length : 18\r\n", sound+hidden), []int{400}, true},
		{"a blank in a name", post("X Y: 1\r\n"+length("18"), sound+hidden), []int{400}, true},
		{"a NUL in a value", post("X: \x00\r\n"+length("18"), sound+hidden), []int{400}, true},
		{"a bare CR in a value", post("X: a\rContent-Length: 0\r\n"+length("18"), sound+hidden), []int{400}, true},
		{"no name", post(": 1\r\n"+length("18"), sound+hidden), []int{400}, true},
		{"no colon", post("X\r\n"+length("18"), sound+hidden), []int{400}, true},
		{"a folded value", post("X: a\r\n b\r\n"+length("18"), sound), []int{202}, false},
		{"a folded length", post("Content-Length:\r\n 18\r\n", sound), []int{202}, false},
		{"a folded coding", post("Transfer-Encoding:\r\n chunked\r\n", chunk), []int{202}, false},
		{"a header that begins folded", "POST /v1/events HTTP/1.1\r\n X: a\r\nHost: parquay\r\n\r\n", []int{400}, true},
		{"bare line feeds", strings.ReplaceAll(post(length("18"), sound), "\r\n", "\n"), []int{202}, false},
		{"bare line feeds around chunks", post(chunked, strings.ReplaceAll(chunk, "\r\n", "\n")+hidden), []int{400}, true},
		{"a chunk beyond 64 bits", post(chunked, "fffffffffffffffff\r\n"+sound), []int{400}, true},
		{"a chunk of an exabyte", post(chunked, "fffffffffffffff\r\n"+sound+strings.Repeat(" ", maxBody)), []int{413}, true},
		{"a chunk with a sign", post(chunked, "+12\r\n"+sound+"\r\n0\r\n\r\n"+hidden), []int{400}, true},
		{"a chunk in 0x", post(chunked, "0x12\r\n"+sound+"\r\n0\r\n\r\n"+hidden), []int{400}, true},
		{"a chunk longer than it says", post(chunked, "11\r\n"+sound+"\r\n0\r\n\r\n"+hidden), []int{400}, true},
		{"chunk extensions without an end", post(chunked, "12;"+strings.Repeat("x", 1<<20)+"\r\n"+sound+"\r\n0\r\n\r\n"+hidden), []int{400}, true},
		{"trailers without an end", post(chunked, "12\r\n"+sound+"\r\n0\r\n"+strings.Repeat("X: y\r\n", 200_000)+"\r\n"+hidden), []int{400}, true},
		{"a header of a megabyte", post("X: "+strings.Repeat("x", 1<<20)+"\r\n", ""), []int{431}, true},
		{"a header without an end", post(strings.Repeat("X: y\r\n", 1_000_000), ""), []int{431}, true},
		{"a path of a megabyte", "GET /" + strings.Repeat("x", 1<<20) + plainHead, []int{431}, true},
		{"a method of a megabyte", strings.Repeat("X", 1<<20) + " /" + plainHead, []int{431}, true},
		{"no host", "GET /healthz HTTP/1.1\r\n\r\n", []int{400}, true},
		{"two hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", []int{400}, true},
		{"a host of blanks", "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", []int{400}, true},
		{"HTTP/0.9", "GET /healthz\r\n\r\n", []int{400}, true},
		{"HTTP/9.9", "GET /healthz HTTP/9.9\r\nHost: parquay\r\n\r\n", []int{505}, true},
		{"another protocol", "SSH-2.0-OpenSSH_9.9\r\n\r\n", []int{400}, true},
		{"TLS", "\x16\x03\x01\x00\x05hello\r\n\r\n", []int{400}, true},
		{"a bad escape in the path", "GET /%zz" + plainHead, []int{400}, true},
		{"a NUL in the path", "GET /a\x00b" + plainHead, []int{400}, true},
		{"a path upwards", "GET /v1/../../etc/passwd" + plainHead, []int{404}, false},
		{"an escaped path upwards", "POST /v1/..%2f..%2fetc" + emptyHead, []int{404}, false},
		{"an absolute address", "POST http://elsewhere/v1/events" + emptyHead, []int{400}, false},
		{"CONNECT", "CONNECT elsewhere:443" + plainHead, []int{405}, false},
		{"an asterisk", "OPTIONS *" + plainHead, []int{200}, false},
		{"an unknown expectation", post("Expect: a-miracle\r\n"+length("18"), sound), []int{417}, true},
		{"an upgrade", "GET /healthz HTTP/1.1\r\nHost: parquay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", []int{200}, false},
		{"a hundred at once", strings.Repeat(post(length("18"), sound), 100), slices.Repeat([]int{202}, 100), false},
	}
}
