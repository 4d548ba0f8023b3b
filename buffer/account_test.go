package buffer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"parquay/buffer/journal/vfs"
	"parquay/schema"
)

// adds checks both equations of an account (I7).
func (a Account) adds() error {
	if a.Received != a.Committing+a.Accepted+a.Rejected+a.Failed || a.Accepted+a.Rejected+a.Recovered != a.Pending+a.Stored {
		return fmt.Errorf("I7: does not add up: %+v", a)
	}
	for _, n := range []int64{a.Received, a.Committing, a.Accepted, a.Rejected, a.Failed, a.Late, a.Recovered, a.Pending, a.Stored, a.Held} {
		if n < 0 {
			return fmt.Errorf("I7: negative: %+v", a)
		}
	}
	return nil
}

// rejected makes a batch of the table rejected.
func rejected(tenant string, rows int) *schema.Batch {
	b := batch(tenant, 1, rows, 0)
	b.Table = schema.Rejected()
	return b
}

// TestAccountsAddUp: at every moment, whatever fails, and with what earlier
// processes have left.
func TestAccountsAddUp(t *testing.T) {
	dir, files := t.TempDir(), newFakeFiles(t)
	g := start(t, config(t, vfs.OS{}, dir, files))
	g.mustPost(batch("acme", 1, 10, 0))
	g.mustPost(batch("gone", 1, 7, 0))
	g.crash()

	files.step = func(n int, _ string, id FileID) verdict {
		if n%100 == 50 || (id.Tenant == "gone" && n < 20) { // flushes fail now and then
			return fails
		}
		return done
	}
	cfg := config(t, vfs.OS{}, dir, files)
	cfg.WindowBytes = 32 << 10
	now := time.Now()
	cfg.Now = func() time.Time { return now } // in one hour, so that it is known what is late
	g = start(t, cfg)
	stop, watched := make(chan struct{}), make(chan int)
	go func() {
		for looks := 0; ; looks++ {
			select {
			case <-stop:
				watched <- looks
				return
			default:
			}
			for _, a := range g.Accounts() {
				if err := a.adds(); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	var posting sync.WaitGroup
	for i := range 4 {
		posting.Go(func() {
			for j := range 100 {
				tenant := []string{"acme", "bolt"}[(i+j)%2]
				b := batch(tenant, hourOf(now)-int64(j%2), 3, 100) // every second one is late
				g.mustPost(b, rejected(tenant, 1))
			}
		})
	}
	posting.Wait()
	g.finish()
	close(stop)
	if looks := <-watched; looks == 0 {
		t.Error("nobody looked")
	}
	late := int64(0)
	for _, a := range g.Accounts() {
		want := Account{Tenant: a.Tenant, Recovered: a.Recovered, Late: a.Late}
		switch a.Tenant {
		case "acme", "bolt":
			want.Received, want.Accepted, want.Rejected = 800, 600, 200
		}
		if a.Tenant == "acme" {
			want.Recovered = 10
		}
		if a.Tenant == "gone" {
			want.Recovered = 7
		}
		want.Stored = want.Received + want.Recovered
		if a != want {
			t.Errorf("in the end %+v, want %+v", a, want)
		}
		late += a.Late
	}
	if stored := g.metrics.Latency.mu.events; stored != 1600+17 {
		t.Errorf("the latency of %d events is known", stored)
	}
	if late != 600 {
		t.Errorf("%d events are late, want half of all", late)
	}
}

// TestLate: an event is late from the moment on at which its hour has ended.
func TestLate(t *testing.T) {
	for at, late := range map[time.Duration]int64{
		0: 0, time.Hour - 1: 0, time.Hour: 3, -1: 0,
	} {
		begins := time.Unix(100*3600, 0)
		batches := []*schema.Batch{batch("acme", 100, 3, 0), rejected("acme", 1)}
		if n, want := count(batches, hourOf(begins.Add(at))), (tally{3, 1, late}); n != want {
			t.Errorf("%v after the hour began: %+v, want %+v", at, n, want)
		}
	}
	if h := hourOf(time.Unix(-1, 0)); h != -1 {
		t.Errorf("the second before the epoch is in hour %d", h)
	}
}

// TestAccountOfAFailedJournal: what was refused is counted as such.
func TestAccountOfAFailedJournal(t *testing.T) {
	files := newFakeFiles(t)
	g := start(t, config(t, vfs.OS{}, t.TempDir(), files))
	g.mustPost(batch("acme", 1, 5, 0))
	if err := g.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	r := &Reservation{b: g.Buffer, t: g.tenants.pin(g.Buffer, "acme"), share: 1 << 20}
	if err := r.Grow(1 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(context.Background(), sent(batch("acme", 1, 3, 0))); !errors.Is(err, ErrStopping) {
		t.Fatalf("Commit after a drain: %v", err)
	}
	r.Release()
	want := Account{Tenant: "acme", Received: 8, Accepted: 5, Failed: 3, Stored: 5, Late: 5}
	if got := g.Accounts(); len(got) != 1 || got[0] != want {
		t.Errorf("accounts %+v, want %+v", got, want)
	}
}

// TestShare: a tenant's own bound, and the common one for everybody else.
func TestShare(t *testing.T) {
	cfg := config(t, vfs.OS{}, t.TempDir(), newFakeFiles(t))
	cfg.RingBytes = 1 << 20
	g := start(t, cfg)
	hold := func(tenant string, share, bytes int64, want error) *Reservation {
		t.Helper()
		r, err := g.Reserve(tenant, share, bytes)
		if !errors.Is(err, want) {
			t.Errorf("Reserve(%s, %d, %d): %v, want %v", tenant, share, bytes, err, want)
		}
		if err != nil {
			return &Reservation{}
		}
		t.Cleanup(r.Release)
		return r
	}
	hold("small", 1<<10, 1<<10+1, ErrTooLarge)
	small := hold("small", 1<<10, 1<<10, nil)
	hold("small", 1<<10, 1, ErrTenantFull)
	if err := small.Grow(1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Grow over the share: %v", err)
	}
	hold("large", 2<<20, 2<<20, nil)
	hold("common", 0, 1<<20, nil)
	hold("common", 0, 1, ErrTenantFull)
	if full := g.tenants.fullest(); full != 1 {
		t.Errorf("the fullest tenant is %v full", full)
	}
	for _, a := range g.Accounts() {
		if want := map[string]int64{"small": 1 << 10, "large": 2 << 20, "common": 1 << 20}[a.Tenant]; a.Held != want {
			t.Errorf("%s holds %d bytes, want %d", a.Tenant, a.Held, want)
		}
	}
}

// holds is how many bytes a tenant holds.
func (g *gateway) holds(tenant string) int64 { return g.tenants.held()[g.accounts.of(tenant)] }

// TestSmallShare: a tenant whose own share is far below the common one is drained
// before that is full, so that it is not refused until the window ends.
func TestSmallShare(t *testing.T) {
	files := newFakeFiles(t)
	g := start(t, config(t, vfs.OS{}, t.TempDir(), files))
	var all []*schema.Batch
	for i := range int64(300) { // 3 MB in many partitions, through 128 KiB
		b := batch("acme", i%50, 1, 10_000)
		all = append(all, b)
		r, err := g.Reserve("acme", 128<<10, cost(b))
		for ; errors.Is(err, ErrTenantFull); r, err = g.Reserve("acme", 128<<10, cost(b)) {
			time.Sleep(time.Millisecond) // bounded by the test's own timeout
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Commit(context.Background(), sent(b)); err != nil {
			t.Fatal(err)
		}
		r.Release()
	}
	g.finish()
	once(t, files, all...)
}

// TestFullShare: what was refused because the tenant's share is taken by rows that
// wait for the window's end fits before that.
func TestFullShare(t *testing.T) {
	const share = 128 << 10
	for _, held := range []int{50_000, 30_000} { // less than half of it, which nobody would encode early
		files := newFakeFiles(t)
		g := start(t, config(t, vfs.OS{}, t.TempDir(), files))
		b := batch("acme", 1, 1, held)
		r, err := g.Reserve("acme", share, cost(b))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Commit(context.Background(), sent(b)); err != nil {
			t.Fatal(err)
		}
		r.Release()
		if _, err := g.Reserve("acme", share, share/8*7); !errors.Is(err, ErrTenantFull) {
			t.Errorf("Reserve beyond the share: %v", err)
		}
		eventually(t, func() bool {
			r, err := g.Reserve("acme", share, share/8*7)
			if err == nil {
				r.Release()
			}
			return err == nil
		})
		g.finish()
		once(t, files, b)
	}
}

// TestTenantSeriesAreBounded: more tenants than may have series of their own are
// one more, and more than may have accounts are one account.
func TestTenantSeriesAreBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	cfg := config(t, vfs.OS{}, t.TempDir(), newFakeFiles(t))
	cfg.Metrics = NewMetrics(reg)
	g := start(t, cfg)
	for i := range maxAccounts + 10 {
		a := g.accounts.of(fmt.Sprint("t", i))
		a.receive(tally{accepted: 2})
		a.commit(tally{accepted: 2})
	}
	for range 2 { // of those without an account of their own
		r, err := g.Reserve(fmt.Sprint("t", maxAccounts+g.tenants.len()), 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
	}
	if n := len(g.Accounts()); n != maxAccounts+1 {
		t.Errorf("%d accounts", n)
	}
	series, err := testutil.GatherAndCount(reg, "parquay_tenant_pending_events")
	if err != nil || series != maxTenantLabels+1 {
		t.Errorf("%d series, %v", series, err)
	}
	if others := g.Accounts()[0]; others.Tenant != otherTenants || others.Held != 2000 {
		t.Errorf("the first account is %+v, want that of the others with 2000 bytes held", others)
	}
	got := text(t, reg)
	for _, want := range []string{
		fmt.Sprintf(`parquay_tenant_pending_events{tenant="_other"} %d`, 2*(maxAccounts+10-maxTenantLabels)),
		`parquay_tenant_held_bytes{tenant="_other"} 2000`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the others' sum is wrong: no %s", want)
		}
	}
}

// text gathers everything in Prometheus' text format, numbers unabridged.
func text(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, family := range families {
		for _, m := range family.Metric {
			fmt.Fprintf(&b, "%s{", family.GetName())
			for _, l := range m.Label {
				fmt.Fprintf(&b, "%s=%q", l.GetName(), l.GetValue())
			}
			fmt.Fprintf(&b, "} %d\n", int64(m.GetGauge().GetValue()))
		}
	}
	return b.String()
}

// TestLatencyCountsEvents: every event counts, from its own commit.
func TestLatencyCountsEvents(t *testing.T) {
	l := newLatency("l", "help", []float64{1, 10})
	began := time.Unix(1000, 0)
	var a arrivals
	for _, at := range []time.Duration{0, 500 * time.Millisecond, 9 * time.Second, 25 * time.Second} {
		a.add(began.Add(at), time.Second, []*commit{{tally: tally{accepted: 2, rejected: 1}}})
	}
	l.observe(began.Add(26*time.Second), a)
	want := `# HELP l help
# TYPE l histogram
l_bucket{le="1"} 3
l_bucket{le="10"} 3
l_bucket{le="+Inf"} 12
l_sum 210
l_count 12
`
	if err := testutil.CollectAndCompare(l, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
