package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"parquay/schema"
)

func TestNewRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()

	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"events on every address": {func(c *Config) { c.Listen = ":0" }, "PARQUAY_INSECURE"},
		"events on 0.0.0.0":       {func(c *Config) { c.Listen = "0.0.0.0:0" }, "PARQUAY_INSECURE"},
		"events on ::":            {func(c *Config) { c.Listen = "[::]:0" }, "PARQUAY_LISTEN"},
		"admin on every address":  {func(c *Config) { c.AdminListen, c.Insecure = ":0", true }, "PARQUAY_ADMIN_INSECURE"},
		"credentials don't cover admin": {func(c *Config) {
			c.Tenants, c.AdminListen = tenantsFile(t, provision("acme").entry), "0.0.0.0:0"
		}, "PARQUAY_ADMIN_INSECURE"},
		"an open admin listener is no open gateway": {func(c *Config) {
			c.Listen, c.AdminInsecure = "0.0.0.0:0", true
		}, "PARQUAY_INSECURE"},
		"address in use":  {func(c *Config) { c.AdminListen = taken.Addr().String() }, "address already in use"},
		"no such address": {func(c *Config) { c.Listen = "127.0.0.1" }, "missing port"},
		"no intake":       {func(c *Config) { c.Intake = nil }, "Intake"},
		"no tables":       {func(c *Config) { c.Tables = nil }, "Tables"},
		"no receipts":     {func(c *Config) { c.Receipts = nil }, "Receipts"},
		"no keys":         {func(c *Config) { c.IdempotencyKeys = 0 }, "IdempotencyKeys"},
		"no window":       {func(c *Config) { c.IdempotencyWindow = 0 }, "IdempotencyWindow"},
		"a table in the receipts' place": {func(c *Config) {
			receipts, err := schema.Compile("receipts", []byte(`{"type":"object","properties":{"a":{"type":"string"}}}`))
			if err != nil {
				t.Fatal(err)
			}
			c.Tables = append(c.Tables, receipts)
		}, "no table can be called receipts"},
		"no limit": {func(c *Config) { c.MaxBody = 0 }, "MaxBody"},
		"the same table twice": {func(c *Config) {
			c.Tables = []*schema.Table{schema.Events(), schema.Events()}
		}, `"events" is given twice`},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(newFakeIntake(t))
			test.change(&cfg)
			s, err := New(cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not name %q", err, test.want)
			}
		})
	}
}

// A New that fails leaves nothing open.
func TestNewClosesWhatItOpened(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	cfg := testConfig(newFakeIntake(t))
	cfg.Listen, cfg.AdminListen = free.Addr().String(), taken.Addr().String()
	if _, err := New(cfg); err == nil {
		t.Fatal("no error")
	}
	again, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		t.Fatalf("the listener for events was left open: %v", err)
	}
	_ = again.Close()
}

func TestNewAllows(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"localhost":                     func(c *Config) { c.Listen = "localhost:0" },
		"every address, insecure":       func(c *Config) { c.Insecure, c.AdminInsecure, c.Listen, c.AdminListen = true, true, ":0", ":0" },
		"every address and credentials": func(c *Config) { c.Tenants, c.Listen = tenantsFile(t, provision("acme").entry), ":0" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(newFakeIntake(t))
			change(&cfg)
			newServer(t, cfg)
		})
	}
}

func TestHealthAndReadiness(t *testing.T) {
	cfg := testConfig(newFakeIntake(t))
	var reason error
	cfg.Ready = func() error { return reason }
	s := start(t, cfg)
	for _, base := range []string{s.url, s.admin} {
		reason = nil
		if got := s.do("GET", base+"/healthz", nil); got.status != 200 || got.body != "ok\n" {
			t.Errorf("healthz: %+v", got)
		}
		if got := s.do("GET", base+"/readyz", nil); got.status != 200 {
			t.Errorf("readyz: %+v", got)
		}
		if got := s.do("HEAD", base+"/readyz", nil); got.status != 200 || got.body != "" {
			t.Errorf("HEAD readyz: %+v", got)
		}
		reason = errors.New("the journal's disk is gone")
		if got := s.do("GET", base+"/readyz", nil); got.status != 503 || got.body != "the journal's disk is gone\n" {
			t.Errorf("readyz: %+v", got)
		}
		if got := s.do("GET", base+"/healthz", nil); got.status != 200 {
			t.Errorf("healthz while not ready: %+v", got)
		}
	}
}

func TestAdminSurface(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	for path, want := range map[string]string{
		"/metrics":                       "parquay_http_requests_in_flight 1",
		"/debug/pprof/":                  "goroutine",
		"/debug/pprof/goroutine?debug=1": "goroutine profile:",
		"/debug/pprof/cmdline":           "",
		"/debug/pprof/symbol":            "num_symbols",
	} {
		if got := s.do("GET", s.admin+path, nil); got.status != 200 || !strings.Contains(got.body, want) {
			t.Errorf("admin %s: %d %.200s", path, got.status, got.body)
		}
		if got := s.do("GET", s.url+path, nil); got.status != 404 {
			t.Errorf("%s on the listener for events: %d", path, got.status)
		}
	}
	if got := s.do("POST", s.admin+"/v1/events", strings.NewReader(event)); got.status != 404 {
		t.Errorf("events on the admin listener: %+v", got)
	}
}

// An orderly stop: not ready at once, the request in flight is answered, new ones
// are refused, and the admin listener answers until the end.
func TestStop(t *testing.T) {
	intake := newFakeIntake(t)
	committing, proceed := make(chan struct{}), make(chan struct{})
	intake.commit = func(context.Context) error {
		close(committing)
		<-proceed
		return nil
	}
	s := start(t, testConfig(intake))

	answered := make(chan reply, 1)
	go func() { answered <- s.post(event) }()
	<-committing

	stopped := make(chan error, 1)
	go func() { stopped <- s.StopAccepting(t.Context()) }()
	eventually(t, "a new connection is refused", func() bool {
		c, err := net.Dial("tcp", s.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if got := s.do("GET", s.admin+"/readyz", nil); got.status != 503 || !strings.Contains(got.body, "stopping") {
		t.Errorf("readyz while stopping: %+v", got)
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request in flight: %v", err)
	default:
	}
	close(proceed)
	if got := <-answered; got.status != 202 {
		t.Errorf("the request in flight: %+v", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := s.do("GET", s.admin+"/metrics", nil); got.status != 200 || !strings.Contains(got.body, `parquay_events_accepted_total{table="events"} 1`) {
		t.Errorf("metrics after the stop: %d", got.status)
	}
}

// Past the deadline the connections are closed; what was handed to Commit is not
// touched.
func TestStopPastItsDeadline(t *testing.T) {
	intake := newFakeIntake(t)
	committing := make(chan struct{})
	intake.commit = func(ctx context.Context) error {
		close(committing)
		<-ctx.Done()
		return ctx.Err()
	}
	cfg := testConfig(intake)
	s := newServer(t, cfg)
	done := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { done <- s.Run(ctx) }()

	failed := make(chan error, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		res, err := client.Post("http://"+s.Addr().String()+"/v1/events", "", strings.NewReader(event))
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
		failed <- err
	}()
	<-committing
	deadline, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := s.StopAccepting(deadline); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of the deadline", err)
	}
	if err := <-failed; err == nil {
		t.Error("the client got an answer")
	}
	intake.idle()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunFailsWithItsListener(t *testing.T) {
	s := newServer(t, testConfig(newFakeIntake(t)))
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background()) }()
	_ = s.eventsListener.Close()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "serve events") {
		t.Errorf("error %v, want one that names the listener", err)
	}
}
