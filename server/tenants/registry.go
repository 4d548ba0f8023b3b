// Who a credential belongs to.

package tenants

import (
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Registry is the tenants of a file. Its methods are safe for concurrent use.
type Registry struct {
	path    string
	log     *slog.Logger
	metrics *Metrics

	current atomic.Pointer[snapshot] // whole, and never changed

	reading sync.Mutex // held while the file is read and taken over
	last    reading    // guarded by it
}

// Options are what Open needs besides the file. All of them are required.
type Options struct {
	Logger  *slog.Logger
	Metrics *Metrics
}

// Open reads the file at path. It fails if that can't be used, since there is no
// last good one to go on with.
func Open(path string, opts Options) (*Registry, error) {
	if path == "" || opts.Logger == nil || opts.Metrics == nil {
		return nil, errors.New("open the tenants: a path, a logger and metrics are required")
	}
	r := &Registry{path: path, log: opts.Logger, metrics: opts.Metrics}
	r.current.Store(&snapshot{})
	if err := r.Reload(); err != nil {
		return nil, err
	}
	return r, nil
}

// snapshot is what a file says, by everything that it is asked for.
type snapshot struct {
	tenants       []*Tenant // by name
	byKey         map[string]credential
	byCertificate map[string]*Tenant
}

// credential is a key and its tenant.
type credential struct {
	Key
	tenant *Tenant
}

func newSnapshot(list []*Tenant) *snapshot {
	s := &snapshot{tenants: list, byKey: map[string]credential{}, byCertificate: map[string]*Tenant{}}
	for _, t := range list {
		for _, k := range t.keys {
			s.byKey[k.ID] = credential{k, t}
		}
		for _, name := range t.certificates {
			s.byCertificate[name] = t
		}
	}
	return s
}

// ByKey returns the tenant of a key, or nil: for a text that is no key, an unknown
// one, a wrong secret and an expired key alike, and for the last three at the same
// cost, so that an answer's time doesn't tell them apart either.
func (r *Registry) ByKey(key string, now time.Time) *Tenant {
	id, secret, ok := parseKey(key)
	if !ok {
		return nil
	}
	hash := hashSecret(secret)
	c := r.current.Load().byKey[id] // all zeros, which nothing hashes to, if unknown
	if subtle.ConstantTimeCompare(hash[:], c.hash[:]) == 0 || c.Expired(now) {
		return nil
	}
	return c.tenant
}

// ByCertificate returns the tenant that lists one of the names of a certificate:
// a URI or a DNS name among its alternative names, or the subject's common name.
// It is nil if none does, or if two do: a certificate is for one tenant. The
// certificate must have been verified.
func (r *Registry) ByCertificate(cert *x509.Certificate) *Tenant {
	s := r.current.Load()
	if cert == nil || len(s.byCertificate) == 0 {
		return nil
	}
	var found *Tenant
	ambiguous := false
	look := func(name string) {
		if t := s.byCertificate[name]; t != nil {
			ambiguous = ambiguous || (found != nil && found != t)
			found = t
		}
	}
	look(cert.Subject.CommonName)
	for _, name := range cert.DNSNames {
		look(name)
	}
	for _, uri := range cert.URIs {
		look(uri.String())
	}
	if ambiguous {
		return nil
	}
	return found
}

// Tenants are all tenants, by name. The slice is shared: it must not be changed.
func (r *Registry) Tenants() []*Tenant { return r.current.Load().tenants }
