package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve is a server of a handler, and its endpoint.
func serve(t *testing.T, h http.HandlerFunc) endpoint {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return endpoint{strings.TrimPrefix(s.URL, "http://"), "/v1/events", http.StatusAccepted}
}

// patient bounds what a test waits for.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestSendEachBodyOnce(t *testing.T) {
	e := generate(1000, 7, time.Now())
	var mu sync.Mutex
	var bodies []string
	var busy atomic.Int64
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/events" {
			t.Errorf("%s: %v", r.URL, err)
		}
		if busy.Add(1)%5 == 0 {
			http.Error(w, "later", http.StatusTooManyRequests)
			return
		}
		mu.Lock()
		bodies = append(bodies, string(body)+"\n")
		mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	})
	sent, err := p.send(patient(t), e, 4, 0)
	if err != nil || sent.requests != e.bodies() || len(sent.latencies) != e.bodies() || sent.retries != int64(e.bodies()-1)/4 {
		t.Errorf("%d of %d bodies, %d latencies, %d retries, %v", sent.requests, e.bodies(), len(sent.latencies), sent.retries, err)
	}
	slices.Sort(bodies)
	got := []byte(strings.Join(bodies, ""))
	want := slices.Sorted(func(yield func(string) bool) {
		for i := range e.bodies() {
			if !yield(string(e.body(i)) + "\n") {
				return
			}
		}
	})
	if !bytes.Equal(got, []byte(strings.Join(want, ""))) {
		t.Error("what arrived is not what was to be sent")
	}
}

func TestSendStopsInTime(t *testing.T) {
	e := generate(100_000, 1, time.Now())
	var answered atomic.Int64
	p := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if answered.Add(1) > int64(e.bodies())/2 {
			t.Error("time has passed, and it goes on")
		}
		time.Sleep(time.Millisecond) // all of them would take half a minute
		w.WriteHeader(http.StatusAccepted)
	})
	sent, err := p.send(patient(t), e, 3, 50*time.Millisecond)
	if err != nil || int64(sent.requests) != answered.Load() {
		t.Errorf("%d requests are counted and %d were answered, %v", sent.requests, answered.Load(), err)
	}
}

func TestSendFails(t *testing.T) {
	e := generate(100, 1, time.Now())
	t.Run("refused", func(t *testing.T) {
		p := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no good", http.StatusBadRequest) })
		if _, err := p.send(patient(t), e, 2, 0); err == nil || !strings.Contains(err.Error(), "400: no good") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		address, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (endpoint{address, "/", 202}).send(patient(t), e, 2, 0); err == nil {
			t.Error("there is no error")
		}
	})
	for name, h := range map[string]http.HandlerFunc{
		"never answered": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
			<-r.Context().Done()
		},
		"busy for ever": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errTimeout)
			defer cancel()
			if _, err := serve(t, h).send(ctx, e, 2, 0); !errors.Is(err, errTimeout) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestBareHandler(t *testing.T) {
	p := serve(t, bareRouter().ServeHTTP)
	sent, err := p.send(patient(t), generate(100, 1, time.Now()), 2, 0)
	if err != nil || sent.requests != 100 {
		t.Errorf("%d requests, %v", sent.requests, err)
	}
}
