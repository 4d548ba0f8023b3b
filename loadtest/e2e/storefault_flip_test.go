package e2e

import (
	"net/http"
	"testing"

	"parquay/loadtest/e2e/storefault"
)

// TestFlippedBytes changes a byte of puts on their way to the store: its checksum
// refuses every one, and the file is put again as it should be (F18).
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	for _, checksum := range []string{"crc32", "crc32c"} {
		t.Run(checksum, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, append(faultyEnv, "PARQUAY_S3_CHECKSUM="+checksum)...)
			_, p := s.useFaultyStore()
			flip := storefault.FlipBody()
			p.Set(puts(0.5, flip))
			s.start()
			l := s.steady()
			s.awaitCount(p, flip, many(10, 1000))
			s.settle(p, l)
			for _, r := range p.Log() {
				if r.Verdict == flip.String() && r.Status != http.StatusBadRequest {
					t.Errorf("wrong bytes of %s are answered %d", r.Key, r.Status)
				}
			}
			s.onlyWhatWasPut(p)
		})
	}
}

// TestFlippedAnswers changes a byte of the store's answers, and of refusals: what it
// makes of them never has a window deleted whose files are not in the bucket.
func TestFlippedAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	_, p := s.useFaultyStore()
	flip := storefault.FlipAnswer()
	p.Set(puts(0.7, flip))
	s.start()
	l := s.steady()
	s.awaitCount(p, flip, many(40, 3000))
	s.settle(p, l)
	s.onlyWhatWasPut(p)
}

// TestFalselyPresent has puts answered that their object is there, which it is not: the
// word of something in between, or of a byte that has changed. No window is deleted for
// it.
func TestFalselyPresent(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	_, p := s.useFaultyStore()
	present := storefault.Answer(http.StatusPreconditionFailed, "PreconditionFailed")
	p.Set(puts(0.5, present))
	s.start()
	l := s.steady()
	s.awaitCount(p, present, many(10, 1000))
	s.settle(p, l)
	s.onlyWhatWasPut(p)
}
