package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parquay/loadtest/e2e/check"
)

// TestDamage spoils segments of a journal between two gateways: bits, pages, ends. All
// rows but those of the frames that were hit are in the files, as they were sent; what
// was hit is kept aside, counted and logged.
func TestDamage(t *testing.T) {
	t.Parallel()
	for round := range times(t, "E2E_DAMAGES", 1, 30) {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "PARQUAY_WINDOW_BYTES=1MiB", "PARQUAY_FLUSH_INTERVAL=1h")
			s.damageAndCheck(rand.New(rand.NewPCG(uint64(s.seed), 3)))
		})
	}
}

func (s *site) damageAndCheck(r *rand.Rand) {
	// Nothing leaves the journal: where the bucket should be is a file.
	s.keepFiles(s.work)
	if err := os.WriteFile(s.bucket, nil, 0o644); err != nil {
		s.Fatal(err)
	}
	s.start()
	l := s.load()
	s.await("the journal has some windows", flushWithin, func() bool { return len(s.journal()) > 8 })
	l.end()
	s.kill()

	segments := s.journal()
	slices.Sort(segments) // one a window, in their order
	lost, hit := 0, 0
	for _, name := range segments[:len(segments)-1] { // the last one's end would be a torn tail
		if r.IntN(3) == 0 {
			continue
		}
		segment := readSegment(s.T, name)
		from, to := spoil(s.T, r, name)
		rows := segment.lost(from, to)
		s.Logf("%s: %d frames, header of %d bytes, wrong from %d to %d: %d rows lost",
			filepath.Base(name), len(segment.frames), segment.header.to, from, to, rows)
		if rows > 0 {
			lost += rows
			hit++
		}
	}
	if err := os.Remove(s.bucket); err != nil {
		s.Fatal(err)
	}
	s.start()
	s.await("the journal is read", flushWithin, func() bool { return len(s.journal()) == 0 })
	if want := fmt.Sprintf("parquay_journal_corrupt_windows_total %d\n", hit); !strings.Contains(s.metrics(), want) {
		s.Errorf("/metrics does not say %q", want)
	}
	if hit > 0 && !s.gateway.Said("ERROR", "quarantine") {
		s.Error("the log does not tell of the quarantine")
	}
	s.stop(stopWithin)
	if aside, _ := filepath.Glob(filepath.Join(s.data, "journal", "quarantine", "*.journal")); len(aside) != hit {
		s.Errorf("%d segments were spoilt and %d are kept aside: %q", hit, len(aside), aside)
	}
	report, err := check.Bucket(s.bucket, map[string]string{l.tenant: l.ledger})
	if err != nil {
		s.Fatal(err)
	}
	if report.Missing != lost || report.Failed != lost || lost == report.Acknowledged {
		s.Errorf("%d of the rows were in frames that are lost, and %d are missing: %s", lost, report.Missing, report)
	}
	s.Logf("%d of %d segments spoilt, %d rows lost, %d in the files", hit, len(segments), lost, report.Rows)
}

// spoil makes some bytes of a file wrong, and says which.
func spoil(t *testing.T, r *rand.Rand, name string) (from, to int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	end := len(strings.TrimRight(string(b), "\x00")) // of what is more than zeros
	at := r.IntN(end)
	switch r.IntN(5) {
	case 0: // a bit
		from, to = at, at+1
		b[at] ^= 1 << r.IntN(8)
	case 1: // a page of zeros: a write that was lost
		from = at &^ 4095
		to = min(from+4096, len(b))
		clear(b[from:to])
	case 2: // a page of another file
		from = at &^ 4095
		to = min(from+4096, len(b))
		for i := range b[from:to] {
			b[from+i] = byte(r.Uint32())
		}
	case 3: // the end is missing
		from, to = at, len(b)
		b = b[:at]
	case 4: // the beginning of the file comes again
		from, to = at, min(2*at, len(b))
		copy(b[from:to], b[:at])
	}
	if err := os.WriteFile(name, b, 0o640); err != nil {
		t.Fatal(err)
	}
	return from, to
}
