package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tenantFile is a file of tenants, as docs/tenants.md has it.
type tenantFile struct {
	Tenants []tenant `json:"tenants"`
}

type tenant struct {
	Name   string         `json:"name"`
	Keys   []tenantKey    `json:"keys"`
	Limits map[string]any `json:"limits,omitempty"`
	Tables []string       `json:"tables,omitempty"`
}

type tenantKey struct {
	ID     string `json:"id"`
	SHA256 string `json:"sha256"`

	key string
}

// newKey makes a key by its documented form, not by the product's code.
func newKey() tenantKey {
	id := strings.ToLower(rand.Text()[:12])
	secret := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(secret))
	return tenantKey{id, hex.EncodeToString(sum[:]), "pqy_" + id + "_" + secret}
}

// newTenant has one key and no limits.
func newTenant(name string) tenant { return tenant{Name: name, Keys: []tenantKey{newKey()}} }

// key is the tenant's first.
func (t tenant) key() string { return t.Keys[0].key }

// provision gives the gateways of the site a file of tenants.
func (s *site) provision(list ...tenant) {
	s.Helper()
	s.env = append(s.env, "PARQUAY_TENANTS="+s.tenantsFile())
	s.rewrite(list...)
}

func (s *site) tenantsFile() string { return filepath.Join(s.work, "tenants.json") }

// rewrite replaces the file of tenants at one moment.
func (s *site) rewrite(list ...tenant) {
	s.Helper()
	text, err := json.Marshal(tenantFile{list})
	if err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(s.tenantsFile()+".new", text, 0o600); err != nil {
		s.Fatal(err)
	}
	if err := os.Rename(s.tenantsFile()+".new", s.tenantsFile()); err != nil {
		s.Fatal(err)
	}
}

// reload sends SIGHUP.
func (s *site) reload() {
	s.Helper()
	if err := s.gateway.Signal(syscall.SIGHUP); err != nil {
		s.Fatal(err)
	}
}

// postAs posts a body to a table with a key and any further header fields, given as
// name and value in turn.
func (s *site) postAs(t testing.TB, client *http.Client, key, target, body string, fields ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.gateway.Events+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+key)
	for i := 0; i < len(fields); i += 2 {
		request.Header.Add(fields[i], fields[i+1])
	}
	a, err := do(client, request)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
