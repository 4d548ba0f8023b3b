package server

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDurabilityIsTheLevel: an answer promises the level that is configured, and no
// better one (I1).
func TestDurabilityIsTheLevel(t *testing.T) {
	for _, level := range []string{"disk", "memory"} {
		cfg := testConfig(newFakeIntake(t))
		cfg.Ack = level
		w := httptest.NewRecorder()
		newServer(t, cfg).events.Handler.ServeHTTP(w, httptest.NewRequest("POST", "/v1/events", strings.NewReader(event)))
		if got := w.Header().Get("Parquay-Durability"); w.Code != 202 || got != level {
			t.Errorf("with ack=%s: status %d, Parquay-Durability %q", level, w.Code, got)
		}
	}
}

// TestTenantIsOfTheCredential: whatever else a request says of a tenant, its events
// are those of its key's (I8).
func TestTenantIsOfTheCredential(t *testing.T) {
	intake := newFakeIntake(t)
	cfg := testConfig(intake)
	acme, other := provision("acme"), provision("other")
	cfg.Tenants = tenantsFile(t, acme.entry, other.entry)
	s := newServer(t, cfg)
	const body = `{"type":"message.sent","tenant":"other","tenant_id":"other","account":"other"}`
	for _, field := range []string{
		"", "Parquay-Tenant", "X-Parquay-Tenant", "X-Tenant", "X-Tenant-Id", "Tenant", "X-Scope-Orgid", "From",
		"X-Forwarded-User", "Cookie", "Ce-Source", "Ce-Tenant", "Forwarded",
	} {
		r := httptest.NewRequest("POST", "http://other.example/v1/events", strings.NewReader(body))
		r.Header.Set("X-Api-Key", acme.key)
		if field != "" {
			r.Header.Set(field, "other")
		}
		clear(intake.mu.tenants)
		w := httptest.NewRecorder()
		s.events.Handler.ServeHTTP(w, r)
		if strings.HasPrefix(field, "Ce-") && w.Code >= 400 {
			continue // half of a CloudEvent is refused, which is as good
		}
		if diff := cmp.Diff(map[string]int{"acme": 1}, intake.mu.tenants); w.Code != 202 || diff != "" {
			t.Errorf("with %s: status %d %s (-want +got):\n%s", field, w.Code, w.Body, diff)
		}
	}
	for _, path := range []string{"/v1/events?tenant=other", "/v1/other/events", "/v1/tenants/other/events", "/other/v1/events"} {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("X-Api-Key", acme.key)
		w := httptest.NewRecorder()
		s.events.Handler.ServeHTTP(w, r)
		if w.Code < 400 {
			t.Errorf("%s is answered %d", path, w.Code)
		}
	}
}

// TestUnverifiedCertificate: a certificate that nobody has verified says nothing of
// who shows it, however TLS came to let it pass.
func TestUnverifiedCertificate(t *testing.T) {
	acme := provision("acme", `"certificates":["acme-client"]`)
	cfg := testConfig(newFakeIntake(t))
	cfg.Tenants = tenantsFile(t, acme.entry)
	s := newServer(t, cfg)
	shown := &x509.Certificate{Subject: pkix.Name{CommonName: "acme-client"}}
	for _, chains := range [][][]*x509.Certificate{nil, {{shown}}} {
		r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(event))
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{shown}, VerifiedChains: chains}
		w := httptest.NewRecorder()
		s.events.Handler.ServeHTTP(w, r)
		if want := map[bool]int{false: 401, true: 202}[chains != nil]; w.Code != want {
			t.Errorf("with %d verified chains: status %d, want %d", len(chains), w.Code, want)
		}
	}
}
