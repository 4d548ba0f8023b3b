package tenants

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// site is a file of tenants and what was opened on it.
type site struct {
	*Registry
	path string
	log  bytes.Buffer
	reg  *prometheus.Registry
}

func open(t *testing.T, text string) *site {
	t.Helper()
	s := &site{path: filepath.Join(t.TempDir(), "tenants.json"), reg: prometheus.NewRegistry()}
	s.write(t, text)
	r, err := Open(s.path, Options{Logger: slog.New(slog.NewTextHandler(&s.log, nil)), Metrics: NewMetrics(s.reg)})
	if err != nil {
		t.Fatal(err)
	}
	s.Registry = r
	return s
}

// write replaces the file's text in place.
func (s *site) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(s.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// names lists the tenants.
func (s *site) names() string {
	var names []string
	for _, t := range s.Tenants() {
		names = append(names, t.Name())
	}
	return strings.Join(names, " ")
}

// file is a file with a tenant for each argument: a name, and what else it has.
func file(tenants ...string) string {
	var list []string
	for _, t := range tenants {
		name, rest, _ := strings.Cut(t, " ")
		list = append(list, fmt.Sprintf(`{"name":%q%s}`, name, rest))
	}
	return `{"tenants":[` + strings.Join(list, ",\n") + `]}`
}

// newKey is a key, and the member of a tenant that has it.
func newKey(expires string) (key, member string) {
	key, id, hash := NewKey()
	if expires != "" {
		expires = `,"expires":"` + expires + `"`
	}
	return key, `,"keys":[{"id":"` + id + `","sha256":"` + hash + `"` + expires + `}]`
}

func TestByKey(t *testing.T) {
	first, a := newKey("")
	second, b := newKey("2027-01-01T02:00:00+02:00")
	s := open(t, file("acme "+a, "globex "+b))
	id, secret, _ := parseKey(first)
	_, otherSecret, _ := parseKey(second)
	flipped := []byte(secret)
	flipped[51] = map[bool]byte{true: 'B', false: 'A'}[flipped[51] == 'A']
	expiry := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, key, want string
		now             time.Time
	}{
		{"a key", first, "acme", begin},
		{"another's key", second, "globex", begin},
		{"a nanosecond before it expires", second, "globex", expiry.Add(-1)},
		{"expired", second, "", expiry},
		{"one that never expires", first, "acme", expiry.AddDate(100, 0, 0)},
		{"the secret of another", "pqy_" + id + "_" + otherSecret, "", begin},
		{"the last character", "pqy_" + id + "_" + string(flipped), "", begin},
		{"unknown id", "pqy_aaaa_" + secret, "", begin},
		{"the hash instead of the secret", "pqy_" + id + "_" + a[len(a)-68:], "", begin},
		{"the id alone", "pqy_" + id, "", begin},
		{"nothing", "", "", begin},
	} {
		got := ""
		if tenant := s.ByKey(test.key, test.now); tenant != nil {
			got = tenant.Name()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Two keys are live at once, each until it expires or is taken out.
func TestRotation(t *testing.T) {
	old, a := newKey("2026-12-01T00:00:00Z")
	young, b := newKey("")
	both := strings.TrimSuffix(a, "]") + "," + strings.TrimPrefix(b, `,"keys":[`)
	s := open(t, file("acme "+both))
	for key, want := range map[string]bool{old: true, young: true} {
		if got := s.ByKey(key, begin) != nil; got != want {
			t.Errorf("a key of two: %v", got)
		}
	}
	if s.ByKey(old, begin.AddDate(0, 1, 0)) != nil || s.ByKey(young, begin.AddDate(0, 1, 0)) == nil {
		t.Error("after the old one's expiry")
	}
	s.write(t, file("acme "+b))
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if s.ByKey(old, begin) != nil || s.ByKey(young, begin) == nil {
		t.Error("after the old one was taken out")
	}
}

func TestByCertificate(t *testing.T) {
	s := open(t, file(
		`acme ,"certificates":["spiffe://mesh/acme","gw.acme.example"]`,
		`globex ,"certificates":["globex sender"]`,
		`initech ,"certificates":["a.initech.example","b.initech.example"]`))
	uri := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, test := range []struct {
		name string
		cert *x509.Certificate
		want string
	}{
		{"none", nil, ""},
		{"without names", &x509.Certificate{}, ""},
		{"URI", &x509.Certificate{URIs: []*url.URL{uri("spiffe://other"), uri("spiffe://mesh/acme")}}, "acme"},
		{"DNS name", &x509.Certificate{DNSNames: []string{"x", "gw.acme.example"}}, "acme"},
		{"common name", &x509.Certificate{Subject: pkix.Name{CommonName: "globex sender"}}, "globex"},
		{"two of one tenant", &x509.Certificate{DNSNames: []string{"a.initech.example", "b.initech.example"}}, "initech"},
		{"of two tenants", &x509.Certificate{DNSNames: []string{"a.initech.example"}, Subject: pkix.Name{CommonName: "globex sender"}}, ""},
		{"e-mail address", &x509.Certificate{EmailAddresses: []string{"gw.acme.example"}}, ""},
		{"organization", &x509.Certificate{Subject: pkix.Name{Organization: []string{"globex sender"}}}, ""},
		{"a part of a name", &x509.Certificate{DNSNames: []string{"acme.example", "*.acme.example"}}, ""},
	} {
		got := ""
		if tenant := s.ByCertificate(test.cert); tenant != nil {
			got = tenant.Name()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	opts := Options{Logger: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry())}
	empty := filepath.Join(dir, "empty.json")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe:                               "is not a file",
		"":                                 "a path",
		empty:                              "it is empty",
		dir:                                "is not a file",
		filepath.Join(dir, "nowhere.json"): "no such file",
	} {
		if _, err := Open(path, opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	if _, err := Open(empty, Options{}); err == nil {
		t.Error("opened without a logger")
	}
}

func TestMetrics(t *testing.T) {
	s := open(t, file(`acme ,"certificates":["x"]`, `globex ,"certificates":["y"]`))
	s.write(t, "{}")
	if err := s.Reload(); err == nil {
		t.Fatal("taken")
	}
	const want = `
		# HELP parquay_tenants_provisioned Tenants in effect.
		# TYPE parquay_tenants_provisioned gauge
		parquay_tenants_provisioned 2
		# HELP parquay_tenants_reload_failed 1 while the file of tenants can't be used and the last good one is in effect, else 0.
		# TYPE parquay_tenants_reload_failed gauge
		parquay_tenants_reload_failed 1
		# HELP parquay_tenants_reload_total Readings of the file of tenants, by result: ok or failed. The one at the start is counted.
		# TYPE parquay_tenants_reload_total counter
		parquay_tenants_reload_total{result="failed"} 1
		parquay_tenants_reload_total{result="ok"} 1
	`
	names := []string{"parquay_tenants_provisioned", "parquay_tenants_reload_failed", "parquay_tenants_reload_total"}
	if err := testutil.GatherAndCompare(s.reg, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	at := testutil.ToFloat64(s.metrics.inEffect)
	if now := float64(time.Now().Unix()); at < now-60 || at > now+1 {
		t.Errorf("last reload at %v, now %v", at, now)
	}
	s.write(t, file(`acme ,"certificates":["x"]`))
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if testutil.ToFloat64(s.metrics.failed) != 0 || testutil.ToFloat64(s.metrics.provisioned) != 1 {
		t.Error("the failure is not over")
	}
}

// No key, secret or hash is in what is logged or told, whatever becomes of a file.
func TestNothingSecretIsTold(t *testing.T) {
	key, member := newKey("")
	s := open(t, file("acme "+member))
	_, secret, _ := parseKey(key)
	hash := member[len(member)-68 : len(member)-3]
	var told strings.Builder
	for _, text := range []string{
		file("acme " + member + member), file("acme "+member, "b "+member), strings.Replace(file("acme "+member), `"sha256"`, `"secret"`, 1),
		strings.Replace(file("acme "+member), hash, key, 1), file("acme " + member + `,"` + key + `":1`), file("acme " + member + `,"limits":{"burst":"` + key + `"}`),
		file(key + member), file(`acme ,"certificates":["` + key + `\u0000"]`),
	} {
		s.write(t, text)
		err := s.Reload()
		if err == nil {
			t.Fatalf("taken: %s", text)
		}
		fmt.Fprintln(&told, err)
	}
	told.WriteString(s.log.String())
	if text := told.String(); strings.Contains(text, secret[:20]) || strings.Contains(text, hash[:20]) {
		t.Errorf("told:\n%s", text)
	}
}

func TestTenantsAreSorted(t *testing.T) {
	s := open(t, file(`b ,"certificates":["1"]`, `a-1 ,"certificates":["2"]`, `a ,"certificates":["3"]`))
	if d := cmp.Diff("a a-1 b", s.names()); d != "" {
		t.Error(d)
	}
}

// A look-up is on the way of every request.
func TestByKeyAlloc(t *testing.T) {
	key, member := newKey("2036-01-01T00:00:00Z")
	s := open(t, file("acme "+member))
	unknown := "pqy_aaaa_" + strings.Repeat("A", 52)
	for _, text := range []string{key, unknown, "curl"} {
		if n := testing.AllocsPerRun(1000, func() { s.ByKey(text, begin) }); n != 0 {
			t.Errorf("%v allocations to look up %q", n, text)
		}
	}
	tenant := &Tenant{limiter: newLimiter(limits{events: 1, bytes: 1, burst: time.Second}, begin)}
	if n := testing.AllocsPerRun(1000, func() {
		_ = (&Tenant{}).Admit(begin)
		tenant.limiter.events.full = 0
		_ = tenant.Admit(begin)
		tenant.Charge(begin, 1, 0)
	}); n != 0 {
		t.Errorf("%v allocations to admit", n)
	}
}

// However large a file is, no more of it is read than one may have.
func TestReadFileAlloc(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenants.json")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<28)); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<28 {
		t.Errorf("%d bytes were allocated", n)
	}
}

// manyTenants is a file of n tenants.
func manyTenants(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"tenants":[`)
	for i := range n {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `{"name":"t%d","keys":[{"id":"k%06d","sha256":"%s"}]}`, i, i, aHash)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

func BenchmarkByKey(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		list, err := parse(manyTenants(n))
		if err != nil {
			b.Fatal(err)
		}
		r := &Registry{}
		r.current.Store(newSnapshot(list))
		for name, key := range map[string]string{"known": "pqy_k000000_" + strings.Repeat("A", 52), "unknown": "pqy_x000000_" + strings.Repeat("A", 52)} {
			b.Run(fmt.Sprintf("tenants=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r.ByKey(key, begin)
				}
			})
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		text := manyTenants(n)
		b.Run(fmt.Sprintf("tenants=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
