package drive

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"parquay/loadtest/scenario"
)

// gateway is a server of which a test says how it answers.
type gateway struct {
	*httptest.Server
	answer func(n int, w http.ResponseWriter, body []byte) bool // false: the ordinary answer

	mu     sync.Mutex
	n      int
	bodies []string        // as sent
	ids    map[string]int  // of acknowledged events
	fields map[string]bool // Content-Encoding and Authorization
	paths  map[string]bool
}

func newGateway(t *testing.T, answer func(n int, w http.ResponseWriter, body []byte) bool) *gateway {
	g := &gateway{answer: answer, ids: map[string]int{}, fields: map[string]bool{}, paths: map[string]bool{}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	n := g.n
	g.n++
	g.bodies = append(g.bodies, string(sent))
	g.fields[r.Header.Get("Content-Encoding")] = true
	g.fields[r.Header.Get("Authorization")] = true
	g.paths[r.URL.Path] = true
	g.mu.Unlock()
	if g.answer != nil && g.answer(n, w, sent) {
		return
	}
	events := g.take(decode(sent, r.Header.Get("Content-Encoding")))
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"accepted":%d,"rejected":0}`, events)
}

func decode(body []byte, encoding string) []byte {
	var from io.Reader = bytes.NewReader(body)
	switch encoding {
	case "gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil
		}
		from = z
	case "zstd":
		z, err := zstd.NewReader(from)
		if err != nil {
			return nil
		}
		defer z.Close()
		from = z
	}
	text, _ := io.ReadAll(from) // a broken body has too few events
	return text
}

func (g *gateway) take(text []byte) (events int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := bufio.NewScanner(bytes.NewReader(text))
	for in.Scan() {
		g.ids[in.Text()[len(`{"id":"`):][:scenario.IDLength]]++
		events++
	}
	return events
}

func plan(t scenario.Traffic) *scenario.Plan {
	if t.Batch.Most == 0 {
		t.Batch = scenario.Sizes{Least: 10, Most: 10}
	}
	if t.Connections == 0 {
		t.Connections = 2
	}
	t.Name, t.Tenants = "test", 1
	if t.Encoding == "" {
		t.Encoding = "identity"
	}
	if t.Curve == "" {
		t.Curve = scenario.Flat
	}
	return &scenario.Plan{Run: 1, Seed: 1, Table: "events", Tenants: []string{"acme"}, Traffic: []scenario.Traffic{t}}
}

func drive(t *testing.T, o Options) (*Result, error) {
	t.Helper()
	if err := o.Plan.Validate(); err != nil {
		t.Fatal(err)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	return Run(t.Context(), o)
}

// acked is the sequence numbers that were acknowledged, by worker.
func acked(r *Result) (n int64) {
	for _, f := range r.Fates {
		for _, a := range f.Acked {
			n += a.To - a.From
		}
	}
	return n
}

// Every event is sent once, in whatever encoding, and all are counted.
func TestRunSendsEachEventOnce(t *testing.T) {
	for _, encoding := range scenario.Encodings() {
		t.Run(encoding, func(t *testing.T) {
			g := newGateway(t, nil)
			p := plan(scenario.Traffic{Encoding: encoding, Batch: scenario.Sizes{Least: 1, Most: 50}, Connections: 3})
			r, err := drive(t, Options{Plan: p, Targets: []string{g.URL + "/base/"}, Events: 1234, Keys: []string{"pqy_key"}})
			if err != nil {
				t.Fatal(err)
			}
			if total := r.Total(); total.Events != 1234 || acked(r) != 1234 || total.Refused+total.Unanswered+total.Failed+total.Wrong+total.GivenUp != 0 {
				t.Errorf("%+v, and %d are acknowledged", total, acked(r))
			}
			if len(g.ids) != 1234 {
				t.Errorf("%d ids arrived", len(g.ids))
			}
			want := map[string]bool{"Bearer pqy_key": true, encoding: true}
			switch encoding {
			case "identity":
				want = map[string]bool{"Bearer pqy_key": true, "": true}
			case "mixed":
				want = map[string]bool{"Bearer pqy_key": true, "": true, "gzip": true, "zstd": true}
			}
			if diff := cmp.Diff(want, g.fields); diff != "" {
				t.Error(diff)
			}
			if paths := slices.Collect(maps.Keys(g.paths)); !slices.Equal(paths, []string{"/base/v1/events"}) {
				t.Errorf("paths %q", paths)
			}
			samples := int64(0)
			for _, s := range r.Samples {
				samples += s.Events
			}
			if samples != 1234 || r.Traffic[0].Latency.Count != r.Traffic[0].Bodies {
				t.Errorf("the samples have %d events, the histogram %d of %d bodies", samples, r.Traffic[0].Latency.Count, r.Traffic[0].Bodies)
			}
		})
	}
}

// A body that is not acknowledged is sent again, the same bytes, until it is; and it
// is noted whether it may be there twice.
func TestRunRepeats(t *testing.T) {
	problem := func(w http.ResponseWriter, status int, name, retry string) bool {
		if retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"type":"/problems/%s"}`, name)
		return true
	}
	for _, test := range []struct {
		name   string
		answer func(n int, w http.ResponseWriter) bool
		counts Counts
		unsure []Unsure
		waits  time.Duration
	}{
		{"refused", func(n int, w http.ResponseWriter) bool { return n < 2 && problem(w, 503, "busy", "") }, Counts{Refused: 2}, nil, 0},
		{"refused for a time", func(n int, w http.ResponseWriter) bool { return n == 0 && problem(w, 429, "tenant-full", "1") }, Counts{Refused: 1}, nil, time.Second},
		{"fault", func(n int, w http.ResponseWriter) bool { return n < 2 && problem(w, 500, "internal", "") }, Counts{Unanswered: 2}, []Unsure{{Range{0, 10}, 2}}, 0},
		{"no answer", func(n int, w http.ResponseWriter) bool {
			if n == 1 {
				panic(http.ErrAbortHandler)
			}
			return false
		}, Counts{Unanswered: 1}, []Unsure{{Range{10, 20}, 1}}, 0},
		{"half an answer", func(n int, w http.ResponseWriter) bool {
			if n == 0 {
				w.Header().Set("Content-Length", "100")
				fmt.Fprint(w, "{")
			}
			return n == 0
		}, Counts{Unanswered: 1}, []Unsure{{Range{0, 10}, 1}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t, func(n int, w http.ResponseWriter, _ []byte) bool { return test.answer(n, w) })
			g.Config.ErrorLog = nil
			r, err := drive(t, Options{Plan: plan(scenario.Traffic{Connections: 1}), Targets: []string{g.URL}, Events: 30})
			if err != nil {
				t.Fatal(err)
			}
			total := r.Total()
			got := Counts{Refused: total.Refused, Unanswered: total.Unanswered}
			if diff := cmp.Diff(test.counts, got); diff != "" || total.Events != 30 || len(g.ids) != 30 {
				t.Errorf("%+v, and %d ids\n%s", total, len(g.ids), diff)
			}
			if diff := cmp.Diff([]Fates{{Sent: 30, Acked: []Range{{0, 30}}, Unsure: test.unsure}}, r.Fates); diff != "" {
				t.Error(diff)
			}
			distinct := slices.Compact(slices.Sorted(slices.Values(g.bodies)))
			if len(distinct) != 3 {
				t.Errorf("%d different bodies for 3", len(distinct))
			}
			if r.Took < test.waits {
				t.Errorf("it took %v, and was to wait %v", r.Took, test.waits)
			}
		})
	}
}

// An answer that no repetition changes ends the run, and what was acknowledged by
// then is known.
func TestRunEndsWhenHopeless(t *testing.T) {
	g := newGateway(t, func(n int, w http.ResponseWriter, _ []byte) bool {
		if n < 3 {
			return false
		}
		http.Error(w, `{"type":"/problems/unauthorized"}`, http.StatusUnauthorized)
		return true
	})
	r, err := drive(t, Options{Plan: plan(scenario.Traffic{Connections: 1}), Targets: []string{g.URL}, Events: 1000})
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("%v", err)
	}
	if acked(r) != 30 {
		t.Errorf("%d are acknowledged", acked(r))
	}
}

// With a target that is gone the others take its turn.
func TestRunWithoutOneTarget(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	g := newGateway(t, nil)
	r, err := drive(t, Options{Plan: plan(scenario.Traffic{}), Targets: []string{gone.URL, g.URL}, Events: 100})
	if err != nil || acked(r) != 100 || r.Total().Failed == 0 || r.Fates[0].Unsure != nil {
		t.Errorf("%v: %+v", err, r.Total())
	}
}

// When the run ends, what has no answer is given up in time, and noted as unsure.
func TestRunGivesUp(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	g := newGateway(t, func(n int, w http.ResponseWriter, _ []byte) bool {
		if n == 0 {
			return false
		}
		select {
		case <-release:
		case <-time.After(time.Minute):
		}
		return true
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Run(ctx, Options{
		Plan: plan(scenario.Traffic{Connections: 1}), Targets: []string{g.URL}, Events: 1000, Timeout: 100 * time.Millisecond,
		Patience: time.Millisecond, Progress: func(Sample) { cancel() },
	})
	if err != nil || acked(r) != 10 || r.Total().GivenUp != 10 || r.Stopped == "" {
		t.Errorf("%v: %+v, stopped %q", err, r.Total(), r.Stopped)
	}
	if len(r.Fates[0].Unsure) != 1 || r.Fates[0].Unsure[0].Range != (Range{10, 20}) || r.Fates[0].Sent != 20 {
		t.Errorf("%+v", r.Fates)
	}
}

// In an open loop a stall counts for all bodies that were due meanwhile: they could
// not leave, and their latency is from when they should have.
func TestOpenLoopCountsFromTheMoment(t *testing.T) {
	const stall = 300 * time.Millisecond
	g := newGateway(t, func(n int, _ http.ResponseWriter, _ []byte) bool {
		if n == 0 {
			time.Sleep(stall)
		}
		return false
	})
	one := scenario.Sizes{Least: 1, Most: 1}
	// 500 events at 1,000 a second over one connection: those of the first 200 ms
	// leave after 300 ms at the earliest.
	p := plan(scenario.Traffic{Connections: 1, Rate: 1000, Batch: one})
	r, err := drive(t, Options{Plan: p, Targets: []string{g.URL}, Events: 500})
	if err != nil {
		t.Fatal(err)
	}
	if least := 100 * time.Millisecond.Microseconds(); r.Traffic[0].Latency.P90 < least {
		t.Errorf("latencies %+v: two of five bodies were late by %d µs", r.Traffic[0].Latency, least)
	}
	if r.Took < 490*time.Millisecond {
		t.Errorf("500 events at 1,000 a second took %v", r.Took)
	}
}

func TestRunOverTLS(t *testing.T) {
	g := &gateway{ids: map[string]int{}, fields: map[string]bool{}, paths: map[string]bool{}}
	g.Server = httptest.NewTLSServer(g)
	defer g.Close()
	roots := x509.NewCertPool()
	roots.AddCert(g.Certificate())
	r, err := drive(t, Options{Plan: plan(scenario.Traffic{}), Targets: []string{g.URL}, Events: 100, TLS: &tls.Config{RootCAs: roots}})
	if err != nil || acked(r) != 100 {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestScheduleKeepsTheMeanRate(t *testing.T) {
	for _, curve := range []scenario.Curve{scenario.Flat, scenario.Day} {
		begin := time.Now()
		s := &schedule{begin: begin, rate: 1000, curve: curve, length: 60}
		var last time.Time
		var hours [24]int // bodies of each hour of the day
		for range 6000 {
			last = s.take(10)
			hours[min(23, int(last.Sub(begin).Seconds()*24/60))]++
		}
		if calm := curve == scenario.Flat; calm != (hours[10] < 2*hours[3]) {
			t.Errorf("%s: the hours have %d bodies", curve, hours)
		}
		if took := last.Sub(begin).Seconds(); took < 59 || took > 61 {
			t.Errorf("%s: 60,000 events at 1,000 a second end after %v s", curve, took)
		}
	}
}

func TestTargets(t *testing.T) {
	for text, address := range map[string]string{
		"http://a:1": "a:1", "https://a": "a:443", "http://a/": "a:80", "http://[::1]:2/base": "[::1]:2",
	} {
		if got, err := parseTarget(text, "events", &tls.Config{}); err != nil || got.address != address {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a:1", "ftp://a", "http://", "http://a?b", "http://a/" + strings.Repeat("x", 600), ":"} {
		if got, err := parseTarget(text, "events", &tls.Config{}); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestFates(t *testing.T) {
	var f Fates
	f.ack(Range{0, 5})
	f.unsure(Range{5, 9})
	f.unsure(Range{5, 9})
	f.ack(Range{5, 9})
	f.unsure(Range{9, 12})
	f.ack(Range{12, 13})
	want := Fates{Acked: []Range{{0, 9}, {12, 13}}, Unsure: []Unsure{{Range{5, 9}, 2}, {Range{9, 12}, 1}}}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
}
