package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestDeliver sends requests in pieces over one connection to a server that has every
// second one sent again.
func TestDeliver(t *testing.T) {
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/events" || r.Host != "gateway" {
			t.Errorf("%s to %s: %v", r.URL, r.Host, err)
		}
		if bodies = append(bodies, string(body)); len(bodies)%2 == 1 {
			http.Error(w, "later", http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	c, err := Dial(t.Context(), s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		head := AppendHead(nil, "/v1/events", "gateway", len("a\nb\n"))
		if again, err := c.Deliver(t.Context(), http.StatusAccepted, head, []byte("a\n"), []byte("b\n")); again != 1 || err != nil {
			t.Errorf("sent again %d times, %v", again, err)
		}
	}
	if got := strings.Join(bodies, ""); got != strings.Repeat("a\nb\n", 6) {
		t.Errorf("arrived: %q", got)
	}
}

// TestAnswer reads answers that are not what they should be.
func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		answer, want string
	}{
		"refused":       {"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nno\r\n", "the answer is 400: no"},
		"no status":     {"HTTP/1.1\r\n\r\n", "status line"},
		"odd status":    {"HTTP/1.1 abc OK\r\n\r\n", "status line"},
		"no length":     {"HTTP/1.1 202 Accepted\r\nContent-Length: many\r\n\r\n", "header"},
		"less":          {"HTTP/1.1 202 Accepted\r\nContent-Length: -1\r\n\r\n", "header"},
		"far too long":  {"HTTP/1.1 202 Accepted\r\ncontent-length: 1048577\r\n\r\n", errLong.Error()},
		"cut in header": {"HTTP/1.1 202 Accepted\r\n", io.EOF.Error()},
		"cut in body":   {"HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\nno", io.ErrUnexpectedEOF.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := converse(t, t.Context(), c.answer); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
}

// TestBusyToTheEnd: whoever is told to come back does so until its context ends.
func TestBusyToTheEnd(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	if again, err := converse(t, ctx, "HTTP/1.1 503 Busy\r\n\r\n"); again != 1 || !errors.Is(err, enough) {
		t.Errorf("sent again %d times, %v", again, err)
	}
}

// converse delivers a request to a server that answers once with this text.
func converse(t *testing.T, ctx context.Context, answer string) (again int64, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		peer, err := l.Accept()
		if err == nil {
			_, err = peer.Read(make([]byte, 1<<10))
			_, failed := io.WriteString(peer, answer)
			err = errors.Join(err, failed, peer.Close())
		}
		served <- err
	}()
	c, err := Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	again, err = c.Deliver(ctx, http.StatusAccepted, AppendHead(nil, "/", "gateway", 0))
	if failed := <-served; failed != nil {
		t.Errorf("the server: %v", failed)
	}
	return again, err
}
