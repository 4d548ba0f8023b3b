package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A request that waits is answered when its rows are in the bucket, or when the
// time that it gave has passed, over both versions of HTTP: no deadline of theirs
// comes before.
func TestAwait(t *testing.T) {
	for name, test := range map[string]struct {
		wait   string
		put    time.Duration // when the rows get into the bucket
		after  time.Duration // when the answer is to come
		status int
		body   string
	}{
		"stored at once":     {"wait=10", 0, 0, 200, `{"accepted":1,"rejected":0,"state":"stored","objects":["file:///default/1.parquet"]}`},
		"stored in time":     {"wait=300", 299 * time.Second, 299 * time.Second, 200, `{"accepted":1,"rejected":0,"state":"stored","objects":["file:///default/1.parquet"]}`},
		"stored too late":    {"wait=7", time.Minute, 7 * time.Second, 202, `{"accepted":1,"rejected":0,"state":"pending"}`},
		"longer than may be": {"wait=100000", time.Hour, 300 * time.Second, 202, `{"accepted":1,"rejected":0,"state":"pending"}`},
		"not at all":         {"wait=0", time.Minute, 0, 202, `{"accepted":1,"rejected":0,"state":"pending"}`},
	} {
		for _, version := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/HTTP %d", name, version), func(t *testing.T) {
				bubble(t, func(t *testing.T, intake *fakeIntake, dial func() net.Conn) {
					intake.quick = test.put == 0
					timer := time.AfterFunc(max(test.put, 1), intake.put)
					defer timer.Stop()
					client, done := dialer(version, dial)
					defer done()
					started := time.Now()
					res, body := postVia(t, client, event, test.wait)
					if took := time.Since(started); took != test.after || res.StatusCode != test.status || strings.TrimSpace(body) != test.body {
						t.Errorf("%d %s after %v, want %d %s after %v", res.StatusCode, body, took, test.status, test.body, test.after)
					}
					honoured := test.wait
					if honoured == "wait=100000" {
						honoured = "wait=300"
					}
					if got := res.Header.Get("Preference-Applied"); got != honoured {
						t.Errorf("Preference-Applied %q, want %q", got, honoured)
					}
				})
			})
		}
	}
}

// dialer is a client over connections of its own.
func dialer(version int, dial func() net.Conn) (client *http.Client, done func()) {
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(), nil },
		Protocols:   new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(version == 1)
	transport.Protocols.SetUnencryptedHTTP2(version == 2)
	return &http.Client{Transport: transport}, func() {
		transport.CloseIdleConnections()
		synctest.Wait()
	}
}

func postVia(t *testing.T, client *http.Client, body, prefer string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("POST", "http://x/v1/events", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Prefer", prefer)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// A client that leaves ends the wait, and gives back its memory.
func TestAwaitEndsWithTheClient(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP %d", version), func(t *testing.T) {
			bubble(t, func(t *testing.T, intake *fakeIntake, dial func() net.Conn) {
				client, done := dialer(version, dial)
				defer done()
				ctx, leave := context.WithTimeout(t.Context(), time.Minute)
				defer leave()
				req, err := http.NewRequestWithContext(ctx, "POST", "http://x/v1/events", strings.NewReader(event))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Prefer", "wait=300")
				left := make(chan error, 1)
				go func() { //nolint:bodyclose // there is no answer
					_, err := client.Do(req)
					left <- err
				}()
				synctest.Wait()
				if intake.waiting.Load() != 1 || intake.rows()["events"] != 1 {
					t.Fatalf("%d requests wait, with rows %v", intake.waiting.Load(), intake.rows())
				}
				if err := <-left; err == nil {
					t.Fatal("the client did not leave")
				}
				synctest.Wait()
				if n := intake.waiting.Load(); n != 0 {
					t.Errorf("%d requests wait for nobody", n)
				}
				intake.mu.Lock()
				defer intake.mu.Unlock()
				if intake.mu.open != 0 {
					t.Errorf("%d reservations are held for nobody", intake.mu.open)
				}
			})
		})
	}
}

// A server that stops does not wait for those who wait: they are told how far
// their rows have come.
func TestAwaitEndsWithTheServer(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("HTTP %d", version), func(t *testing.T) {
			bubbleOf(t, func(t *testing.T, s *Server, intake *fakeIntake, dial func() net.Conn) {
				const waiters = 5
				type answer struct {
					status int
					body   string
				}
				answers := make(chan answer, waiters)
				for range waiters {
					client, done := dialer(version, dial)
					defer done()
					go func() {
						res, body := postVia(t, client, event, "wait=300")
						answers <- answer{res.StatusCode, strings.TrimSpace(body)}
					}()
				}
				synctest.Wait()
				if n := intake.waiting.Load(); n != waiters {
					t.Fatalf("%d requests wait, want %d", n, waiters)
				}
				started := time.Now()
				for range waiters {
					defer func() {
						if got, want := <-answers, (answer{202, `{"accepted":1,"rejected":0,"state":"pending"}`}); got != want {
							t.Errorf("%+v, want %+v", got, want)
						}
					}()
				}
				if err := s.StopAccepting(t.Context()); err != nil {
					t.Error(err)
				}
				// Shutdown looks for idle connections every now and then.
				if took := time.Since(started); took > 10*time.Second {
					t.Errorf("stopped after %v", took)
				}
			})
		})
	}
}

// What a request holds while it waits is counted: itself with its header, its
// answer, and no more than a little beside them.
func TestAwaitHoldsLittle(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	const header = 12 << 10
	done := make(chan reply)
	go func() {
		done <- s.post(strings.Repeat(event, 2000)+strings.Repeat(bad, 100), "Prefer", "wait=300", "X-Long", strings.Repeat("x", header))
	}()
	eventually(t, "the request waits", func() bool { return intake.waiting.Load() == 1 })
	intake.mu.Lock()
	held := intake.mu.held
	intake.mu.Unlock()
	if least := int64(waiting + header + 100*64); held < least || held > least+100*300 {
		t.Errorf("%d bytes are held while waiting with 100 errors", held)
	}
	intake.put()
	if got := <-done; got.status != 207 || got.fields(t).State != "stored" {
		t.Errorf("%d %.300s", got.status, got.body)
	}
}

// Where there is no memory to wait in, the answer comes at once, and does not say
// that anybody waited.
func TestAwaitWithoutMemory(t *testing.T) {
	intake := newFakeIntake(t)
	intake.reserve = func(int64) error {
		if intake.commits() > 0 {
			return ErrBusy
		}
		return nil
	}
	s := start(t, testConfig(intake))
	got := s.post(event, "Prefer", "wait=300")
	if got.status != 202 || got.body != `{"accepted":1,"rejected":0}`+"\n" || got.header.Get("Preference-Applied") != "" || got.header.Get("Parquay-Receipt") == "" {
		t.Errorf("%d %s %v", got.status, got.body, got.header)
	}
}
