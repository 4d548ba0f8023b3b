package server

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// serving is a connection one request of which has been read and is served, as
// net/http has left it.
func serving(t *testing.T) (c *connection, client net.Conn, requests context.Context) {
	client, end := net.Pipe()
	c = newPiped(end)
	requests = c.requests(t.Context())
	go func() { _, _ = client.Write([]byte("POST")) }()
	if n, err := c.Read(make([]byte, 5)); n != 4 || err != nil {
		t.Fatalf("%d bytes read, %v", n, err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != nil {
		t.Fatalf("%d bytes read beside the handler, %v", n, err)
	}
	return c, client, requests
}

// The context of a request ends within patience when the client has left, and at
// once when its connection is closed; never for a client that is still there.
func TestClientLeaves(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration
		act   func(c, client net.Conn)
		by    time.Duration // 0: at once; less: never
	}{
		"at once":         {0, func(_, client net.Conn) { _ = client.Close() }, patience},
		"soon":            {patience * 3 / 4, func(_, client net.Conn) { _ = client.Close() }, patience / 4},
		"late":            {time.Minute, func(_, client net.Conn) { _ = client.Close() }, 0},
		"closed at once":  {0, func(c, _ net.Conn) { _ = c.Close() }, 0},
		"closed late":     {time.Minute, func(c, _ net.Conn) { _ = c.Close() }, 0},
		"old deadline":    {time.Minute, func(_, client net.Conn) { _ = client.Close() }, 0},
		"stays":           {time.Minute, func(net.Conn, net.Conn) {}, -1},
		"sends the next":  {0, func(_, client net.Conn) { go func() { _, _ = client.Write([]byte("GET")) }() }, -1},
		"sends and leave": {0, func(_, client net.Conn) { go func() { _, _ = client.Write([]byte("G")); _ = client.Close() }() }, -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, client, requests := serving(t)
				if name == "old deadline" {
					_ = c.read.set(time.Now().Add(time.Second)) // that of the header, of which the runtime was told
				}
				time.Sleep(test.after)
				synctest.Wait()
				began := time.Now()
				test.act(c, client)
				select {
				case <-requests.Done():
					if took := time.Since(began); test.by < 0 || took > test.by {
						t.Errorf("it ended after %v", took)
					}
				case <-time.After(time.Hour):
					if test.by >= 0 {
						t.Error("it did not end")
					}
				}
				_, _ = c.Close(), client.Close()
			})
		})
	}
}

// Whatever a request's time, the next one is read whole, and within its deadline.
func TestNextRequest(t *testing.T) {
	for _, served := range []time.Duration{0, patience / 2, patience, time.Minute} {
		for _, early := range []bool{false, true} { // it comes while the first is served
			synctest.Test(t, func(t *testing.T) {
				c, client, requests := serving(t)
				send := func() { _, _ = client.Write([]byte("GET /")) }
				if early {
					go send()
				}
				time.Sleep(served)
				_ = c.SetReadDeadline(time.Now().Add(time.Second))
				if !early {
					time.AfterFunc(time.Second/2, send)
				}
				p := make([]byte, 5)
				if _, err := io.ReadFull(c, p); err != nil || string(p) != "GET /" {
					t.Errorf("after %v, early %t: read %q, %v", served, early, p, err)
				}
				began := time.Now()
				if _, err := c.Read(p); !expired(err) || time.Since(began) > time.Second {
					t.Errorf("after %v, early %t: %v after %v", served, early, err, time.Since(began))
				}
				if requests.Err() != nil {
					t.Errorf("after %v, early %t: the client was taken for one that has left", served, early)
				}
				_, _ = c.Close(), client.Close()
			})
		}
	}
}

// Requests that came together are served one after the other without a read between
// them. However long each takes, what follows them is read whole and in its order.
func TestNextRequestAfterSeveral(t *testing.T) {
	const text = "GET / HTTP/1.1\r\n"
	for _, sent := range []time.Duration{0, patience / 4, patience, 7 * patience / 2} { // after the first began
		synctest.Test(t, func(t *testing.T) {
			c, client, requests := serving(t)
			time.AfterFunc(sent, func() { _, _ = client.Write([]byte(text)) })
			for range 5 {
				time.Sleep(2 * patience)
				_ = c.SetReadDeadline(time.Unix(1, 0)) // as net/http ends its read
				_ = c.SetReadDeadline(time.Time{})
				if n, err := c.Read(make([]byte, 1)); n != 0 || err != nil {
					t.Fatalf("%d bytes read beside the next handler, %v", n, err)
				}
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			p := make([]byte, len(text))
			if n, err := io.ReadFull(c, p); err != nil || string(p) != text {
				t.Errorf("sent after %v: read %q, %v", sent, p[:n], err)
			}
			if requests.Err() != nil {
				t.Errorf("sent after %v: the client was taken for one that has left", sent)
			}
			_, _ = c.Close(), client.Close()
		})
	}
}

// Whatever requests take, and however their bytes come, each of a connection's is
// answered, as one that is whole.
func TestRequestsThatComeTogether(t *testing.T) {
	const requests = 40
	for seed := range uint64(20) {
		bubble(t, func(t *testing.T, intake *fakeIntake, dial func() net.Conn) {
			r := rand.New(rand.NewPCG(seed, 1))
			commits := rand.New(rand.NewPCG(seed, 2))
			intake.commit = func(context.Context) error {
				time.Sleep(time.Duration(commits.Int64N(int64(3 * patience))))
				return nil
			}
			c := dial()
			var sender sync.WaitGroup
			defer sender.Wait()
			sender.Go(func() {
				text := strings.Repeat(head(len(event))+event, requests)
				for len(text) > 0 {
					n := min(1+r.IntN(1+r.IntN(2000)), len(text))
					_, _ = io.WriteString(c, text[:n])
					text = text[n:]
					time.Sleep(patience * time.Duration(r.IntN(8)/7*r.IntN(4)))
				}
			})
			in := bufio.NewReader(c)
			for i := range requests {
				answer, err := http.ReadResponse(in, nil)
				if err != nil || answer.StatusCode != http.StatusAccepted {
					t.Fatalf("seed %d, request %d: %+v, %v", seed, i, answer, err)
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
			}
			_ = c.Close()
			intake.idle()
			if n := intake.rows()["events"]; n != requests {
				t.Errorf("seed %d: %d rows of %d requests", seed, n, requests)
			}
		})
	}
}

// A connection that is idle after a request that took long is closed in its time.
func TestIdleAfterALongRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, client, requests := serving(t)
		time.Sleep(time.Minute)
		began := time.Now()
		_ = c.SetReadDeadline(began.Add(idleTimeout))
		if n, err := c.Read(make([]byte, 5)); n != 0 || !expired(err) || time.Since(began) != idleTimeout {
			t.Errorf("%d bytes read, %v after %v", n, err, time.Since(began))
		}
		if requests.Err() != nil {
			t.Error("the client was taken for one that has left")
		}
		_, _ = c.Close(), client.Close()
	})
}

// HTTP/2 reads frames of a byte, and bytes that are a frame's last, without delay.
func TestFramesOfAByte(t *testing.T) {
	bubble(t, func(t *testing.T, intake *fakeIntake, dial func() net.Conn) {
		c := dial()
		began := time.Now()
		text := preface + frame(frameSettings, 0, 0, "") + frame(frameHeaders, flagHeadersEnd, 1, headerBlock(post2, "/v1/events"))
		for _, b := range []byte(event) {
			text += frame(frameData, 0, 1, string(b))
		}
		go func() { _, _ = io.Copy(c, strings.NewReader(text+frame(frameData, flagEnd, 1, " "))) }()
		frames(c, func(kind byte, _ []byte) {
			if kind == frameHeaders {
				if took := time.Since(began); took > 0 {
					t.Errorf("answered after %v", took)
				}
				_ = c.Close()
			}
		})
		intake.idle()
		if intake.rows()["events"] != 1 {
			t.Errorf("rows %v", intake.rows())
		}
	})
}

// A request whose header ends where net/http's buffer does is read like any other,
// though that asks for its last byte alone.
func TestLastByteOfABuffer(t *testing.T) {
	bubble(t, func(t *testing.T, _ *fakeIntake, dial func() net.Conn) {
		for length := 4<<10 - 3; length < 4<<10+3; length++ {
			c := dial()
			text := "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nX-Long: "
			text += strings.Repeat("x", length-len(text)-len("\r\n\r\n")) + "\r\n\r\n"
			for range 2 {
				go func() { // the last byte for itself
					_, _ = io.WriteString(c, text[:length-1])
					time.Sleep(time.Second)
					_, _ = io.WriteString(c, text[length-1:])
				}()
				p := make([]byte, 4096)
				n, err := c.Read(p)
				if want := "HTTP/1.1 " + http.StatusText(http.StatusAccepted); err != nil || n < len(want) || string(p[:9]) != want[:9] {
					t.Errorf("%d bytes of header: %q, %v", length, p[:n], err)
				}
			}
			_ = c.Close()
		}
	})
}
