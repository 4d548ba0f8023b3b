package writer

// These tests run in bubbles, where time is virtual: an hour of retries takes no
// time, and every wait is exact.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

// scriptedBucket answers a Put as its script says.
type scriptedBucket struct {
	Bucket
	put func(ctx context.Context, key string, body Body) error
}

func (s scriptedBucket) Put(ctx context.Context, key string, body Body) error {
	return s.put(ctx, key, body)
}
func (s scriptedBucket) String() string { return "scripted://" }

type statusError int

func (s statusError) Error() string       { return fmt.Sprintf("status %d", int(s)) }
func (s statusError) HTTPStatusCode() int { return int(s) }

func newTestPutter(inFlight int, put func(context.Context, string, Body) error) (*Putter, *prometheus.Registry, *logBuffer) {
	log := &logBuffer{}
	registry := prometheus.NewRegistry()
	logger := slog.New(slog.NewTextHandler(log, nil))
	p := NewPutter(scriptedBucket{put: put}, inFlight, logger, NewPutMetrics(registry))
	p.jitter = func(limit time.Duration) time.Duration { return limit } // the longest
	return p, registry, log
}

// logBuffer is read while it is written.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// Whatever a bucket says, a Put goes on with the same key and body until it is done.
func TestPutterRetriesEverything(t *testing.T) {
	errs := []error{
		errStalled, context.DeadlineExceeded, net.ErrClosed, os.ErrPermission, ErrNotFound, errors.New("?"),
		fmt.Errorf("another's: %w", context.Canceled),
	}
	for status := 300; status < 600; status++ {
		errs = append(errs, statusError(status))
	}
	synctest.Test(t, func(t *testing.T) {
		body := strings.NewReader("x")
		attempts := 0
		p, _, _ := newTestPutter(1, func(_ context.Context, key string, b Body) error {
			if key != "key" || b != Body(body) {
				t.Errorf("attempt %d is for %q, %v", attempts, key, b)
			}
			if attempts++; attempts <= len(errs) {
				return errs[attempts-1]
			}
			return nil
		})
		if err := p.Put(t.Context(), "key", body); err != nil || attempts != len(errs)+1 {
			t.Errorf("Put = %v after %d attempts, want nil after %d", err, attempts, len(errs)+1)
		}
	})
}

func TestPutterBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		p, _, _ := newTestPutter(1, func(context.Context, string, Body) error {
			at = append(at, time.Since(start))
			if len(at) < 12 {
				return statusError(503)
			}
			return nil
		})
		var limits []time.Duration
		p.jitter = func(limit time.Duration) time.Duration {
			limits = append(limits, limit)
			return limit / 2
		}
		if err := p.Put(t.Context(), "key", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		const ms, s = time.Millisecond, time.Second
		want := []time.Duration{
			100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30 * s, 30 * s,
		}
		if !slices.Equal(limits, want) {
			t.Errorf("the waits are drawn up to %v, want %v", limits, want)
		}
		wait := time.Duration(0)
		for i, limit := range want {
			if wait += limit / 2; at[i+1] != wait {
				t.Errorf("attempt %d comes after %v, want %v", i+1, at[i+1], wait)
			}
		}
	})
}

func TestPutterDrawsJitterEvenly(t *testing.T) {
	p := NewPutter(scriptedBucket{}, 1, slog.New(slog.DiscardHandler), NewPutMetrics(prometheus.NewRegistry()))
	tenths := map[time.Duration]int{}
	for range 10_000 {
		d := p.jitter(time.Second)
		if d < 0 || d > time.Second {
			t.Fatalf("jitter(1s) = %v", d)
		}
		tenths[min(d/(time.Second/10), 9)]++
	}
	for tenth := range time.Duration(10) {
		if n := tenths[tenth]; n < 800 || n > 1200 {
			t.Errorf("%d of 10,000 draws lie in tenth %d, want about 1,000", n, tenth)
		}
	}
}

// Never more attempts than allowed are in flight, and one that waits to retry
// leaves its place to others.
func TestPutterBoundsInFlight(t *testing.T) {
	const limit, puts = 3, 50
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		flying, most, attempts := 0, 0, map[string]int{}
		p, registry, _ := newTestPutter(limit, func(_ context.Context, key string, _ Body) error {
			mu.Lock()
			flying++
			most = max(most, flying)
			attempts[key]++
			n := attempts[key]
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			flying--
			mu.Unlock()
			if n <= 2 {
				return statusError(500)
			}
			return nil
		})
		start := time.Now()
		var group sync.WaitGroup
		for i := range puts {
			group.Go(func() {
				if err := p.Put(t.Context(), fmt.Sprint(i), strings.NewReader("x")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if got := value(t, registry, "parquay_bucket_puts_in_flight"); got != limit {
			t.Errorf("%v puts are in flight by the metric, want %d", got, limit)
		}
		group.Wait()
		if most != limit {
			t.Errorf("%d attempts were in flight at once, want %d", most, limit)
		}
		// 150 attempts of a second, three at a time: the waits cost nothing.
		if took, want := time.Since(start), 50*time.Second; took > want+time.Second {
			t.Errorf("it took %v, want about %v", took, want)
		}
	})
}

func TestPutterStopsWithContext(t *testing.T) {
	for _, c := range []struct {
		name  string
		slots int
		put   func(context.Context) error
	}{
		{"in an attempt", 1, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{"in a wait", 1, func(context.Context) error { return statusError(503) }},
		{"without a slot", 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, registry, log := newTestPutter(c.slots, func(ctx context.Context, _ string, _ Body) error { return c.put(ctx) })
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour+time.Second, errors.New("stopping"))
				defer cancel()
				start := time.Now()
				err := p.Put(ctx, "key", strings.NewReader("x"))
				if err == nil || !strings.Contains(err.Error(), "stopping") || time.Since(start) != time.Hour+time.Second {
					t.Errorf("Put = %v after %v, want an error with the cause after 1h1s", err, time.Since(start))
				}
				if got := value(t, registry, "parquay_bucket_puts_failing"); got != 0 {
					t.Errorf("%v puts are failing after it, want 0", got)
				}
				if strings.Contains(log.String(), "work again") {
					t.Errorf("a recovery is logged:\n%s", log)
				}
			})
		})
	}
}

// An outage is a line at its start, a line in 30 seconds, and a line at its end.
func TestPutterLogsAnOutage(t *testing.T) {
	const outage = time.Hour
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p, registry, log := newTestPutter(4, func(context.Context, string, Body) error {
			if time.Since(start) < outage {
				return statusError(503)
			}
			return nil
		})
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				if err := p.Put(t.Context(), fmt.Sprint(i), strings.NewReader("x")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("the first failures log %d lines, want 1:\n%s", n, log)
		}
		time.Sleep(outage / 2)
		if got := value(t, registry, "parquay_bucket_puts_failing"); got != 100 {
			t.Errorf("%v puts are failing by the metric, want 100", got)
		}
		if n, since := p.Failing(); n != 100 || !since.Equal(start) {
			t.Errorf("Failing() = %d since %v, want 100 since %v", n, since, start)
		}
		group.Wait()
		if n, _ := p.Failing(); n != 0 {
			t.Errorf("Failing() = %d after the outage, want 0", n)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if n := len(lines); n < 100 || n > int(outage/summaryEvery)+2 {
			t.Errorf("the outage logs %d lines", n)
		}
		if last := lines[len(lines)-1]; !strings.Contains(last, "work again") {
			t.Errorf("the last line is %q, want the recovery", last)
		}
		// What was logged and what was counted agree.
		logged := 0
		for _, line := range lines[:len(lines)-1] {
			_, rest, _ := strings.Cut(line, " failures=")
			n := 0
			fmt.Sscan(rest, &n)
			logged += n
		}
		counted := int(attempts(t, registry)[KindThrottled])
		if logged > counted || logged < counted-100*4 {
			t.Errorf("%d failures are logged, %d counted", logged, counted)
		}
	})
}

// Trouble that comes and goes is not logged more often than trouble that stays.
func TestPutterLogsFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		p, registry, log := newTestPutter(1, func(context.Context, string, Body) error {
			if n++; n%2 == 1 {
				return statusError(500)
			}
			return nil
		})
		start := time.Now()
		for time.Since(start) < 10*time.Minute {
			if err := p.Put(t.Context(), "key", strings.NewReader("x")); err != nil {
				t.Fatal(err)
			}
		}
		warned, recovered := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "work again")
		if warned < 19 || warned > 21 || recovered != warned {
			t.Errorf("%d warnings and %d recoveries in ten minutes, want 20 of each", warned, recovered)
		}
		if got := attempts(t, registry); got[KindServer] != got[KindStored] || got[KindStored] < 1000 {
			t.Errorf("attempts are counted as %v", got)
		}
	})
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{nil, KindStored},
		{fmt.Errorf("put: %w", context.Canceled), KindCancelled},
		{context.DeadlineExceeded, KindTimeout},
		{fmt.Errorf("%w: %w", errStalled, context.Canceled), KindTimeout},
		{fmt.Errorf("%w: %w", errStalled, statusError(200)), KindTimeout},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, KindTimeout},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, KindConnection},
		{&net.DNSError{Name: "s3"}, KindConnection},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, KindDisk},
		{&os.LinkError{Op: "link", Err: fs.ErrPermission}, KindDisk},
		{statusError(401), KindDenied},
		{statusError(403), KindDenied},
		{statusError(404), KindMissing},
		{statusError(409), KindConflict},
		{statusError(412), KindConflict},
		{statusError(400), KindRejected},
		{statusError(501), KindRejected},
		{statusError(500), KindServer},
		{statusError(599), KindServer},
		{statusError(429), KindThrottled},
		{statusError(503), KindThrottled},
		{errors.New("?"), KindOther},
	} {
		got := KindOf(c.err)
		if got != c.want {
			t.Errorf("KindOf(%v) = %s, want %s", c.err, got, c.want)
		}
		if !slices.Contains(Kinds(), got) {
			t.Errorf("%s is not among Kinds()", got)
		}
	}
}

// All metrics are there from the start, with every value of their label.
func TestPutMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	NewPutMetrics(registry)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) != 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	if got := slices.Sorted(maps.Keys(attempts(t, registry))); !slices.Equal(got, slices.Sorted(slices.Values(Kinds()))) {
		t.Errorf("outcomes are %v, want all kinds", got)
	}
	for _, name := range []string{"parquay_bucket_puts_in_flight", "parquay_bucket_puts_failing"} {
		if got := value(t, registry, name); got != 0 {
			t.Errorf("%s is %v", name, got)
		}
	}
}

func attempts(t *testing.T, registry *prometheus.Registry) map[Kind]float64 {
	t.Helper()
	byKind := map[Kind]float64{}
	for _, family := range gather(t, registry) {
		if family.GetName() == "parquay_bucket_put_attempts_total" {
			for _, m := range family.GetMetric() {
				byKind[Kind(m.GetLabel()[0].GetValue())] = m.GetCounter().GetValue()
			}
		}
	}
	return byKind
}

func value(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	for _, family := range gather(t, registry) {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func gather(t *testing.T, registry *prometheus.Registry) []*dto.MetricFamily {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}
