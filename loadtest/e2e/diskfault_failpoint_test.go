package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"parquay/loadtest/e2e/ledger"
	"parquay/loadtest/e2e/process"
)

// exitFailpoint is how a gateway ends at its failpoint (cmd/parquay/failpoint.go).
const exitFailpoint = 86

// failing is the binary with failpoints, built once a run.
var failing = sync.OnceValues(func() (string, error) {
	return process.Build(built, os.Getenv("E2E_RACE") != "", "failpoints")
})

// failpoints are the points at which a gateway is ended, and how often at most it is
// sure to come there.
var failpoints = []struct {
	point    string
	times    int
	recovery bool // it comes there only if it finds a window
}{
	// Opening the journal.
	{"journal.mkdir", 1, false},
	{"journal.lock", 1, false},
	{"journal.list", 1, false},
	// Beginning a segment, and appending to it.
	{"journal.create", 3, false},
	{"journal.write", 20, false},
	{"journal.sync", 20, false},
	{"journal.syncdir", 5, false},
	{"commit", 20, false}, // durable, and not answered
	// Reading a window back.
	{"journal.open", 7, true},
	{"journal.resync", 2, true},
	{"journal.read", 4, true},
	// Putting its files and deleting it.
	{"bucket.put", 6, false},
	{"bucket.mkdir", 6, false},
	{"bucket.create", 6, false},
	{"bucket.write", 6, false},
	{"bucket.sync", 6, false},
	{"bucket.link", 6, false},
	{"bucket.remove", 6, false},
	{"bucket.syncdir", 6, false},
	{"journal.remove", 3, false},
}

// TestFailpoints ends the gateway at every named point, before it, after it, and of a
// write in its middle, and expects every acknowledged event in the files, once.
func TestFailpoints(t *testing.T) {
	t.Parallel()
	s := newSite(t, "PARQUAY_WINDOW_BYTES=1MiB")
	l := s.gently()
	r := rand.New(rand.NewPCG(uint64(s.seed), 2))
	ends := 0
	for _, p := range failpoints {
		moments := []string{"before", "after"}
		if strings.HasSuffix(p.point, ".write") {
			moments = append(moments, "half")
		}
		for _, moment := range moments {
			for range times(t, "E2E_FAILPOINTS", 1, 10) {
				if p.recovery {
					s.endAt(fmt.Sprintf("commit:%d:after", 1+r.IntN(50)))
				}
				s.endAt(fmt.Sprintf("%s:%d:%s", p.point, 1+r.IntN(p.times), moment))
				ends++
			}
		}
	}
	s.how = nil
	s.start()
	l.end()
	s.drain()
	s.check(l)
	s.Logf("%d ends at %d points", ends, len(failpoints))
}

// TestFailpointsOfSeveralSegments is TestFailpoints for the deletion of a window of
// more than one segment, of 64 MiB each.
func TestFailpointsOfSeveralSegments(t *testing.T) {
	t.Parallel()
	if os.Getenv("E2E_FULL") == "" {
		t.Skip("missing: E2E_FULL=1, since it takes minutes")
	}
	s := newSite(t, "PARQUAY_WINDOW_BYTES=70MiB", "PARQUAY_FLUSH_INTERVAL=1h", "PARQUAY_MEMORY=1GiB")
	l := s.loadOf("default", s.seed, &ledger.Client{Rate: 100_000})
	for _, spec := range []string{"journal.rename:1:before", "journal.rename:1:after", "journal.remove:1:before", "journal.remove:1:after", "journal.remove:2:before", "journal.remove:2:after"} {
		s.endAt(spec)
	}
	s.how = nil
	s.start()
	l.end()
	s.drain()
	s.check(l)
}

// endAt starts a gateway that ends at a failpoint, and waits until it has.
func (s *site) endAt(spec string) {
	s.Helper()
	s.failAt(spec)
	ctx, cancel := context.WithTimeout(s.Context(), startWithin)
	defer cancel()
	if err := s.tryStart(ctx); err != nil && !errors.Is(err, process.ErrEnded) {
		s.Fatalf("%s: %v", spec, err)
	}
	code, err := s.gateway.Wait(flushWithin)
	s.target.Store("")
	if err != nil {
		s.Fatalf("%s was not reached: %v", spec, err)
	}
	if code != exitFailpoint {
		s.Fatalf("%s: exit code %d; it printed:\n%s", spec, code, strings.Join(s.gateway.Tail(), "\n"))
	}
}

// failAt has the next gateways be ones with a failpoint.
func (s *site) failAt(spec string) {
	s.Helper()
	binary, err := failing()
	if err != nil {
		s.Fatal(err)
	}
	s.how = func(o *process.Options) {
		// Without the check of the bucket at start, which would be what gets there first.
		o.Binary, o.Env = binary, append(o.Env[:len(o.Env):len(o.Env)], "PARQUAY_FAILPOINT="+spec, "PARQUAY_CHECK_BUCKET=false")
	}
}

// TestFailpointsAreNotShipped looks for them in the binary that is.
func TestFailpointsAreNotShipped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		build func() (string, error)
		has   bool
	}{{program, false}, {failing, true}} {
		name, err := test.build()
		if err != nil {
			t.Fatal(err)
		}
		binary, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"PARQUAY_FAILPOINT", "pointFile"} {
			if bytes.Contains(binary, []byte(text)) != test.has {
				t.Errorf("%s: that it contains %s is %t", filepath.Base(name), text, !test.has)
			}
		}
	}
}

// TestPanic lets parts of the gateway panic. In a request's handler that costs this
// request a 500; in the background the process dies. Nothing acknowledged is lost.
func TestPanic(t *testing.T) {
	t.Parallel()
	t.Run("handler", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.failAt("commit:1:before:panic")
		s.start()
		if status, answer := s.post("/v1/events", `{"type":"message.sent"}`); status != http.StatusInternalServerError {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := s.post("/v1/events", `{"type":"message.sent"}`); status != http.StatusAccepted {
			t.Errorf("after the panic: %d %s", status, answer)
		}
		if !strings.Contains(s.metrics(), "parquay_http_panics_total 1\n") {
			t.Error("parquay_http_panics_total is not 1")
		}
		if !s.gateway.Said("ERROR", "panicked") {
			t.Error("the log does not tell of the panic")
		}
		s.stop(stopWithin)
		count := 0
		for _, rows := range s.rows("events") {
			count += len(rows)
		}
		if count != 1 {
			t.Errorf("%d rows of the one event that was accepted", count)
		}
	})
	t.Run("background", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		l := s.loadOf("default", s.seed, &ledger.Client{Rate: number(t, "E2E_RATE", 5000)})
		for _, point := range []string{"journal.sync:30:before", "journal.write:30:after", "bucket.put:2:after", "journal.remove:1:before", "journal.read:3:after"} {
			s.failAt(point + ":panic")
			ctx, cancel := context.WithTimeout(t.Context(), startWithin)
			defer cancel()
			if err := s.tryStart(ctx); err != nil && !errors.Is(err, process.ErrEnded) {
				t.Fatalf("%s: %v", point, err)
			}
			s.exits(2, flushWithin) // Go's own exit code
			if !s.gateway.Said("panic: failpoint") {
				t.Errorf("%s: the process printed no panic", point)
			}
		}
		s.how = nil
		s.start()
		l.end()
		s.drain()
		s.check(l)
	})
}
