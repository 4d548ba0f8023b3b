package server

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// moves are the times at which a deadline is set, and to what; zero is to none.
type moves []struct{ at, to time.Duration }

// randomMoves sets deadlines at even milliseconds, to odd ones, so that no two things
// happen at once.
func randomMoves() moves {
	m := make(moves, 1+rand.IntN(6))
	at := time.Duration(0)
	for i := range m {
		at += 2 * time.Duration(1+rand.IntN(200)) * time.Millisecond
		m[i].at = at
		if rand.IntN(4) > 0 {
			m[i].to = max(1, at+time.Duration(2*rand.IntN(1000)-201)*time.Millisecond)
		}
	}
	return m
}

// failures returns when calls fail that are made one after the other, until the
// deadlines have been moved and two seconds are over.
func (m moves) failures(call func() error, set func(time.Time) error) (at []time.Duration) {
	began := time.Now()
	end := m[len(m)-1].at + 2*time.Second
	go func() {
		for _, move := range m {
			time.Sleep(time.Until(began.Add(move.at)))
			if move.to == 0 {
				_ = set(time.Time{})
			} else {
				_ = set(began.Add(move.to))
			}
		}
		time.Sleep(time.Until(began.Add(end)))
		_ = set(began)
	}()
	for time.Since(began) < end {
		_ = call()
		at = append(at, time.Since(began))
		time.Sleep(50*time.Millisecond + time.Nanosecond)
	}
	return at
}

// Whatever deadlines are set, and when, reads and writes fail when they would on the
// connection itself.
func TestDeadlinesFailWhenTheyShould(t *testing.T) {
	read := func(n int) func(net.Conn) error {
		return func(c net.Conn) error { _, err := c.Read(make([]byte, n)); return err }
	}
	for name, test := range map[string]struct {
		call func(net.Conn) error
		set  func(net.Conn, time.Time) error
	}{
		"read":           {read(2), net.Conn.SetReadDeadline},
		"read of a byte": {read(1), net.Conn.SetReadDeadline},
		"write":          {func(c net.Conn) error { _, err := c.Write([]byte("xy")); return err }, net.Conn.SetWriteDeadline},
		"both":           {read(2), net.Conn.SetDeadline},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for range 200 {
					m := randomMoves()
					failures := func(c net.Conn) []time.Duration {
						defer c.Close()
						return m.failures(func() error { return test.call(c) }, func(at time.Time) error { return test.set(c, at) })
					}
					plain, _ := net.Pipe()
					end, _ := net.Pipe()
					want, got := failures(plain), failures(newPiped(end))
					if !slices.Equal(got, want) {
						t.Fatalf("moved %v: failed at %v, want %v", m, got, want)
					}
				}
			})
		})
	}
}

// What any read of a byte sees that is none of net/http's: all of it at once.
func TestReadOfAByte(t *testing.T) {
	for name, test := range map[string]struct {
		act  func(c, client net.Conn)
		want error
		by   time.Duration
	}{
		"leaves":  {func(_, client net.Conn) { _ = client.Close() }, io.EOF, 0},
		"sends":   {func(_, client net.Conn) { go func() { _, _ = client.Write([]byte("x")) }() }, nil, 0},
		"closed":  {func(c, _ net.Conn) { _ = c.Close() }, io.ErrClosedPipe, 0},
		"aborted": {func(c, _ net.Conn) { _ = c.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, end := net.Pipe()
				c := newPiped(end)
				read := make(chan error, 1)
				go func() {
					_, err := c.Read(make([]byte, 1))
					read <- err
				}()
				synctest.Wait()
				began := time.Now()
				test.act(c, client)
				if err := <-read; !errors.Is(err, test.want) {
					t.Errorf("%v, want %v", err, test.want)
				}
				if took := time.Since(began); took > test.by {
					t.Errorf("after %v, want at most %v", took, test.by)
				}
				_, _ = c.Close(), client.Close()
			})
		})
	}
}

// A connection that is used all the time is told of a deadline when the one before
// has passed, and not at every request.
func TestDeadlinesAreSeldomSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, end := net.Pipe()
		c := newPiped(end)
		set := 0
		for _, d := range []*deadline{&c.read, &c.write} {
			tell := d.set
			d.set = func(at time.Time) error { set++; return tell(at) }
		}
		go func() {
			for p := make([]byte, 1); ; {
				_, _ = client.Write([]byte("POST"))
				if _, err := client.Read(p); err != nil {
					return
				}
			}
		}()
		for i := range 10_000 { // a minute of what net/http does
			_ = c.SetReadDeadline(time.Now().Add(idleTimeout))
			if n, err := c.Read(make([]byte, 5)); n != 4 || err != nil {
				t.Fatalf("%d bytes read, %v", n, err)
			}
			for _, after := range []time.Duration{readHeaderTimeout, bodyGrace} {
				_ = c.SetReadDeadline(time.Now().Add(after))
			}
			_ = c.SetReadDeadline(time.Time{})
			want := error(nil)
			if i%2 == 0 { // the handler is done before anybody has looked after the client
				_ = c.SetReadDeadline(time.Unix(1, 0))
				want = os.ErrDeadlineExceeded
			}
			if n, err := c.Read(make([]byte, 1)); n != 0 || err != want {
				t.Fatalf("%d bytes read, %v, want %v", n, err, want)
			}
			_ = c.SetReadDeadline(time.Time{})
			time.Sleep(6 * time.Millisecond)
			_ = c.SetWriteDeadline(time.Now().Add(answerTimeout))
			_, _ = c.Write([]byte("2"))
			_ = c.SetWriteDeadline(time.Time{})
		}
		if set > 30 {
			t.Errorf("%d times in a minute", set)
		}
		_, _ = c.Close(), client.Close()
	})
}

// What a deadline that was moved on has interrupted is whole in the end.
func TestDeadlineInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, end := net.Pipe()
		c := newPiped(end)
		_ = c.SetDeadline(time.Now().Add(time.Second))
		go func() { _, _ = client.Write([]byte("first")) }()
		if n, err := c.Read(make([]byte, 8)); n != 5 || err != nil {
			t.Errorf("%d bytes read, %v", n, err)
		}
		time.AfterFunc(time.Second/2, func() { _ = c.SetDeadline(time.Now().Add(time.Hour)) })
		received := make(chan string, 1)
		go func() {
			p := make([]byte, 5)
			_, _ = client.Read(p[:2])
			time.Sleep(2 * time.Second)
			_, _ = io.ReadFull(client, p[2:])
			received <- string(p)
		}()
		if n, err := c.Write([]byte("event")); n != 5 || err != nil {
			t.Errorf("%d bytes written, %v", n, err)
		}
		if got := <-received; got != "event" {
			t.Errorf("received %q", got)
		}
		began := time.Now()
		go func() { _, _ = client.Write([]byte("next")) }()
		if n, err := c.Read(make([]byte, 8)); n != 4 || err != nil || time.Since(began) > 0 {
			t.Errorf("%d bytes read after %v, %v", n, time.Since(began), err)
		}
		_, _ = c.Close(), client.Close()
	})
}
