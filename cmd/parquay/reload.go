// What may change while the gateway runs: who may post, and the certificates.

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/server"
	"parquay/server/tenants"
)

// openTenants reads the file of tenants; nil without one. A file that can't be used
// is a setting that can't work: there is no earlier one to go on with.
func openTenants(s Settings, r prometheus.Registerer, log *slog.Logger) (*tenants.Registry, error) {
	if s.Tenants == "" {
		return nil, nil
	}
	registry, err := tenants.Open(s.Tenants, tenants.Options{Logger: log, Metrics: tenants.NewMetrics(r)})
	if err != nil {
		return nil, usageError{fmt.Errorf("PARQUAY_TENANTS: %w", err)}
	}
	return registry, nil
}

// tlsFiles are the settings of TLS; nil for cleartext.
func (s *Settings) tlsFiles() *server.TLSFiles {
	if s.TLSCert == "" {
		return nil
	}
	return &server.TLSFiles{Cert: s.TLSCert, Key: s.TLSKey, ClientCA: s.TLSClientCA}
}

// reloadOn reloads at every signal, until ctx ends.
func (g *gateway) reloadOn(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-signals:
			g.reload()
		case <-ctx.Done():
			return
		}
	}
}

// reload reads the files of tenants and of TLS, each of which takes effect as a
// whole or not at all. A request under way goes on with what it began with.
func (g *gateway) reload() {
	failed := false
	if g.tenants != nil {
		if err := g.tenants.Reload(); err != nil {
			failed = true
			g.log.Error("the file of tenants can't be used: the last good one stays in effect", "error", err)
		}
	}
	if err := g.server.Reload(); err != nil {
		failed = true
		g.log.Error("the TLS files can't be used: the last good ones stay", "error", err)
	}
	g.log.Info("reloaded", "failed", failed)
}
