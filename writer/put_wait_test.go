package writer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// After an outage the first Put that succeeds has the others tried at once, unless what
// they met was another failure, or one that asks for distance.
func TestPutterWaitsNoLongerThanTheOutage(t *testing.T) {
	const outage = time.Hour
	for _, c := range []struct {
		name   string
		others error // what the others fail with; the first one is refused connections
		within time.Duration
	}{
		{"the same failure", errConnection, 0},
		{"another failure", statusError(500), backoffCap},
	} {
		t.Run(c.name, func(t *testing.T) { recoverFrom(t, outage, errConnection, c.others, c.within) })
	}
	t.Run("throttled", func(t *testing.T) { recoverFrom(t, outage, statusError(503), statusError(503), backoffCap) })
	t.Run("throttled by 429", func(t *testing.T) { recoverFrom(t, outage, statusError(429), statusError(429), backoffCap) })
}

var errConnection = &connectionError{}

type connectionError struct{}

func (*connectionError) Error() string   { return "connection refused" }
func (*connectionError) Timeout() bool   { return false }
func (*connectionError) Temporary() bool { return false }

// recoverFrom has Puts fail for a while. One of them is tried again just when that is
// over; the others are done within some time of it, and not before the end of that if
// it is their backoff that they wait for.
func recoverFrom(t *testing.T, outage time.Duration, first, others error, within time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p, _, _ := newTestPutter(8, func(_ context.Context, key string, _ Body) error {
			switch {
			case time.Since(start) >= outage:
				return nil
			case key == "first":
				return first
			}
			return others
		})
		p.jitter = func(limit time.Duration) time.Duration { return limit }
		var group sync.WaitGroup
		var ended time.Duration
		var last atomic.Int64
		group.Go(func() {
			if err := p.Put(t.Context(), "first", strings.NewReader("x")); err != nil {
				t.Error(err)
			}
			ended = time.Since(start)
		})
		time.Sleep(time.Second) // so that they don't wake together
		for _, key := range []string{"a", "b", "c"} {
			group.Go(func() {
				if err := p.Put(t.Context(), key, strings.NewReader("x")); err != nil {
					t.Error(err)
				}
				last.Store(int64(time.Since(start)))
			})
		}
		group.Wait()
		switch late := time.Duration(last.Load()) - ended; {
		case within == 0 && late != 0:
			t.Errorf("the others are done %v after the first", late)
		case within > 0 && (late <= 0 || late > within):
			t.Errorf("the others are done %v after the first, want their own time, within %v", late, within)
		}
	})
}

// Hurry ends the waits under way, of every kind, and has later ones be short.
func TestPutterHurries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errs := []error{errConnection, statusError(503), statusError(403), errors.New("?")}
		start, over := time.Now(), false
		var mu sync.Mutex
		p, _, _ := newTestPutter(8, func(_ context.Context, key string, _ Body) error {
			mu.Lock()
			defer mu.Unlock()
			if over {
				return nil
			}
			return errs[key[0]-'0']
		})
		var group sync.WaitGroup
		for i := range errs {
			group.Go(func() {
				if err := p.Put(t.Context(), string(rune('0'+i)), strings.NewReader("x")); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Hour + time.Second)
		before := time.Since(start)
		mu.Lock()
		over = true
		mu.Unlock()
		p.Hurry()
		group.Wait()
		if late := time.Since(start) - before; late != 0 {
			t.Errorf("the last is done %v after Hurry", late)
		}

		mu.Lock()
		over = false
		mu.Unlock()
		attempts, at := 0, time.Now()
		p.bucket = scriptedBucket{put: func(context.Context, string, Body) error {
			if attempts++; attempts < 20 {
				return statusError(503)
			}
			return nil
		}}
		if err := p.Put(t.Context(), "0", strings.NewReader("x")); err != nil {
			t.Error(err)
		}
		if took := time.Since(at); took > 20*hurriedCap || took < 10*hurriedCap {
			t.Errorf("19 waits take %v after Hurry, want most of them %v long", took, hurriedCap)
		}
	})
}
