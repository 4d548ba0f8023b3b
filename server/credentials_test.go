package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"parquay/server/tenants"
)

// provisioned is a tenant with a key.
type provisioned struct {
	key   string
	entry string // in the file
}

// keyOfTenant is the key that provision gives a tenant, the same every time.
func keyOfTenant(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "pqy_" + hex.EncodeToString(sum[:6]) + "_" + base32.StdEncoding.EncodeToString(sum[:])[:52]
}

// provision makes a tenant; more are members of its entry.
func provision(name string, more ...string) provisioned {
	key := keyOfTenant(name)
	_, rest, _ := strings.Cut(key, "_")
	id, secret, _ := strings.Cut(rest, "_")
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(secret)))
	members := append([]string{fmt.Sprintf(`"name":%q,"keys":[{"id":%q,"sha256":%q}]`, name, id, hash)}, more...)
	return provisioned{key, "{" + strings.Join(members, ",") + "}"}
}

// tenantsFile opens a registry of such entries.
func tenantsFile(t testing.TB, entries ...string) *tenants.Registry {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tenants.json")
	write(t, path, []byte(`{"tenants":[`+strings.Join(entries, ",")+`]}`))
	r, err := tenants.Open(path, tenants.Options{
		Logger: slog.New(slog.DiscardHandler), Metrics: tenants.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// withTenants is cfg with tenants of such names, without limits.
func withTenants(t testing.TB, cfg Config, names ...string) Config {
	var entries []string
	for _, name := range names {
		entries = append(entries, provision(name).entry)
	}
	cfg.Tenants = tenantsFile(t, entries...)
	return cfg
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// A key is taken in every form; whose it is decides, and nothing else (I8).
func TestCredentials(t *testing.T) {
	intake := newFakeIntake(t)
	cfg := testConfig(intake)
	acme, other := provision("acme"), provision("other")
	key := acme.key
	cfg.Tenants = tenantsFile(t, acme.entry, other.entry)
	s := newServer(t, cfg)
	for name, test := range map[string]struct {
		fields http.Header
		tenant string
	}{
		"nothing":                         {nil, ""},
		"bearer":                          {http.Header{"Authorization": {"Bearer " + key}}, "acme"},
		"bearer in small letters":         {http.Header{"Authorization": {"bearer  " + key + " "}}, "acme"},
		"X-API-Key":                       {http.Header{"X-Api-Key": {key}}, "acme"},
		"basic":                           {http.Header{"Authorization": {basic("acme", key)}}, "acme"},
		"basic, the user does not matter": {http.Header{"Authorization": {basic("other", key)}}, "acme"},
		"another tenant's":                {http.Header{"X-Api-Key": {other.key}}, "other"},
		"the same one twice":              {http.Header{"X-Api-Key": {key}, "Authorization": {basic("", key)}}, "acme"},
		"two tenants'":                    {http.Header{"X-Api-Key": {key}, "Authorization": {"Bearer " + other.key}}, ""},
		"two that differ, first empty":    {http.Header{"X-Api-Key": {""}, "Authorization": {"Bearer " + key}}, ""},
		"two fields of a kind":            {http.Header{"Authorization": {"Bearer " + key, "Bearer " + other.key}}, ""},
		"good, bad, good":                 {http.Header{"Authorization": {"Bearer " + key, "Bearer x", "Bearer " + key}}, ""},
		"two keys in a field":             {http.Header{"X-Api-Key": {key + "," + other.key}}, ""},
		"basic, the key as user":          {http.Header{"Authorization": {basic(key, "")}}, ""},
		"basic without a colon":           {http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(key))}}, ""},
		"basic that is no base64":         {http.Header{"Authorization": {"Basic " + key}}, ""},
		"another scheme":                  {http.Header{"Authorization": {"Digest " + key}}, ""},
		"no scheme":                       {http.Header{"Authorization": {key}}, ""},
		"a wrong secret":                  {http.Header{"X-Api-Key": {key[:len(key)-4] + "AAAA"}}, ""},
		"half a key":                      {http.Header{"X-Api-Key": {key[:len(key)/2]}}, ""},
		"an empty one":                    {http.Header{"X-Api-Key": {""}}, ""},
		"the tenant's name":               {http.Header{"X-Parquay-Tenant": {"acme"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(event))
			r.Header = test.fields.Clone()
			if r.Header == nil {
				r.Header = http.Header{}
			}
			// Each from an address of its own, so that none is over the bound.
			r.RemoteAddr = fmt.Sprintf("10.0.0.%d:1", len(name)+1)
			clear(intake.mu.tenants)
			w := httptest.NewRecorder()
			s.events.Handler.ServeHTTP(w, r)
			want, status := map[string]int{}, 401
			if test.tenant != "" {
				want, status = map[string]int{test.tenant: 1}, 202
			}
			if w.Code != status || !cmp.Equal(intake.mu.tenants, want) {
				t.Errorf("status %d, tenants %v, want %d, %v", w.Code, intake.mu.tenants, status, want)
			}
		})
	}
}

// Whatever was wrong with a credential, the answer is the same to the byte.
func TestRefusalsAreNeutral(t *testing.T) {
	live, expired := provision("live"), provision("expired")
	expired.entry = strings.Replace(expired.entry, `"}]`, `","expires":"2020-01-01T00:00:00Z"}]`, 1)
	unknown := provision("unknown")
	cfg := testConfig(newFakeIntake(t))
	cfg.Tenants = tenantsFile(t, live.entry, expired.entry)
	s := start(t, cfg)
	first := s.post(event)
	if challenge := first.header.Values("WWW-Authenticate"); first.status != 401 || len(challenge) != 2 ||
		!strings.HasPrefix(challenge[0], "Bearer") || !strings.HasPrefix(challenge[1], "Basic realm=") {
		t.Errorf("%d with the challenges %q", first.status, challenge)
	}
	for name, key := range map[string]string{
		"unknown id": unknown.key, "expired": expired.key, "malformed": "nonsense",
		"wrong secret": live.key[:len(live.key)-4] + "AAAA",
	} {
		for _, table := range []string{"events", "nosuch", "rejected"} {
			got := s.do("POST", s.url+"/v1/"+table, strings.NewReader(event), "X-API-Key", key)
			for _, h := range []http.Header{first.header, got.header} {
				h.Del("Date")
				h.Del("Parquay-Request-Id")
			}
			if got.status == 429 {
				continue // over the bound on failures by now
			}
			if diff := cmp.Diff(first, got, cmp.AllowUnexported(reply{})); diff != "" {
				t.Errorf("%s, to %s:\n%s", name, table, diff)
			}
		}
	}
}

// An unknown table is one only to who may know; a table may be for some tenants.
func TestTablesOfATenant(t *testing.T) {
	all, none := provision("all"), provision("none", `"tables":["elsewhere"]`)
	intake := newFakeIntake(t)
	cfg := testConfig(intake)
	cfg.Tenants = tenantsFile(t, all.entry, none.entry)
	s := start(t, cfg)
	for _, test := range []struct {
		key, table string
		status     int
		listed     string
	}{
		{all.key, "events", 202, ""},
		{all.key, "nosuch", 404, `"tables":["events"]`},
		{none.key, "events", 403, ""},
		{none.key, "nosuch", 404, "the tables are: ;"},
	} {
		got := s.do("POST", s.url+"/v1/"+test.table, strings.NewReader(event), "Authorization", "Bearer "+test.key)
		if got.status != test.status || !strings.Contains(got.body, test.listed) {
			t.Errorf("%s: %d %s, want %d", test.table, got.status, got.body, test.status)
		}
	}
	if !cmp.Equal(intake.mu.tenants, map[string]int{"all": 1}) {
		t.Errorf("reservations %v", intake.mu.tenants)
	}
}

// Credentials come before everything else that costs: nothing is reserved, and no
// body is waited for.
func TestRefusedBeforeTheBody(t *testing.T) {
	intake := newFakeIntake(t)
	cfg := testConfig(intake)
	cfg.Tenants = tenantsFile(t, provision("acme").entry)
	s := start(t, cfg)
	c, r := s.dial()
	_, _ = io.WriteString(c, head(1<<20, "X-API-Key: nonsense"))
	if res := answer(t, r); res.StatusCode != 401 {
		t.Errorf("status %d", res.StatusCode)
	}
	if intake.reserves() != 0 {
		t.Error("memory was reserved for it")
	}
}

// A verified certificate is a credential where there is no key.
func TestCertificateOfATenant(t *testing.T) {
	a, clients := newAuthority(t), newAuthority(t)
	acme, other := provision("acme", `"certificates":["acme-client"]`), provision("other")
	intake := newFakeIntake(t)
	cfg := testConfig(intake)
	cfg.TLS = a.tlsFiles()
	cfg.TLS.ClientCA = filepath.Join(t.TempDir(), "ca.crt")
	write(t, cfg.TLS.ClientCA, clients.pem)
	cfg.Tenants = tenantsFile(t, acme.entry, other.entry)
	s := start(t, cfg)
	for _, test := range []struct {
		name, key, tenant string
	}{
		{"acme-client", "", "acme"},
		{"stranger", "", ""},
		{"acme-client", other.key, "other"},
		{"acme-client", "nonsense", ""},
		{"stranger", acme.key, "acme"},
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.pool(), Certificates: clients.client(test.name)}}
		s.client.Transport = transport
		clear(intake.mu.tenants)
		var field []string
		if test.key != "" {
			field = []string{"X-API-Key", test.key}
		}
		got := s.do("POST", "https://"+s.Addr().String()+"/v1/events", strings.NewReader(event), field...)
		want := map[string]int{}
		if test.tenant != "" {
			want[test.tenant] = 1
		}
		if !cmp.Equal(intake.mu.tenants, want) || (got.status == 202) != (test.tenant != "") {
			t.Errorf("%s with the key %.4q: %d, %v", test.name, test.key, got.status, intake.mu.tenants)
		}
		transport.CloseIdleConnections()
	}
}

// An address that fails too often is told to wait; a valid key from it passes.
func TestFailuresAreBounded(t *testing.T) {
	acme := provision("acme")
	var log lines
	cfg := testConfig(newFakeIntake(t))
	cfg.Tenants = tenantsFile(t, acme.entry)
	cfg.Logger = log.logger(slog.LevelInfo)
	s := newServer(t, cfg)
	from := func(address, key string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(event))
		r.RemoteAddr = address + ":1234"
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		s.events.Handler.ServeHTTP(w, r)
		return w
	}
	seen := map[int]int{}
	for range 5 * failureBurst {
		w := from("192.0.2.1", "pqy_wrong_SECRET")
		seen[w.Code]++
		if retry, err := strconv.Atoi(w.Header().Get("Retry-After")); w.Code == 429 &&
			(err != nil || retry < 1 || !strings.Contains(w.Body.String(), "/problems/too-many-failures")) {
			t.Errorf("Retry-After %d (%v): %s", retry, err, w.Body)
		}
	}
	if seen[401] < failureBurst || seen[429] < 3*failureBurst || seen[401]+seen[429] != 5*failureBurst {
		t.Errorf("statuses %v", seen)
	}
	for name, got := range map[string]struct{ have, want int }{
		"a valid key from there":       {from("192.0.2.1", acme.key).Code, 202},
		"no key from there":            {from("192.0.2.1", "").Code, 401},
		"a wrong key from elsewhere":   {from("192.0.2.2", "x").Code, 401},
		"a wrong key from there still": {from("192.0.2.1", "x").Code, 429},
	} {
		if got.have != got.want {
			t.Errorf("%s: %d, want %d", name, got.have, got.want)
		}
	}
	warnings := strings.Count(log.String(), "level=WARN")
	if warnings < 1 || warnings > 2*warningsBurst || strings.Contains(log.String(), "SECRET") || !strings.Contains(log.String(), "remote=192.0.2.1") {
		t.Errorf("%d warnings: %.1000s", warnings, log.String())
	}
}

// Nowhere in the log is any part of a key's secret, wherever it was sent.
func TestKeysAreNotLogged(t *testing.T) {
	acme := provision("acme")
	var log lines
	intake := newFakeIntake(t)
	cfg := testConfig(intake)
	cfg.Tenants = tenantsFile(t, acme.entry)
	cfg.Logger = log.logger(slog.LevelDebug)
	s := start(t, cfg)
	wrong := acme.key[:len(acme.key)-3] + "AAA"
	for _, key := range []string{acme.key, wrong} {
		basic := basic("acme", key)
		for _, field := range [][]string{
			{"Authorization", "Bearer " + key},
			{"Authorization", basic},
			{"Authorization", key},
			{"X-API-Key", key},
			{"X-API-Key", acme.key, "Authorization", "Bearer " + wrong},
			{"X-API-Key", acme.key, "Parquay-Request-Id", key},
			{"X-API-Key", acme.key, "Content-Encoding", key},
			{"X-API-Key", acme.key, "Idempotency-Key", key},
			{"X-API-Key", acme.key, "Prefer", key},
			{"X-Forwarded-For", key, "Cookie", key, "Referer", "http://x/" + key, "User-Agent", key},
		} {
			s.post(event, field...)
			s.post("nonsense", field...)
		}
		for _, path := range []string{"/" + key, "/v1/" + key, "/v1/receipts/" + key, "/v1/events?key=" + key, "/v1/events?" + key + "=true", "/v1/" + strings.Repeat("x", 50) + key} {
			s.do("POST", s.url+path, strings.NewReader(event), "X-API-Key", acme.key)
			s.do("GET", s.url+path, nil, "X-API-Key", acme.key)
			s.do(strings.ToUpper(key), s.url+path, nil)
		}
		s.do("POST", strings.Replace(s.url, "http://", "http://acme:"+key+"@", 1)+"/v1/events", strings.NewReader(event))
		intake.commit = func(context.Context) error { panic("of " + key) }
		s.post(event, "X-API-Key", acme.key)
		intake.commit = func(context.Context) error { return fmt.Errorf("the disk of %s is gone", key) }
		s.post(event, "X-API-Key", acme.key)
		intake.commit = nil
		c, _ := s.dial()
		_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+key+key)
		_, _ = io.ReadAll(c)
	}
	secret := acme.key[strings.LastIndexByte(acme.key, '_')+1:]
	encoded := basic("acme", acme.key)
	for _, part := range []string{secret[:8], secret[20:28], strings.ToLower(secret[:8]), encoded[len(encoded)-20 : len(encoded)-10]} {
		if at := strings.Index(log.String(), part); at >= 0 {
			t.Errorf("%q of the key is logged: …%s…", part, log.String()[max(0, at-200):at+100])
		}
	}
	if strings.Count(log.String(), "level=DEBUG") < 50 {
		t.Errorf("too little was logged to tell: %s", log.String())
	}
}

// Over a rate the answer is a 429 before the body is read, with the time to wait;
// every answer to a tenant with limits tells of them, and none to one without.
func TestRates(t *testing.T) {
	slow := provision("slow", `"limits":{"events_per_second":1,"burst":"5s"}`)
	free := provision("free")
	intake := newFakeIntake(t)
	cfg := testConfig(intake)
	cfg.Tenants = tenantsFile(t, slow.entry, free.entry)
	s := start(t, cfg)
	as := func(p provisioned, body string, more ...string) reply {
		return s.post(body, append([]string{"X-API-Key", p.key}, more...)...)
	}
	got := as(slow, event)
	if got.status != 202 || got.header.Get("RateLimit-Policy") != `"events";q=5;w=5` || !strings.HasPrefix(got.header.Get("RateLimit"), `"events";r=4;`) {
		t.Errorf("the first answer: %d, %v", got.status, got.header)
	}
	// A body larger than the bucket passes, and is paid off before the next one.
	if got = as(slow, strings.Repeat(event, 100)); got.status != 202 || !strings.HasPrefix(got.header.Get("RateLimit"), `"events";r=0;`) {
		t.Errorf("the large body: %d, %v", got.status, got.header)
	}
	reserved := intake.reserves()
	c, r := s.dial()
	_, _ = io.WriteString(c, head(1<<20, "X-API-Key: "+slow.key))
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	retry, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if res.StatusCode != 429 || err != nil || retry < 85 || retry > 96+30+1 || res.Header.Get("RateLimit") == "" ||
		!strings.Contains(string(body), `"/problems/rate-limited"`) || !strings.Contains(string(body), "events") {
		t.Errorf("%d, %v, %s", res.StatusCode, res.Header, body)
	}
	if intake.reserves() != reserved {
		t.Error("memory was reserved for a request over its rate")
	}
	if got := s.do("POST", s.url+"/v1/nosuch", nil, "X-API-Key", slow.key); got.status != 404 || got.header.Get("RateLimit") == "" {
		t.Errorf("another problem of the tenant: %d, %v", got.status, got.header)
	}
	for _, got := range []reply{as(free, event), as(free, "nonsense"), s.post(event)} {
		if got.header.Get("RateLimit") != "" || got.header.Get("RateLimit-Policy") != "" {
			t.Errorf("limits told to who has none: %d, %v", got.status, got.header)
		}
	}
}

// Bytes count once decompressed, also those of a body that is no JSON.
func TestRateOfBytes(t *testing.T) {
	for name, body := range map[string]string{
		"events": strings.Repeat(event, 1000), "nonsense": strings.Repeat("x", 60_000), "bomb": strings.Repeat(" ", 8<<20),
	} {
		acme := provision("acme", `"limits":{"bytes_per_second":1000,"burst":"10s"}`)
		cfg := testConfig(newFakeIntake(t))
		cfg.Tenants = tenantsFile(t, acme.entry)
		s := start(t, cfg)
		compressed := string(gzipped(t, []byte(body)))
		if got := s.post(compressed, "X-API-Key", acme.key, "Content-Encoding", "gzip"); got.status == 429 {
			t.Errorf("%s: the first request: %d", name, got.status)
		}
		got := s.post(event, "X-API-Key", acme.key)
		if retry, err := strconv.Atoi(got.header.Get("Retry-After")); got.status != 429 || err != nil || retry < 30 {
			t.Errorf("%s: %d, Retry-After %d (%v)", name, got.status, retry, err)
		}
	}
}

// The tenant's share is what Reserve is asked for.
func TestShareOfATenant(t *testing.T) {
	acme := provision("acme", `"limits":{"ring_bytes":"64MiB"}`)
	intake := newFakeIntake(t)
	cfg := testConfig(intake)
	cfg.Tenants = tenantsFile(t, acme.entry)
	cfg.Intake = shares{intake, t, 64 << 20}
	s := start(t, cfg)
	if got := s.post(event, "X-API-Key", acme.key); got.status != 202 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// shares is an Intake that expects a share.
type shares struct {
	Intake
	t    testing.TB
	want int64
}

func (i shares) Reserve(tenant string, share, bytes int64) (Reservation, error) {
	if share != i.want {
		i.t.Errorf("the share is %d, want %d", share, i.want)
	}
	return i.Intake.Reserve(tenant, share, bytes)
}

func TestRetryAfterIsNeverTooEarly(t *testing.T) {
	for _, d := range []time.Duration{time.Millisecond, time.Second, 1001 * time.Millisecond, 90 * time.Second, time.Hour} {
		for range 100 {
			if got := time.Duration(jitter(d)) * time.Second; got < d || got > min(3*d+3*time.Second, d+maxJitter+time.Second) {
				t.Fatalf("%v after a bound of %v", got, d)
			}
		}
	}
}
