package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"parquay/loadtest/e2e/ledger"
	"parquay/loadtest/e2e/process"
)

// TestSoak has two gateways at work on one bucket while faults of all kinds happen.
// The first lives to the end: its store goes away and comes back, its tenants are
// reloaded, clients leave in the middle, bodies are malformed. The second is killed,
// stopped, and stopped and killed. Afterwards every acknowledged event is in the
// files, once; and the first has not grown: neither its memory, goroutines, and
// descriptors, nor the files in its journal and its spool.
func TestSoak(t *testing.T) {
	t.Parallel()
	limit := 20 * time.Second
	if text := os.Getenv("E2E_SOAK"); text != "" {
		var err error
		if limit, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	s := newSite(t, "PARQUAY_MEMORY=256MiB", "PARQUAY_MAX_DECODED=16MiB", "PARQUAY_SHUTDOWN=20s")
	k := &soak{site: s, store: s.useStore(), r: rand.New(rand.NewPCG(uint64(s.seed), 5)), faults: map[string]int{}}
	k.tenants = []tenant{newTenant("first"), newTenant("second"), newTenant("stranger")}
	s.provision(k.tenants...)
	s.start()
	k.second = s.replica("second")
	k.second.start("")
	// So few that the checker can hold them all after half an hour.
	rate := min(number(t, "E2E_RATE", 500), 500)
	loads := []*load{
		s.loadOf("first", s.seed, &ledger.Client{Rate: rate, Connections: 8, Key: k.tenants[0].use}),
		s.loadOf("second", s.seed+1, &ledger.Client{
			Rate: rate, Connections: 8, Key: k.tenants[1].use,
			Target: func() string { return k.second.target.Load().(string) },
		}),
	}
	for begin := time.Now(); time.Since(begin) < limit || len(k.samples) < 6; {
		k.fault()
		k.settle()
		k.sample()
	}
	t.Logf("%d samples; faults: %v", len(k.samples), k.faults)
	k.judge()
	for _, l := range loads {
		l.end()
	}
	k.second.stop()
	s.drain()
	s.takeOut("stranger")
	s.check(loads...)
}

// use is a ledger client's Key.
func (t tenant) use() (string, func()) { return t.key(), func() {} }

// soak is a soak under way.
type soak struct {
	*site
	store   *process.Store
	second  *replica
	tenants []tenant
	r       *rand.Rand
	faults  map[string]int
	samples []usage
	guesses []time.Time // of the last seconds: unknown keys that were sent
}

// fault does one thing that a gateway must survive.
func (k *soak) fault() {
	k.Helper()
	faults := []struct {
		name string
		do   func()
	}{
		{"store away", k.storeAway},
		{"clients leave", func() { k.strangers(k.r.IntN(20)) }},
		{"malformed", k.malformed},
		{"reload", func() { k.rewrite(k.tenants...); k.reload() }},
		{"kill", func() { k.second.kill(); k.second.start("") }},
		{"stop", func() { k.second.stop(); k.second.start("") }},
		{"stop and kill", func() {
			if err := k.second.gateway.Signal(syscall.SIGTERM); err != nil {
				k.Fatal(err)
			}
			time.Sleep(time.Duration(k.r.IntN(300)) * time.Millisecond)
			k.second.kill()
			k.second.start("")
		}},
	}
	f := faults[len(k.samples)%len(faults)]
	if len(k.samples) >= len(faults) { // each of them once, and then at random
		f = faults[k.r.IntN(len(faults))]
	}
	k.faults[f.name]++
	f.do()
}

// storeAway has the store stop for a while, which both gateways accept events in.
func (k *soak) storeAway() {
	k.Helper()
	if err := k.store.Stop(); err != nil {
		k.Fatal(err)
	}
	time.Sleep(time.Duration(200+k.r.IntN(1500)) * time.Millisecond)
	if err := k.store.Start(k.Context()); err != nil {
		k.Fatal(err)
	}
}

// strangers are clients that go away in the middle of a request.
func (k *soak) strangers(n int) {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.Context(), 200*time.Millisecond)
	defer cancel()
	var clients sync.WaitGroup
	for range 1 + n {
		clients.Go(func() { k.leave(ctx, k.tenants[2].key()) })
	}
	clients.Wait()
}

// malformed sends what is no event, or too much of one, or nothing that is allowed.
func (k *soak) malformed() {
	k.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for i, body := range []string{"{", strings.Repeat("[", 1000), strings.Repeat(" ", 11<<20), "\xff", "<xml>"} {
		if a := k.postAs(k, client, k.tenants[2].key(), "/v1/events", body); a.status < 400 || a.status >= 500 {
			k.Errorf("malformed body %d is answered %d", i, a.status)
		}
	}
	k.unknownKey(client)
}

// unknownKey sends a key that nobody has. The answer is 401, and may be the 429 that
// bounds guessing only after ten in as many seconds (docs/http-api.md): faults that
// take no time come as often now and then.
func (k *soak) unknownKey(client *http.Client) {
	k.Helper()
	now := time.Now()
	k.guesses = slices.DeleteFunc(k.guesses, func(at time.Time) bool { return now.Sub(at) > 10*time.Second })
	a := k.postAs(k, client, newKey().key, "/v1/events", "{}")
	bounded := a.status == http.StatusTooManyRequests && a.kind == "too-many-failures" && a.header.Get("Retry-After") != ""
	if a.status != http.StatusUnauthorized && (!bounded || len(k.guesses) < 10) {
		k.Errorf("an unknown key is answered %d %s, %d others of the last 10 s before it", a.status, a.kind, len(k.guesses))
	}
	k.guesses = append(k.guesses, now)
}

// settle waits until the first gateway has nothing left of the fault.
func (k *soak) settle() {
	k.Helper()
	k.await("the store has what waited for it", flushWithin, func() bool {
		values := k.values("parquay_pending_windows", "parquay_uploads_waiting", "parquay_bucket_puts_failing")
		return values[0] <= 2 && values[1] == 0 && values[2] == 0
	})
}

// usage is what a gateway takes, at one moment.
type usage [5]float64

// measured are the parts of a usage, and by how much each may differ from sample to
// sample without being growth.
var measured = [len(usage{})]struct {
	name  string
	slack float64
}{
	{"resident bytes", 16 << 20}, {"goroutines", 40}, {"descriptors", 40}, {"files in the journal", 6}, {"files in the spool", 6},
}

// sample notes what the first gateway takes.
func (k *soak) sample() {
	k.Helper()
	u := usage(append(k.values("process_resident_memory_bytes", "go_goroutines", "process_open_fds"), 0, 0))
	for i, folder := range []string{"journal", "spool"} {
		entries, err := os.ReadDir(filepath.Join(k.data, folder))
		if err != nil {
			k.Fatal(err)
		}
		u[3+i] = float64(len(entries))
	}
	k.samples = append(k.samples, u)
}

// judge looks for growth. What a gateway needs to get warm, the first third, is left
// out.
func (k *soak) judge() {
	k.Helper()
	warm := k.samples[len(k.samples)/3:]
	for i, m := range measured {
		var series []float64
		for _, u := range warm {
			series = append(series, u[i])
		}
		growth, middle := trend(series)
		k.Logf("%s: %.0f in the middle, %+.1f over the time; the medians of ten parts: %.0f", m.name, middle, growth, parts(series))
		if growth > m.slack+middle/10 {
			k.Errorf("%s grow: by %.1f from %.1f in the middle: %v", m.name, growth, middle, series)
		}
	}
}

// trend fits a line through a series and returns by how much it rises from the first
// value to the last, and the median of the values. The line's slope is the median of
// the slopes between all pairs (Theil and Sen), which outliers do not move.
func trend(series []float64) (growth, middle float64) {
	var slopes []float64
	for i := range series {
		for j := range i {
			slopes = append(slopes, (series[i]-series[j])/float64(i-j))
		}
	}
	return median(slopes) * float64(len(series)-1), median(slices.Clone(series))
}

// parts returns the medians of ten parts of a series, by which its shape can be told.
func parts(series []float64) (medians []float64) {
	for part := range slices.Chunk(series, max((len(series)+9)/10, 1)) {
		medians = append(medians, median(slices.Clone(part)))
	}
	return medians
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// TestTrend: the soak's judge sees growth, and neither noise nor a fault that passes.
func TestTrend(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for name, test := range map[string]struct {
		at          func(i int) float64
		least, most float64
	}{
		"steady":   {func(int) float64 { return 7 }, 0, 0},
		"growth":   {func(i int) float64 { return float64(3 * i) }, 297, 297},
		"noise":    {func(int) float64 { return 100 + 20*r.Float64() }, -5, 5},
		"outliers": {func(i int) float64 { return 100 + float64(i%10/9)*1e6 }, 0, 0},
		"both":     {func(i int) float64 { return float64(i) + 20*r.Float64() }, 90, 108},
	} {
		var series []float64
		for i := range 100 {
			series = append(series, test.at(i))
		}
		if growth, _ := trend(series); growth < test.least || growth > test.most {
			t.Errorf("%s: growth %v, want %v to %v", name, growth, test.least, test.most)
		}
	}
	if growth, middle := trend(nil); growth != 0 || middle != 0 {
		t.Errorf("nothing: %v, %v", growth, middle)
	}
}

// values reads gauges without labels from /metrics.
func (s *site) values(names ...string) []float64 {
	s.Helper()
	text := s.metrics()
	list := make([]float64, len(names))
	for i, name := range names {
		_, rest, found := strings.Cut(text, "\n"+name+" ")
		line, _, _ := strings.Cut(rest, "\n")
		v, err := strconv.ParseFloat(line, 64)
		if !found || err != nil {
			s.Fatal(fmt.Errorf("%s is %q", name, line))
		}
		list[i] = v
	}
	return list
}
