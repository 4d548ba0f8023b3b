//go:build linux

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"parquay/loadtest/e2e/disk"
	"parquay/loadtest/e2e/ledger"
)

// stallMemory is what a gateway with 64 MiB may be resident with: the whole budget, and
// the binary's own pages beside it.
const stallMemory = 160 << 20

// TestDiskStalls freezes the disk under load, so that no write returns: the gateway
// says that it is not ready, answers nobody, holds no more memory than it may, and goes
// on when the disk does.
func TestDiskStalls(t *testing.T) {
	t.Parallel()
	d := disk.New(t, 1<<30)
	s := newSite(t, "PARQUAY_MEMORY=64MiB", "PARQUAY_RING_BYTES=16MiB",
		"PARQUAY_MAX_BODY=1MiB", "PARQUAY_MAX_DECODED=4MiB", "PARQUAY_MAX_EVENT=64KiB")
	s.keep(d.Dir)
	s.keepFiles(s.work)
	s.start()
	// Many connections, each with a body that waits.
	l := s.loadOf("default", s.seed, &ledger.Client{Connections: 300, Rate: number(t, "E2E_RATE", 5000)})
	s.await("events are accepted", startWithin, func() bool { return l.accepted() > 1000 })

	d.Freeze()
	s.await("it is not ready", flushWithin, func() bool {
		status, body := s.ready()
		return status == http.StatusServiceUnavailable && strings.Contains(body, "sync has not returned")
	})
	before := l.accepted() // long after the last sync that came through
	if status, _, err := s.gateway.Get(t.Context(), s.gateway.Admin+"/healthz"); err != nil || status != http.StatusOK {
		t.Errorf("/healthz answers %d, %v", status, err)
	}
	if after := l.accepted(); after != before {
		t.Errorf("%d events were accepted while the disk was frozen", after-before)
	}
	if peak := s.gateway.Peak(); peak > stallMemory {
		t.Errorf("%d MiB resident", peak>>20)
	}

	d.Thaw()
	s.await("events are accepted again", flushWithin, func() bool { return l.accepted() > before+1000 })
	if status, body := s.ready(); status != http.StatusOK {
		t.Errorf("/readyz answers %d %q", status, body)
	}
	l.end()
	s.drain()
	s.check(l)
}
