package e2e

import (
	"testing"
	"time"
)

// TestStoreOutage stops the store for some seconds under load. Events are still
// acknowledged, since the journal has them, and get into the bucket afterwards.
func TestStoreOutage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	store := s.useStore()
	s.start()
	l := s.load()
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })

	store.Kill()
	before, down := l.accepted(), time.Now()
	// Longer than two windows, so that files wait for the store.
	s.await("events are accepted while the store is down", flushWithin, func() bool {
		return time.Since(down) > 3*time.Second && l.accepted() > before+1000
	})
	if len(s.journal()) == 0 {
		t.Error("the journal is empty although the store is down")
	}
	if err := store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := l.accepted()
	s.await("events are accepted after the outage", flushWithin, func() bool { return l.accepted() > after+1000 })

	l.end()
	s.drain()
	s.check(l)
}
