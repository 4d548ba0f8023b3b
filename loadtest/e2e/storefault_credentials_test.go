package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parquay/loadtest/e2e/process"
	"parquay/loadtest/e2e/storefault"
)

// issuer hands out credentials, as the agent of a container platform does.
type issuer struct {
	*httptest.Server
	lease  atomic.Int64 // how long they are said to be valid
	broken atomic.Bool  // it answers 500
	wrong  atomic.Bool  // the key is one that the store does not know
	issued atomic.Int64
}

func newIssuer(t *testing.T, lease time.Duration) *issuer {
	t.Helper()
	known := map[string]string{}
	for _, pair := range process.Credentials() {
		name, value, _ := strings.Cut(pair, "=")
		known[name] = value
	}
	i := &issuer{}
	i.lease.Store(int64(lease))
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if i.broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		key := known["AWS_ACCESS_KEY_ID"]
		if i.wrong.Load() {
			key = "another" // a secret alone never changes
		}
		i.issued.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"AccessKeyId": key, "SecretAccessKey": known["AWS_SECRET_ACCESS_KEY"],
			"Expiration": time.Now().Add(time.Duration(i.lease.Load())).UTC().Format(time.RFC3339),
		})
	}))
	t.Cleanup(i.Close)
	return i
}

// lendTo has the gateways of a site get their credentials from the issuer, and from
// nowhere else.
func (i *issuer) lendTo(s *site) {
	s.env = append(s.env, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+i.URL)
}

// TestCredentialsExpire has credentials expire every few seconds. They are renewed, and
// when whoever issues them is broken, or issues wrong ones, puts wait until it is not.
func TestCredentialsExpire(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	_, p := s.useFaultyStore()
	i := newIssuer(t, 2*time.Second)
	i.lendTo(s)
	s.start()
	l := s.steady()
	renewed := int64(many(3, 100))
	s.await("credentials are renewed", time.Duration(many(1, 5))*flushWithin, func() bool {
		return i.issued.Load() >= renewed && s.attempts("stored") > 0
	})
	s.weather(p, l, "wrong credentials", func() { i.wrong.Store(true) }, func() { i.wrong.Store(false) }, "missing") // versitygw has no such user
	s.weather(p, l, "no credentials", func() { i.broken.Store(true) }, func() { i.broken.Store(false) }, "denied")
	s.settle(p, l)
}

// TestCredentialsRevoked has the store say that credentials have expired which by their
// own date have not. New ones are asked for, not only when the old ones are to expire.
func TestCredentialsRevoked(t *testing.T) {
	t.Parallel()
	s := newSite(t, faultyEnv...)
	_, p := s.useFaultyStore()
	i := newIssuer(t, time.Hour)
	i.lendTo(s)
	s.start()
	l := s.steady()
	s.await("puts work", flushWithin, func() bool { return s.attempts("stored") > 0 })
	codes := []string{"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "TokenRefreshRequired"}
	for _, code := range codes[:many(1, len(codes))] {
		before := i.issued.Load()
		s.weather(p, l, code,
			func() { p.Set(puts(0, storefault.Answer(http.StatusForbidden, code))) },
			func() { p.Set() }, "denied")
		n := i.issued.Load() - before
		if n == 0 {
			t.Errorf("%s: no new credentials were asked for", code)
		}
		t.Logf("%s: credentials were asked for %d times", code, n)
	}
	s.settle(p, l)
}
