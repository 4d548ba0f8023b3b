// Gateways with tenants, as an operator provisions them.

package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tenant is an entry of the tenants' file.
type tenant struct {
	Name   string         `json:"name"`
	Keys   []tenantKey    `json:"keys"`
	Limits map[string]any `json:"limits,omitempty"`
	Tables []string       `json:"tables,omitempty"`

	key string
}

type tenantKey struct {
	ID     string `json:"id"`
	SHA256 string `json:"sha256"`
}

// newTenant gives a tenant a key: pqy_<id>_<secret>.
func newTenant(name string) tenant {
	id := strings.ToLower(rand.Text()[:12])
	secret := rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(secret))
	return tenant{Name: name, key: "pqy_" + id + "_" + secret, Keys: []tenantKey{{id, hex.EncodeToString(hash[:])}}}
}

// startWith starts a gateway with these tenants and the tables events and orders,
// and returns it with the first one's credential.
func startWith(t *testing.T, seen *coverage, tenants []tenant, env ...string) *gateway {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	orders := map[string]any{"type": "object", "properties": map[string]any{"n": map[string]any{"type": "integer"}}}
	schemas := filepath.Dir(write("schemas/orders.json", orders))
	file := write("tenants.json", map[string]any{"tenants": tenants})
	return start(t, seen, append(env, "PARQUAY_TENANTS="+file, "PARQUAY_SCHEMAS="+schemas)...).tenant(tenants[0])
}

// tenant makes every further request as the tenant.
func (g *gateway) tenant(t tenant) *gateway {
	g.Helper()
	return g.as("Authorization", "Bearer "+t.key)
}

// unknown makes every further request with no valid credential: none, or one that
// may be a tenant's for all that its form says.
func (g *gateway) unknown(field, value string) *gateway {
	c := *g
	c.header = map[string][]string{}
	if field != "" {
		c.header.Set(field, value)
	}
	return &c
}

// several are tenants without limits.
func several(n int) (all []tenant) {
	for i := range n {
		all = append(all, newTenant(fmt.Sprintf("tenant%d", i)))
	}
	return all
}
