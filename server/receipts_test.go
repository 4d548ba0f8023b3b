package server

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGetReceipt(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, withTenants(t, testConfig(intake), "acme", "globex"))
	receipt := s.post(event+bad, "X-API-Key", keyOfTenant("acme")).header.Get("Parquay-Receipt")
	if s.post(bad, "X-API-Key", keyOfTenant("acme")).header.Get("Parquay-Receipt") == "" {
		t.Error("no receipt of rows that are all rejected")
	}
	get := func(tenant, receipt string) reply {
		return s.do("GET", s.url+"/v1/receipts/"+receipt, nil, "X-API-Key", keyOfTenant(tenant))
	}
	if got, want := get("acme", receipt), `{"receipt":"`+receipt+`","state":"pending"}`+"\n"; got.status != 200 || got.body != want || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("pending: %d %s %v, want %s", got.status, got.body, got.header, want)
	}
	intake.put()
	want := `{"receipt":"` + receipt + `","state":"stored","objects":["file:///acme/1.parquet"]}` + "\n"
	if got := get("acme", receipt); got.status != 200 || got.body != want {
		t.Errorf("stored: %d %s, want %s", got.status, got.body, want)
	}
	if got := s.do("HEAD", s.url+"/v1/receipts/"+receipt, nil, "X-API-Key", keyOfTenant("acme")); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}

	// To anybody else, and in any other form, there is no such receipt: all answers
	// are the same (I8).
	unknown := get("globex", receipt)
	if f := unknown.fields(t); unknown.status != 404 || f.Type != "/problems/unknown-receipt" {
		t.Errorf("another tenant's: %d %s", unknown.status, unknown.body)
	}
	for _, other := range []string{
		"x", strings.Repeat("x", 3000), "%2e%2e", "0.0.0", receipt + ".1", strings.ToUpper(receipt),
		strings.Replace(receipt, ".1.", ".2.", 1), strings.TrimSuffix(receipt, "1") + "3", strings.Repeat("00", 16) + ".1.1",
	} {
		if got := get("acme", other); got.status != 404 || got.body != unknown.body {
			t.Errorf("%.40s: %d %s, want %s", other, got.status, got.body, unknown.body)
		}
	}
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"OPTIONS", "/v1/receipts/" + receipt, 204, "OPTIONS, GET, HEAD"},
		{"POST", "/v1/receipts/" + receipt, 405, "OPTIONS, GET, HEAD"},
		{"DELETE", "/v1/receipts/" + receipt, 405, "OPTIONS, GET, HEAD"},
		{"GET", "/v1/receipts/", 404, ""},
		{"POST", "/v1/receipts", 404, ""}, // no table has this name
	} {
		got := s.do(test.method, s.url+test.path, nil, "X-API-Key", keyOfTenant("acme"))
		if got.status != test.status || got.header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", test.method, test.path, got.status, got.header.Get("Allow"), test.status, test.allow)
		}
	}
}

func TestTenants(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	s := start(t, cfg)
	if got := s.do("GET", s.admin+"/admin/tenants", nil); got.status != 404 {
		t.Errorf("without accounts: %d %s", got.status, got.body)
	}
	cfg = testConfig(newFakeIntake(t))
	cfg.Incarnation = "0af3"
	cfg.Accounts = func() []Account {
		return []Account{{Tenant: "globex", Received: 3}, {Tenant: "acme", Received: 2, Accepted: 1, Rejected: 1, Pending: 2}, {Tenant: "b"}}
	}
	s = start(t, cfg)
	for query, want := range map[string][]string{
		"":               {"acme", "b", "globex"},
		"?tenant=globex": {"globex"},
		"?tenant=nobody": {},
	} {
		got := s.do("GET", s.admin+"/admin/tenants"+query, nil)
		names := []string{}
		for part := range strings.SplitSeq(got.body, `"tenant":"`) {
			if name, rest, _ := strings.Cut(part, `"`); rest != "" && !strings.HasPrefix(part, "{") {
				names = append(names, name)
			}
		}
		if diff := cmp.Diff(want, names); diff != "" || got.status != 200 || !strings.HasPrefix(got.body, `{"tenants":[`) {
			t.Errorf("%s: %d %s (-want +got):\n%s", query, got.status, got.body, diff)
		}
	}
	if got := s.do("GET", s.admin+"/admin/tenants", nil).body; !strings.Contains(got, `],"incarnation":"0af3"}`) {
		t.Errorf("%s does not say whose they are", got)
	}
	want := `{"tenant":"acme","received":2,"committing":0,"accepted":1,"rejected":1,"failed":0,"late":0,"recovered":0,"pending":2,"stored":0`
	if got := s.do("GET", s.admin+"/admin/tenants", nil).body; !strings.Contains(got, want) {
		t.Errorf("%s lacks %s", got, want)
	}
	cfg = testConfig(newFakeIntake(t))
	cfg.Accounts = func() []Account { return nil }
	fresh := start(t, cfg)
	if got := fresh.do("GET", fresh.admin+"/admin/tenants", nil); got.body != `{"tenants":[]}`+"\n" {
		t.Errorf("before the first event: %s", got.body)
	}
	if got := s.do("GET", s.url+"/admin/tenants", nil); got.status != 404 {
		t.Errorf("on the listener for events: %d", got.status)
	}
	if got := s.do("OPTIONS", s.admin+"/admin/tenants", nil); got.status != 204 || got.header.Get("Allow") != "OPTIONS, GET, HEAD" {
		t.Errorf("OPTIONS: %d %v", got.status, got.header)
	}
}
