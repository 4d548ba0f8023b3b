package e2e

import (
	"context"
	"errors"
	"testing"

	"parquay/loadtest/e2e/process"
)

// TestSecondProcess starts a second gateway on the same directory: it refuses, and
// the first one does not notice.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	l := s.load()

	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	second, err := process.Start(ctx, s.options())
	if !errors.Is(err, process.ErrEnded) {
		second.Kill()
		t.Fatalf("a second gateway on the same directory: %v", err)
	}
	if code, _ := second.Wait(stopWithin); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if !second.Said("in use by another process") {
		t.Errorf("the message does not tell why: %v", err)
	}

	before := l.accepted()
	s.await("the first gateway accepts events", flushWithin, func() bool { return l.accepted() > before+1000 })
	l.end()
	s.drain()
	s.check(l)
}
