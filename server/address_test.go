package server

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestClientAddress(t *testing.T) {
	p := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, test := range []struct {
		remote string
		fields []string
		want   string
	}{
		{"192.0.2.7:1", nil, "192.0.2.7"},
		{"192.0.2.7:1", []string{"198.51.100.1"}, "192.0.2.7"}, // not from a balancer of ours
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"}, // the first may be made up
		{"10.0.0.1:1", []string{"198.51.100.1, 10.2.3.4"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"198.51.100.1,10.2.3.4", " fd00::1 "}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"[fd00::2]:1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"[fd00::2]:1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"10.0.0.1:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:1", []string{"198.51.100.1, unknown"}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.1:1", []string{""}, "10.0.0.1"},
		{"10.0.0.1:1", []string{",,,"}, "10.0.0.1"},
		{"pipe", []string{"198.51.100.1"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.fields}}
		if got := p.client(r).String(); got != test.want {
			t.Errorf("%s for %q: %s, want %s", test.remote, test.fields, got, test.want)
		}
	}
	r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}}
	if got := proxies(nil).client(r).String(); got != "10.0.0.1" {
		t.Errorf("without proxies of ours: %s", got)
	}
}

// What a client makes up never decides, as long as our balancer appends to it.
func TestClientAddressCantBeChosen(t *testing.T) {
	p := proxies{netip.MustParsePrefix("10.0.0.0/8")}
	rapid.Check(t, func(t *rapid.T) {
		made := rapid.String().Draw(t, "made up")
		r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {made + ", 198.51.100.1"}}}
		if got := p.client(r).String(); got != "198.51.100.1" {
			t.Errorf("%q makes it %s", made, got)
		}
	})
}

func TestFailures(t *testing.T) {
	f := newFailures()
	now := time.Now()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range 3 * failureBurst {
		if got := f.allow(a, now); got != (i < failureBurst) {
			t.Fatalf("failure %d at once: %v", i, got)
		}
	}
	if !f.allow(b, now) {
		t.Error("another address pays for the first")
	}
	now = now.Add(failureInterval)
	if !f.allow(a, now) || f.allow(a, now) {
		t.Error("an interval does not give one failure back")
	}
	now = now.Add(time.Hour)
	for i := range failureBurst {
		if !f.allow(a, now) {
			t.Fatalf("after an hour, failure %d is one too many", i)
		}
	}
}

// One client of IPv6 has 2^64 addresses: they count as one.
func TestFailuresOfANeighbourhood(t *testing.T) {
	f := newFailures()
	now := time.Now()
	address := netip.MustParseAddr("2001:db8:1:2::1")
	for range failureBurst {
		f.allow(address, now)
		address = address.Next()
	}
	if f.allow(address, now) {
		t.Error("the next address of a /64 begins anew")
	}
	if !f.allow(netip.MustParseAddr("2001:db8:1:3::1"), now) {
		t.Error("another /64 pays for it")
	}
}

// The table is bounded, and forgets who failed longest ago.
func TestFailuresAreForgotten(t *testing.T) {
	f := newFailures()
	now := time.Now()
	first, address := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.1.0.1")
	exhaust := func(a netip.Addr) {
		for f.allow(a, now) {
		}
	}
	exhaust(first)
	exhaust(address)
	for range 2 * maxFailing {
		address = address.Next()
		f.allow(address, now)
		if f.allow(first, now) {
			t.Fatal("an address that goes on failing is forgotten")
		}
	}
	if len(f.mu.byAddress) != maxFailing || f.mu.order.Len() != maxFailing {
		t.Errorf("%d addresses, %d in order, want %d", len(f.mu.byAddress), f.mu.order.Len(), maxFailing)
	}
	if !f.allow(netip.MustParseAddr("10.1.0.1"), now) {
		t.Error("the one that failed longest ago is remembered")
	}
}

// Behind a balancer, clients are told apart by what it says of them, in the bound on
// failures and in the log.
func TestFailuresBehindAProxy(t *testing.T) {
	var log lines
	cfg := withTenants(t, testConfig(newFakeIntake(t)), "acme")
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	cfg.Logger = log.logger(slog.LevelDebug)
	s := start(t, cfg)
	from := func(client string) int {
		return s.post(event, "X-API-Key", "wrong", "X-Forwarded-For", client).status
	}
	for range 3 * failureBurst {
		from("192.0.2.1")
	}
	if got := from("192.0.2.1"); got != 429 {
		t.Errorf("the one that failed: %d", got)
	}
	if got := from("192.0.2.1, 192.0.2.2"); got != 401 {
		t.Errorf("another one behind the same balancer: %d", got)
	}
	eventually(t, "both are logged", func() bool {
		return strings.Contains(log.String(), "client=192.0.2.1 ") && strings.Contains(log.String(), "client=192.0.2.2 ")
	})
}
