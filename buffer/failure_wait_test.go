package buffer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
)

// TestFailureReachesThoseWhoWait: requests that wait while a frame fails are told so,
// as is one that was admitted before and comes now; and nobody is admitted (I5).
func TestFailureReachesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFakeFiles(t)
		cfg := config(t, vfs.OS{}, t.TempDir(), files)
		medium := &failsLater{Medium: cfg.Medium, gate: make(chan struct{})}
		cfg.Medium = medium
		g := start(t, cfg)
		before, err := g.Reserve("acme", 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		answers := make(chan error, 3)
		for range cap(answers) {
			go func() { answers <- g.post(batch("acme", 1, 1, 0)) }()
			synctest.Wait() // the first one is being appended, and the others wait
		}
		close(medium.gate)
		for range cap(answers) {
			if err := <-answers; !errors.Is(err, ErrFailed) {
				t.Errorf("a request that waited is answered %v", err)
			}
		}
		if _, err := before.Commit(context.Background(), sent(batch("acme", 1, 1, 0))); !errors.Is(err, ErrFailed) {
			t.Errorf("a request that was admitted is answered %v", err)
		}
		before.Release()
		if _, err := g.Reserve("acme", 0, 1); !errors.Is(err, ErrFailed) {
			t.Errorf("admission says %v", err)
		}
		if err := <-g.ended; !errors.Is(err, ErrFailed) {
			t.Errorf("Run returns %v", err)
		}
		g.ended <- nil
		g.crash()
		if used := g.budget.used.Load(); used != 0 {
			t.Errorf("I6: %d bytes are still taken", used)
		}
		once(t, files)
	})
}

// failsLater is a journal whose first append fails, when the gate opens.
type failsLater struct {
	journal.Medium
	gate chan struct{}
}

func (m *failsLater) Append(*journal.Header, uint64, []byte, bool) (journal.Place, error) {
	<-m.gate
	return journal.Place{}, journal.ErrFailed
}
