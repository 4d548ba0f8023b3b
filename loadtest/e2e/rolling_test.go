package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"parquay/loadtest/e2e/ledger"
	"parquay/loadtest/e2e/process"
)

// previous is the binary of the commit before, or of E2E_PREVIOUS, built once a run.
var previous = sync.OnceValues(func() (string, error) {
	revision := os.Getenv("E2E_PREVIOUS")
	if revision == "" {
		revision = "HEAD~1"
	}
	return process.BuildRevision(built, revision)
})

// versions are the binary of before and that of now.
func versions(t *testing.T) [2]string {
	t.Helper()
	before, err := previous()
	if errors.Is(err, process.ErrNoHistory) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	now, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return [2]string{before, now}
}

// TestRollingRestart replaces three replicas one by one by another version under
// load, and then back, behind a balancer that retries. No client sees anything of
// it, and every event is in the bucket, once (F20).
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	version := versions(t)
	s := newSite(t)
	s.useStore()
	b := newBalancer(t)
	s.target.Store(b.url)
	var replicas []*replica
	for i := range 3 {
		r := s.replica(fmt.Sprintf("replica-%d", i))
		r.start(version[0])
		b.add(r.gateway.Events)
		replicas = append(replicas, r)
	}
	l := s.loadOf("default", s.seed, &ledger.Client{Rate: number(t, "E2E_RATE", 20000) / 4})
	begin := time.Now()
	rolls, replaced := number(t, "E2E_ROLLS", 2), 0
	// More than that only while no request has met a replica that was stopping, which
	// takes some milliseconds.
	for round := 0; round < rolls || b.retries() == 0 && round < rolls+20; round++ {
		for i, r := range replicas {
			old := r.gateway.Events
			s.await("it has answered", flushWithin, func() bool { return b.answers(old) >= 20 })
			r.stop()
			b.remove(old)
			if left := r.journal(); len(left) > 0 {
				t.Errorf("replica %d has stopped, and its journal holds %q", i, left)
			}
			r.start(version[(round+1)%2])
			b.add(r.gateway.Events)
			replaced++
		}
	}
	for _, r := range replicas {
		now := r.gateway.Events
		s.await("it has answered", flushWithin, func() bool { return b.answers(now) >= 20 })
	}
	took := time.Since(begin)
	l.end()
	for _, r := range replicas {
		r.stop()
	}
	s.target.Store("")
	t.Logf("%d replicas replaced in %v; the balancer took %d requests to another one", replaced, took.Round(time.Millisecond), b.retries())
	statuses, unheard, _ := l.client.Stats()
	for status, n := range statuses {
		if !slices.Contains([]int{http.StatusAccepted, http.StatusMultiStatus, http.StatusUnprocessableEntity, http.StatusBadRequest}, status) {
			t.Errorf("%d requests were answered %d", n, status)
		}
	}
	if unheard > 0 {
		t.Errorf("%d requests had no answer", unheard)
	}
	if b.retries() == 0 {
		t.Error("the balancer had nothing to retry: no request met a replica that was stopping")
	}
	s.check(l)
}

// TestVersionsTakeOver kills each version under load, and has the other one recover
// its journal, forwards and back (F20).
func TestVersionsTakeOver(t *testing.T) {
	t.Parallel()
	version := versions(t)
	s := newSite(t, "PARQUAY_FILE_ROWS=1000", "PARQUAY_WINDOW_BYTES=1MiB")
	r := rand.New(rand.NewPCG(uint64(s.seed), 3))
	l := s.loadOf("default", s.seed, &ledger.Client{Rate: number(t, "E2E_RATE", 20000) / 4})
	for round := range 2 * number(t, "E2E_ROLLS", 2) {
		s.how = func(o *process.Options) { o.Binary = version[round%2] }
		s.start()
		before := l.accepted()
		s.await("events are accepted", flushWithin, func() bool { return l.accepted() > before+500 })
		time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond) // so that the kill falls anywhere in a window
		s.kill()
		if len(s.journal()) == 0 {
			t.Log("the journal was empty at the kill")
		}
	}
	s.how = nil
	s.start()
	l.end()
	s.drain()
	s.check(l)
}
