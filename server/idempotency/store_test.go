// The rules of the store, one at a time.

package idempotency

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// clock is a clock that tests move.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Unix(1795398330, 0)} }

func (c *clock) read() time.Time { return c.now }

// ended is a context that does not wait.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// begin expects an attempt.
func begin(t *testing.T, s *Store[string], tenant, key string) *Attempt[string] {
	t.Helper()
	a, _, err := s.Begin(ended(), tenant, key, [32]byte{})
	if err != nil || a == nil {
		t.Fatalf("Begin(%q, %q) = %v, %v; want an attempt", tenant, key, a, err)
	}
	return a
}

func TestAnswerIsRememberedForTheWindow(t *testing.T) {
	c := newClock()
	s := New[string](Options{Window: time.Minute, Keys: 100, Now: c.read})
	a := begin(t, s, "acme", "k")
	c.now = c.now.Add(time.Hour) // the window begins with the answer
	a.Done("first", 0)
	c.now = c.now.Add(time.Minute - 1)
	if a, answer, err := s.Begin(ended(), "acme", "k", [32]byte{}); a != nil || answer != "first" || err != nil {
		t.Errorf("within the window: %v, %q, %v", a, answer, err)
	}
	if _, _, err := s.Begin(ended(), "acme", "k", [32]byte{1}); !errors.Is(err, ErrMismatch) {
		t.Errorf("another request: %v", err)
	}
	c.now = c.now.Add(1)
	begin(t, s, "acme", "k").Abandon()
	if s.Held() != 0 {
		t.Errorf("%d keys are held after the window", s.Held())
	}
}

func TestTenantsNeverMeet(t *testing.T) {
	s := New[string](Options{Window: time.Minute, Keys: 100})
	for _, of := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"abc", ""}, {"", "abc"}, {"\x01a", "bc"}, {"a", strings.Repeat("b", 1000)}} {
		begin(t, s, of[0], of[1]).Done(of[0], 0)
	}
}

func TestAttemptEndsOnce(t *testing.T) {
	s := New[string](Options{Window: time.Minute, Keys: 100})
	a := begin(t, s, "acme", "k")
	a.Done("first", 0)
	a.Done("second", 0)
	a.Abandon()
	if _, answer, err := s.Begin(ended(), "acme", "k", [32]byte{}); answer != "first" || err != nil || s.Held() != 1 {
		t.Errorf("%q, %v, %d held", answer, err, s.Held())
	}
}

func TestBounds(t *testing.T) {
	c := newClock()
	s := New[string](Options{Window: time.Minute, Keys: 8, Now: c.read})
	fill := func(tenant string, keys int) {
		for i := range keys {
			begin(t, s, tenant, fmt.Sprint(i)).Done("", 0)
		}
	}
	refused := func(tenant string, want error) {
		t.Helper()
		if _, _, err := s.Begin(ended(), tenant, "new", [32]byte{}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", tenant, err, want)
		}
	}
	fill("a", 2)
	refused("a", ErrTenantFull)
	fill("b", 2)
	fill("c", 2)
	// A large answer is remembered all the same, and paid back by what expires.
	begin(t, s, "d", "large").Done("", 3*Unit-1)
	refused("e", ErrFull)
	refused("a", ErrTenantFull)
	if s.Held() != 9 {
		t.Errorf("%d held, want 9: the large answer counts as 3", s.Held())
	}
	if _, _, err := s.Begin(ended(), "a", "1", [32]byte{}); err != nil {
		t.Errorf("a known key in a full store: %v", err)
	}
	c.now = c.now.Add(time.Minute)
	fill("a", 2)
}

func TestWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New[string](Options{Window: time.Minute, Keys: 100})
		first := begin(t, s, "acme", "k")
		type result struct {
			attempt *Attempt[string]
			answer  string
			err     error
		}
		results := make(chan result)
		for range 3 {
			go func() {
				a, answer, err := s.Begin(t.Context(), "acme", "k", [32]byte{})
				results <- result{a, answer, err}
			}()
		}
		impatient, cancel := context.WithCancel(t.Context())
		go func() {
			_, _, err := s.Begin(impatient, "acme", "k", [32]byte{})
			results <- result{err: err}
		}()
		synctest.Wait()
		if _, _, err := s.Begin(ended(), "acme", "k", [32]byte{1}); !errors.Is(err, ErrMismatch) {
			t.Errorf("another request while the first is in progress: %v", err)
		}
		cancel()
		if r := <-results; !errors.Is(r.err, context.Canceled) {
			t.Errorf("one who no longer waits: %+v", r)
		}
		first.Abandon()
		second := <-results
		synctest.Wait()
		if second.attempt == nil || second.err != nil {
			t.Fatalf("after an abandoned attempt: %+v", second)
		}
		select {
		case r := <-results:
			t.Fatalf("two attempts at a time: %+v", r)
		default:
		}
		second.attempt.Done("second", 0)
		for range 2 {
			if r := <-results; r.attempt != nil || r.answer != "second" || r.err != nil {
				t.Errorf("after an answer: %+v", r)
			}
		}
	})
}

// TestOneAtATime has many goroutines send the same requests: each key is carried
// out by one at a time, and answered once.
func TestOneAtATime(t *testing.T) {
	const keys, goroutines, rounds = 5, 16, 300
	s := New[int](Options{Window: time.Hour, Keys: 1000})
	var busy, done [keys]atomic.Int32
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range rounds {
				k := (g + i) % keys
				a, answer, err := s.Begin(t.Context(), "acme", fmt.Sprint(k), [32]byte{})
				switch {
				case err != nil:
					t.Error(err)
				case a == nil && answer != k:
					t.Errorf("key %d is answered with %d", k, answer)
				case a != nil:
					if busy[k].Add(1) != 1 || done[k].Load() != 0 {
						t.Errorf("key %d is carried out twice", k)
					}
					runtime.Gosched()
					if busy[k].Add(-1); i%3 == 0 {
						a.Abandon()
						continue
					}
					done[k].Add(1)
					a.Done(k, 0)
				}
			}
		})
	}
	wg.Wait()
	if s.Held() != keys {
		t.Errorf("%d held, want %d", s.Held(), keys)
	}
}
