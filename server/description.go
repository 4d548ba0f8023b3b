// What the gateway says of itself to programs: GET /openapi.json, and
// GET /v1/{table}/schema.

package server

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"parquay/server/openapi"
)

var (
	schemaType  = []string{"application/schema+json"}
	openapiType = []string{openapi.ContentType}
	revalidated = []string{"private, no-cache"} // a cache asks before it answers, and answers one client alone
)

// newDescription describes what is served where.
func newDescription(cfg Config, endpoints map[string]*endpoint) *openapi.Description {
	d := openapi.Config{
		Credentials:        cfg.Tenants != nil,
		ClientCertificates: cfg.TLS != nil && cfg.TLS.ClientCA != "",
	}
	for _, e := range endpoints {
		d.Tables = append(d.Tables, e.table)
	}
	return openapi.New(d)
}

// getDescription answers with the tables that the request's tenant may post to.
func (s *Server) getDescription(w http.ResponseWriter, r *http.Request) error {
	tenant, err := s.tenant(w, r)
	if err != nil {
		return err
	}
	limitAnswer(w)
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = openapiType, revalidated
	_ = s.description.Write(w, s.tablesOf(tenant)) // a client that is gone can't be told
	return nil
}

// getSchema answers with a table's document. A table that the request's tenant may
// not post to is as unknown to it as any other.
func (s *Server) getSchema(w http.ResponseWriter, r *http.Request) error {
	tenant, err := s.tenant(w, r)
	if err != nil {
		return err
	}
	name := chi.URLParam(r, "table")
	e := s.endpoints[name]
	if e == nil || !tenant.MayPost(name) {
		return &unknownTableError{name, s.tablesOf(tenant)}
	}
	h := w.Header()
	h["Cache-Control"] = revalidated
	h["Etag"] = []string{e.tag}
	if matches(r.Header["If-None-Match"], e.tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	send(w, http.StatusOK, schemaType, e.table.Document())
	return nil
}

// entityTag names a version of a document.
func entityTag(document []byte) string {
	sum := sha256.Sum256(document)
	return fmt.Sprintf(`"%x"`, sum[:8])
}

// matches reports whether If-None-Match names the tag. Our tags hold no comma and
// no quotation mark, so that no other can be taken for one.
func matches(fields []string, tag string) bool {
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}
