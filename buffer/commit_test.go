package buffer

import (
	"context"
	"errors"
	"testing"

	"parquay/buffer/journal/vfs"
)

// TestCommitOfNobody: a commit that nobody waits for any more is not the next
// request's, whose batches would take its place, and which would get its answer.
func TestCommitOfNobody(t *testing.T) {
	files := newFakeFiles(t)
	cfg := config(t, vfs.OS{}, t.TempDir(), files)
	slow := gated(&cfg)
	g := start(t, cfg)
	first, second, third := batch("acme", 1, 1, 0), batch("acme", 1, 1, 0), batch("acme", 1, 1, 0)
	held := make(chan error)
	go func() { held <- g.post(first) }()
	<-slow.entered // from here on the committer is in this append

	gone, leave := context.WithCancel(context.Background())
	leave()
	r, err := g.Reserve("acme", 0, cost(second))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(gone, sent(second)); !errors.Is(err, context.Canceled) {
		t.Errorf("commit for a client that is gone: %v", err)
	}
	r.Release()
	go func() {
		g.awaitWaiting(2)
		close(slow.gate)
	}()
	if err := g.post(third); err != nil { // here, where what was put back would be found again
		t.Error(err)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
	g.finish()
	once(t, files, first, second, third)
}
