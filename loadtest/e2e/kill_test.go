package e2e

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"parquay/loadtest/e2e/process"
)

// TestKill kills the gateway at random moments under load, while it starts and
// recovers too, and expects every acknowledged event in the files, once.
func TestKill(t *testing.T) {
	t.Parallel()
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		killAndCheck(newSite(t))
	})
	t.Run("s3", func(t *testing.T) {
		t.Parallel()
		// Small windows and files, so that kills fall between the parts of an hour.
		s := newSite(t, "PARQUAY_FILE_ROWS=1000", "PARQUAY_WINDOW_BYTES=1MiB")
		s.useStore()
		killAndCheck(s)
	})
}

func killAndCheck(s *site) {
	kills := number(s.T, "E2E_KILLS", 15)
	r := rand.New(rand.NewPCG(uint64(s.seed), 0))
	l := s.load()
	early := 0 // kills before it listened
	for range kills {
		life := time.Duration(20+r.IntN(780)) * time.Millisecond
		if !s.live(life) {
			early++
		}
	}
	s.start()
	l.end()
	s.drain()
	report := s.check(l)
	if report.Repeated == 0 {
		s.Log("no event was taken twice: no kill fell between the journal and the answer")
	}
	s.Logf("%d kills, %d of them before the gateway listened", kills, early)
}

// live runs a gateway and kills it after a while, whatever it does at that moment.
// It says whether it had come to listen.
func (s *site) live(life time.Duration) bool {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), life)
	defer cancel()
	err := s.tryStart(ctx)
	if err != nil && (errors.Is(err, process.ErrEnded) || ctx.Err() == nil) {
		s.Fatal(err)
	}
	if err != nil {
		return false
	}
	<-ctx.Done()
	s.kill()
	return true
}
