// What the tests of broken disks have in common.

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parquay/loadtest/e2e/ledger"
)

// times is how often a test does what it does: few times, or with E2E_FULL many, or
// as a variable says.
func times(t *testing.T, variable string, few, many int) int {
	t.Helper()
	if os.Getenv("E2E_FULL") != "" {
		few = many
	}
	return number(t, variable, few)
}

// keep has the gateway keep everything below dir, the bucket too.
func (s *site) keep(dir string) {
	s.data = filepath.Join(dir, "parquay-data")
	s.bucket = filepath.Join(s.data, "bucket")
	s.env = append(s.env, "PARQUAY_DIR="+s.data)
}

// keepFiles has the gateway put its files into a folder of its own.
func (s *site) keepFiles(dir string) {
	s.bucket = filepath.Join(dir, "files")
	s.env = append(s.env, "PARQUAY_BUCKET=file://"+s.bucket)
}

// gently begins to send at a rate that leaves the processors time for other tests.
func (s *site) gently() *load {
	s.Helper()
	return s.loadOf("default", s.seed, &ledger.Client{Rate: number(s.T, "E2E_RATE", 5000)})
}

// ready is what /readyz answers.
func (s *site) ready() (status int, body string) {
	s.Helper()
	status, body, err := s.gateway.Get(s.Context(), s.gateway.Admin+"/readyz")
	if err != nil {
		return 0, err.Error()
	}
	return status, strings.TrimSpace(body)
}

// exits waits until the gateway has ended by itself, with a code.
func (s *site) exits(want int, limit time.Duration) {
	s.Helper()
	code, err := s.gateway.Wait(limit)
	s.target.Store("")
	if err != nil {
		s.Fatal(err)
	}
	if code != want {
		s.Errorf("exit code %d, want %d; it printed:\n%s", code, want, strings.Join(s.gateway.Tail(), "\n"))
	}
}
