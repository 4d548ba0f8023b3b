package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"parquay/loadtest/e2e/check"
	"parquay/loadtest/e2e/ledger"
	"parquay/loadtest/e2e/process"
	"parquay/loadtest/e2e/storefault"
)

// The most puts that a gateway has under way: of all tenants, and of one, those that
// wait to be tried again included.
const (
	putsInFlight = 32
	tenantPuts   = 24
)

// faultyEnv is a gateway that puts many small files.
var faultyEnv = append([]string{"PARQUAY_FILE_ROWS=1000", "PARQUAY_WINDOW_BYTES=1MiB"}, attackedEnv...)

// useFaultyStore has the site put its files into a store behind a proxy.
func (s *site) useFaultyStore() (*process.Store, *storefault.Proxy) {
	s.Helper()
	store := s.useStore()
	p, err := storefault.Start(store.Endpoint(), uint64(s.seed))
	if err != nil {
		s.Fatal(err)
	}
	s.env = append(s.env, "PARQUAY_S3_ENDPOINT="+p.URL()) // the last of a name counts
	s.Cleanup(func() {
		if err := p.Close(); err != nil {
			s.Error(err)
		}
		s.Logf("faults of the store: %v; at most %d puts in flight", p.Faults(), p.MostInFlight())
	})
	return store, p
}

// steady begins to send at a rate at which the gateway is busy and the machine is not.
func (s *site) steady() *load {
	s.Helper()
	return s.loadOf("default", s.seed, &ledger.Client{Rate: min(number(s.T, "E2E_RATE", 3000), 3000)})
}

// fast is a client that sends as much as it is told it may.
func (s *site) fast() *ledger.Client { return &ledger.Client{Rate: number(s.T, "E2E_RATE", 20000)} }

// full says whether the run is a long one.
func full() bool { return os.Getenv("E2E_FULL") != "" }

// many is how many of something a test has: few in an ordinary run.
func many(ordinary, long int) int {
	if full() {
		return long
	}
	return ordinary
}

// files is the keys of files, and not of what a gateway tries a bucket with.
var files = regexp.MustCompile(`/tenant=`)

// puts is a rule for a share of the puts of files; 0 is all.
func puts(share float64, do storefault.Verdict) storefault.Rule {
	return storefault.Rule{Method: http.MethodPut, Key: files, Share: share, Do: do}
}

// awaitCount waits until the proxy has done something so often.
func (s *site) awaitCount(p *storefault.Proxy, do storefault.Verdict, times int) {
	s.Helper()
	s.await(fmt.Sprintf("%q, %d times", do, times), time.Duration(many(1, 20))*flushWithin, func() bool { return p.Count(do) >= times })
}

// settle ends a load whose store works again, and judges: nothing acknowledged is
// lost, nothing is doubled by the gateway, every row is what was sent and where it
// belongs.
func (s *site) settle(p *storefault.Proxy, loads ...*load) *check.Report {
	s.Helper()
	p.Set()
	for _, l := range loads {
		l.end()
	}
	if full() { // what has waited is more than can be put in the time of a stop
		s.await("what has waited is stored", 10*flushWithin, func() bool { return s.value("parquay_pending_windows") == 0 })
	}
	s.drain()
	return s.check(loads...)
}

// value is the sum of the time series of /metrics whose names begin so.
func (s *site) value(series string) float64 {
	s.Helper()
	sum := 0.0
	for line := range strings.Lines(s.metrics()) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(name, series) {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			s.Fatalf("%s is %q", name, text)
		}
		sum += v
	}
	return sum
}

// attempts is how many puts have had an outcome.
func (s *site) attempts(outcome string) float64 {
	s.Helper()
	return s.value(`parquay_bucket_put_attempts_total{outcome="` + outcome + `"}`)
}

// readiness is what /readyz answers.
func (s *site) readiness() (status int, text string) {
	s.Helper()
	status, text, err := s.gateway.Get(s.Context(), s.gateway.Admin+"/readyz")
	if err != nil {
		s.Fatal(err)
	}
	return status, text
}

// sums has the SHA-256 of every object of the bucket.
func (s *site) sums() map[string][sha256.Size]byte {
	s.Helper()
	names, err := check.Files(s.bucket)
	if err != nil {
		s.Fatal(err)
	}
	sums := map[string][sha256.Size]byte{}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(s.bucket, name))
		if err != nil {
			s.Fatal(err)
		}
		sums[name] = sha256.Sum256(content)
	}
	return sums
}

// sameObjects expects the bucket to hold what it held, but for what may have been
// replaced.
func (s *site) sameObjects(before map[string][sha256.Size]byte, replaced ...string) {
	s.Helper()
	after := s.sums()
	for name, sum := range before {
		got, there := after[name]
		if !there || !bytes.Equal(got[:], sum[:]) && !slices.Contains(replaced, name) {
			s.Errorf("%s has changed (there: %v)", name, there)
		}
	}
	if len(after) != len(before) {
		s.Errorf("%d objects, there were %d", len(after), len(before))
	}
}
