// GET /admin/tenants: what became of every tenant's events.

package server

import (
	"cmp"
	"net/http"
	"slices"
)

// getTenants shows the accounts of all tenants, or of one (?tenant=). A tenant that
// has sent nothing has none.
func (s *Server) getTenants(w http.ResponseWriter, r *http.Request) {
	accounts := s.cfg.Accounts()
	if name := r.URL.Query().Get("tenant"); name != "" {
		accounts = slices.DeleteFunc(accounts, func(a Account) bool { return a.Tenant != name })
	}
	slices.SortFunc(accounts, func(a, b Account) int { return cmp.Compare(a.Tenant, b.Tenant) })
	if accounts == nil {
		accounts = []Account{} // in JSON an empty list, not null
	}
	send(w, http.StatusOK, jsonType, marshal(struct {
		Tenants     []Account `json:"tenants"`
		Incarnation string    `json:"incarnation,omitempty"`
	}{accounts, s.cfg.Incarnation}))
}
