package e2e

import (
	"net/http"
	"testing"
)

// TestFullJournal fills the journal while the store is down: 503 with Retry-After,
// until the store is back.
func TestFullJournal(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_JOURNAL_LIMIT=4MiB", "PARQUAY_WINDOW_BYTES=1MiB")
	store := s.useStore()
	s.start()
	store.Kill()
	l := s.load()
	s.await("answers say that the journal is full", flushWithin, func() bool {
		return l.answered(http.StatusServiceUnavailable) > connections
	})
	if l.accepted() == 0 {
		t.Error("nothing was accepted before the journal was full")
	}
	if err := store.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := l.accepted()
	s.await("events are accepted again", flushWithin, func() bool { return l.accepted() > before+1000 })
	l.end()
	s.drain()
	s.check(l)
}

// TestFullMemory gives the one tenant so little memory that the connections don't
// fit at once: 429 with Retry-After to some, and all of them served in the end.
func TestFullMemory(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_MEMORY=64MiB", "PARQUAY_RING_BYTES=1MiB",
		"PARQUAY_MAX_BODY=512KiB", "PARQUAY_MAX_DECODED=512KiB", "PARQUAY_MAX_EVENT=64KiB")
	s.start()
	l := s.load()
	s.await("answers say that the tenant's buffer is full", flushWithin, func() bool {
		return l.answered(http.StatusTooManyRequests) > 0
	})
	before := l.accepted()
	s.await("events are accepted all the same", flushWithin, func() bool { return l.accepted() > before+5000 })
	l.end()
	s.drain()
	s.check(l)
}
