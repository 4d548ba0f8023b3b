// Package tenants knows who may post, and how much: it reads the file of tenants,
// finds the tenant of a key or of a client certificate, and keeps the buckets of
// each one's limits.
//
// The file is read again when it changes, and takes effect as a whole or not at
// all. A tenant comes from a credential and from nothing else (I8), and neither a
// key's secret nor its hash stands in an error, a log line or a metric.
package tenants

import (
	"slices"
	"time"
)

// Tenant is one provisioned tenant, as the file has it. It never changes: after a
// reload there is another Tenant of its name, which goes on with the same buckets.
// Its methods are safe for concurrent use.
type Tenant struct {
	name         string
	keys         []Key
	certificates []string
	tables       []string // nil: all of them
	limits       limits
	policy       string   // what RateLimit-Policy says of limits
	limiter      *limiter // nil without rates
}

// Unlimited returns the tenant of a gateway that asks for no credentials: it may
// post to every table, and has no limits of its own.
func Unlimited(name string) *Tenant { return &Tenant{name: name} }

// Key is what is known of a key without its secret.
type Key struct {
	ID      string
	Expires time.Time // zero: never

	hash [hashSize]byte // SHA-256 of the secret
}

// Expired reports whether the key has ceased to work.
func (k Key) Expired(now time.Time) bool {
	return !k.Expires.IsZero() && !now.Before(k.Expires)
}

// Name is the tenant's name, which is part of its files' names.
func (t *Tenant) Name() string { return t.name }

// Keys are the tenant's keys, expired ones among them.
func (t *Tenant) Keys() []Key { return slices.Clone(t.keys) }

// MayPost reports whether the tenant may post to a table.
func (t *Tenant) MayPost(table string) bool {
	return t.tables == nil || slices.Contains(t.tables, table)
}

// Share is how many bytes of memory the tenant's events may take at a time; 0 is
// the common bound.
func (t *Tenant) Share() int64 { return t.limits.ringBytes }

// Admit says whether a request may be taken in: its error is a *Limited while a
// bucket is in debt. It takes nothing, since what a body holds is known only once
// it is decoded; that is Charge's to take.
func (t *Tenant) Admit(now time.Time) error {
	if t.limiter == nil {
		return nil
	}
	return t.limiter.admit(now)
}

// Charge takes what an admitted request held from the buckets, events and bytes of
// decompressed text. They may go into debt by that: so a body larger than a bucket
// passes, and the rate holds on average.
func (t *Tenant) Charge(now time.Time, events, bytes int64) {
	if t.limiter != nil {
		t.limiter.charge(now, events, bytes)
	}
}
