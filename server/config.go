// What a Server needs, checked before anything opens.

package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/schema"
	"parquay/server/tenants"
)

// Config is what New needs. What may be left out says so.
type Config struct {
	// Listen is the address for events, host:port; port 0 takes any free one.
	// Without Tenants and TLS.ClientCA, which ask who somebody is, it must be a
	// loopback address, unless Insecure.
	Listen string
	// AdminListen is the address for health, metrics and profiles. These have
	// no credentials, so it must be a loopback address, unless AdminInsecure.
	AdminListen string
	// Insecure and AdminInsecure allow addresses that other machines can reach
	// although nobody is asked who they are.
	Insecure, AdminInsecure bool

	// TLS names the files of a certificate for the events' listener; nil serves
	// cleartext, HTTP/2 included, as behind a balancer that ends TLS.
	TLS *TLSFiles
	// MaxConnections is the most connections for events at a time, at least 1.
	// Further ones wait in the kernel's backlog until one ends.
	MaxConnections int
	// TrustedProxies are the networks whose X-Forwarded-For is believed about who
	// a client is. It matters to logs and to the bound on failed credentials.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the origins whose scripts may post, "*" for any; none leaves
	// CORS off.
	CORSOrigins []string

	// Tables are all tables, in any order. Each is posted to under its own name,
	// but for schema.Rejected, which the gateway alone writes.
	Tables []*schema.Table
	// Limits bounds the events of a body.
	Limits schema.Limits
	// MaxBody is the most bytes of a body as sent, at least 1; over it: 413.
	MaxBody int64
	// MaxDecoded is the most bytes of a body once decompressed, at least 1;
	// over it: 413.
	MaxDecoded int64
	// Ack is the durability that Intake's Commit gives, "disk" or "memory". It
	// is repeated in every answer that follows a commit (Parquay-Durability).
	Ack string

	// Intake takes the batches.
	Intake Intake
	// Tenants are those who may post, by their credentials. If nil, none are asked
	// for and every request belongs to DefaultTenant, which has no limits.
	Tenants *tenants.Registry
	// Receipts says what became of batches.
	Receipts Receipts
	// IdempotencyWindow is how long the answer to an Idempotency-Key is kept.
	IdempotencyWindow time.Duration
	// IdempotencyKeys is the most keys remembered at a time; with more: 503.
	IdempotencyKeys int
	// Accounts is what GET /admin/tenants shows. If nil, there is no such route.
	Accounts func() []Account
	// Incarnation is whose accounts these are: the name of this process in receipts
	// and files.
	Incarnation string
	// Ready says why batches can't be committed at the moment, nil if they can:
	// it is what /readyz answers. If nil, the server is ready until it stops.
	Ready func() error

	Logger   *slog.Logger
	Metrics  *Metrics
	Gatherer prometheus.Gatherer // of /metrics
}

// TLSFiles are PEM files. They are read again when they change.
type TLSFiles struct {
	Cert, Key string
	ClientCA  string // if set, clients must show a certificate that it has signed
}

// Account is what became of one tenant's events since the process began (I7). At
// every moment
//
//	Received             = Committing + Accepted + Rejected + Failed
//	Accepted + Rejected + Recovered = Pending + Stored
type Account struct {
	Tenant     string `json:"tenant"`
	Received   int64  `json:"received"`   // events whose commit was asked for
	Committing int64  `json:"committing"` // of those, waiting for the journal
	Accepted   int64  `json:"accepted"`   // durable, as rows of their table
	Rejected   int64  `json:"rejected"`   // durable, as rows of the table rejected
	Failed     int64  `json:"failed"`     // refused by the journal: never acknowledged
	Late       int64  `json:"late"`       // of the accepted, those of an hour that had ended
	Recovered  int64  `json:"recovered"`  // found in the journal of an earlier process
	Pending    int64  `json:"pending"`    // in the journal and not yet in the bucket
	Stored     int64  `json:"stored"`     // in the bucket
	Held       int64  `json:"held_bytes"` // of memory that the tenant has reserved
}

func (cfg *Config) validate() error {
	var errs []error
	require := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	require(cfg.MaxBody > 0, "MaxBody must be at least 1")
	require(cfg.MaxDecoded > 0, "MaxDecoded must be at least 1")
	require(cfg.Limits.MaxEvent > 0, "Limits.MaxEvent must be at least 1")
	require(cfg.Ack != "", "Ack is missing")
	require(cfg.MaxConnections > 0, "MaxConnections must be at least 1")
	require(cfg.Intake != nil, "Intake is missing")
	require(cfg.Receipts != nil, "Receipts is missing")
	require(cfg.IdempotencyWindow > 0, "IdempotencyWindow must be more than 0")
	require(cfg.IdempotencyKeys > 0, "IdempotencyKeys must be at least 1")
	require(cfg.Logger != nil, "Logger is missing")
	require(cfg.Metrics != nil, "Metrics is missing")
	require(cfg.Gatherer != nil, "Gatherer is missing")
	require(len(cfg.Tables) > 0, "Tables is empty")
	seen := map[string]bool{}
	for _, t := range cfg.Tables {
		require(t.Name() != schema.ReceiptsName, "no table can be called receipts: /v1/receipts is where receipts are looked up")
		require(!seen[t.Name()], fmt.Sprintf("table %q is given twice", t.Name()))
		seen[t.Name()] = true
	}
	return errors.Join(errs...)
}
