// What a Server needs, checked before anything opens.

package server

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/schema"
)

// Config is what New needs. Only Authenticator and Ready may be left out.
type Config struct {
	// Listen is the address for events, host:port; port 0 takes any free one.
	// Without an Authenticator it must be a loopback address, unless Insecure.
	Listen string
	// AdminListen is the address for health, metrics and profiles. These have
	// no credentials, so it must be a loopback address, unless Insecure.
	AdminListen string
	// Insecure allows addresses that other machines can reach although nobody
	// is asked who they are.
	Insecure bool

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
	// Authenticator names the tenant of a request. If nil, there are no
	// credentials and every request belongs to DefaultTenant.
	Authenticator Authenticator
	// Ready says why batches can't be committed at the moment, nil if they can:
	// it is what /readyz answers. If nil, the server is ready until it stops.
	Ready func() error

	Logger   *slog.Logger
	Metrics  *Metrics
	Gatherer prometheus.Gatherer // of /metrics
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
	require(cfg.Intake != nil, "Intake is missing")
	require(cfg.Logger != nil, "Logger is missing")
	require(cfg.Metrics != nil, "Metrics is missing")
	require(cfg.Gatherer != nil, "Gatherer is missing")
	require(len(cfg.Tables) > 0, "Tables is empty")
	seen := map[string]bool{}
	for _, t := range cfg.Tables {
		require(!seen[t.Name()], fmt.Sprintf("table %q is given twice", t.Name()))
		seen[t.Name()] = true
	}
	return errors.Join(errs...)
}
