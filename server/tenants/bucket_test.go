package tenants

import (
	"errors"
	"math/big"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// begin is an instant for tests.
var begin = time.Date(2026, 11, 23, 7, 45, 0, 0, time.UTC)

// after is so long after begin.
func after(d time.Duration) time.Time { return begin.Add(d) }

func TestAdmit(t *testing.T) {
	// 100 events a second and 2 seconds of them; 1000 bytes a second.
	l := newLimiter(limits{events: 100, bytes: 1000, burst: 2 * time.Second}, begin)
	check := func(at time.Duration, want *Limited) {
		t.Helper()
		err := l.admit(after(at))
		var got *Limited
		if errors.As(err, &got) != (want != nil) || (want != nil && *got != *want) {
			t.Errorf("after %v: %+v, want %+v", at, err, want)
		}
	}
	check(0, nil)
	l.charge(begin, 200, 0)
	check(0, nil) // empty, and not in debt
	l.charge(begin, 1, 0)
	check(0, &Limited{"events", 10 * time.Millisecond})
	check(9*time.Millisecond, &Limited{"events", time.Millisecond})
	check(10*time.Millisecond, nil)

	// A body larger than the bucket passes, and what it takes is owed.
	l.charge(after(10*time.Millisecond), 1000, 0)
	check(10*time.Millisecond, &Limited{"events", 10 * time.Second})
	check(10*time.Second, &Limited{"events", 10 * time.Millisecond})

	// The bucket that takes longer is named.
	l.charge(after(10*time.Second), 0, 5000)
	check(10*time.Second, &Limited{"bytes", 3 * time.Second})
	check(13*time.Second, nil)

	// Nothing is saved up beyond the burst.
	l.charge(after(time.Hour), 200, 0)
	check(time.Hour, nil)
	l.charge(after(time.Hour), 1, 0)
	check(time.Hour, &Limited{"events", 10 * time.Millisecond})
}

func TestNoRatesNoLimiter(t *testing.T) {
	list, err := parse([]byte(minimal(`,"limits":{"ring_bytes":"1MiB"}`)))
	if err != nil {
		t.Fatal(err)
	}
	list[0].Charge(begin, 1<<60, 1<<60)
	if err := list[0].Admit(begin); err != nil {
		t.Errorf("limited without limits: %v", err)
	}
	if policy, state := list[0].RateLimit(begin); policy != "" || state != "" {
		t.Errorf("fields %q and %q without limits", policy, state)
	}
}

// model is a bucket as one would explain it: so many tokens, in exact fractions.
type model struct {
	rate, burst int64 // tokens a second, seconds
	tokens      *big.Rat
	at          time.Duration
}

func (m *model) capacity() *big.Rat { return big.NewRat(m.rate*m.burst, 1) }

func (m *model) advance(at time.Duration) {
	m.tokens.Add(m.tokens, new(big.Rat).Mul(big.NewRat(m.rate, int64(time.Second)), big.NewRat(int64(at-m.at), 1)))
	m.at = at
	if m.tokens.Cmp(m.capacity()) > 0 {
		m.tokens = m.capacity()
	}
}

// debt is how many nanoseconds it takes to have no less than nothing.
func (m *model) debt() time.Duration {
	if m.tokens.Sign() >= 0 {
		return 0
	}
	return time.Duration(ceil(new(big.Rat).Mul(new(big.Rat).Neg(m.tokens), big.NewRat(int64(time.Second), m.rate))))
}

func (m *model) set(rate, burst int64) {
	missing := ceil(new(big.Rat).Sub(m.capacity(), m.tokens))
	if rate == m.rate {
		m.tokens.Add(m.tokens, big.NewRat(rate*(burst-m.burst), 1))
		m.burst = burst
		return
	}
	m.rate, m.burst = rate, burst
	m.tokens = new(big.Rat).Sub(m.capacity(), big.NewRat(missing, 1))
}

func ceil(r *big.Rat) int64 {
	q, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	return q.Int64()
}

// The bucket agrees with the model to the nanosecond and to the token.
func TestBucketIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rates := rapid.OneOf(rapid.Int64Range(1, 10), rapid.Int64Range(1, 1_000_000), rapid.Int64Range(1, maxRate))
		bursts := rapid.Int64Range(1, 3600)
		m := model{rate: rates.Draw(t, "rate"), burst: bursts.Draw(t, "burst")}
		m.tokens = m.capacity()
		b := bucket{rate: m.rate, burst: time.Duration(m.burst) * time.Second}
		var at time.Duration
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				at += time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "elapsed"))
			case 2, 3:
				n := rapid.Int64Range(0, m.rate*m.burst).Draw(t, "taken")
				if b.wait(at) > maxDebt/2 {
					continue // what is beyond it is forgiven
				}
				b.take(n, at)
				m.advance(at)
				m.tokens.Sub(m.tokens, big.NewRat(n, 1))
			case 4:
				at += b.debt(at) // just when it ends
			case 5:
				rate, burst := rates.Draw(t, "new rate"), bursts.Draw(t, "new burst")
				if b.missing(at)/rate > int64(maxDebt/time.Second)/2 {
					continue
				}
				b.set(rate, time.Duration(burst)*time.Second, at)
				m.advance(at)
				m.set(rate, burst)
			}
			m.advance(at)
			if got, want := b.debt(at), m.debt(); got != want {
				t.Fatalf("after %v: debt %v, want %v", at, got, want)
			}
			want := max(0, -ceil(new(big.Rat).Neg(m.tokens)))
			if got := b.tokens(at); got != want {
				t.Fatalf("after %v: %d tokens, want %d", at, got, want)
			}
		}
	})
}

// Over any time, what passes is at most what is gained in it, what was saved up,
// and one request. A sender that never lets up gets its rate, and no less.
func TestRateHoldsOnAverage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Int64Range(1, 10_000).Draw(t, "rate")
		burst := rapid.Int64Range(1, 60).Draw(t, "burst")
		largest := rapid.Int64Range(1, 5*rate*burst).Draw(t, "largest")
		l := newLimiter(limits{events: rate, burst: time.Duration(burst) * time.Second}, begin)
		var at time.Duration
		var passed int64
		for range 200 {
			err := l.admit(after(at))
			var limited *Limited
			if errors.As(err, &limited) {
				at += limited.RetryAfter
				if err := l.admit(after(at)); err != nil {
					t.Fatalf("still limited after RetryAfter: %v", err)
				}
				continue
			}
			n := rapid.Int64Range(1, largest).Draw(t, "events")
			l.charge(after(at), n, 0)
			passed += n
			gained := new(big.Rat).Mul(big.NewRat(int64(at), int64(time.Second)), big.NewRat(rate, 1))
			most := gained.Add(gained, big.NewRat(rate*burst+largest, 1))
			if big.NewRat(passed, 1).Cmp(most) > 0 {
				t.Fatalf("%d events passed within %v at %d a second", passed, at, rate)
			}
		}
		if least := int64(at/time.Second) * rate; passed < least {
			t.Fatalf("%d events passed within %v, of %d that the rate allows", passed, at, least)
		}
	})
}

// Requests at the same time lose nothing of one another's charges.
func TestChargeConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(limits{events: 1000, bytes: 7, burst: time.Second}, time.Now())
		var g sync.WaitGroup
		for range 100 {
			g.Go(func() {
				for range 100 {
					_ = l.admit(time.Now())
					l.charge(time.Now(), 3, 1)
				}
			})
		}
		g.Wait()
		if got, want := l.events.debt(0), 29*time.Second; got != want {
			t.Errorf("debt of events %v, want %v", got, want)
		}
		if got, want := l.bytes.wait(0), time.Duration(1428571428572); got != want {
			t.Errorf("wait for bytes %v, want %v", got, want)
		}
	})
}

// An instant that is a little earlier than the last one, of a request that read
// the clock first and came second, gains nothing.
func TestClockGoesBack(t *testing.T) {
	l := newLimiter(limits{events: 10, burst: time.Second}, begin)
	l.charge(after(time.Minute), 20, 0)
	if got := l.events.debt(time.Minute - time.Millisecond); got != time.Second+time.Millisecond {
		t.Errorf("debt %v", got)
	}
	l.charge(after(time.Second), 10, 0)
	if got := l.events.debt(time.Minute); got != 2*time.Second {
		t.Errorf("debt %v", got)
	}
}

func TestDebtIsBounded(t *testing.T) {
	for _, rate := range []int64{1, 2, 1000, maxRate} {
		l := newLimiter(limits{bytes: rate, burst: time.Hour}, begin)
		for range 3 {
			l.charge(begin, 0, 1<<63-1)
		}
		if got := l.bytes.wait(0); rate < 1000 && got != maxDebt || got > maxDebt {
			t.Errorf("rate %d: full in %v", rate, got)
		}
		l.set(limits{bytes: 1, burst: time.Second}, begin)
		if got := l.bytes.wait(0); got != maxDebt {
			t.Errorf("rate %d, lowered: full in %v", rate, got)
		}
	}
}

func TestRateLimit(t *testing.T) {
	both := limits{events: 1000, bytes: 500_000, burst: 10 * time.Second}
	for _, test := range []struct {
		name          string
		limits        limits
		at            time.Duration // after the charge
		events, bytes int64
		policy, state string
	}{
		{"full", both, 0, 0, 0, `"events";q=10000;w=10, "bytes";q=5000000;w=10;qu="content-bytes"`, `"events";r=10000;t=0, "bytes";r=5000000;t=0`},
		{"some", both, 0, 1000, 2_000_001, "", `"events";r=9000;t=1, "bytes";r=2999999;t=5`},
		{"a part comes back", both, 500 * time.Millisecond, 1000, 1, "", `"events";r=9500;t=1, "bytes";r=5000000;t=0`},
		{"empty", both, 0, 10_000, 0, "", `"events";r=0;t=1, "bytes";r=5000000;t=0`},
		{"in debt", both, 0, 13_001, 0, "", `"events";r=0;t=4, "bytes";r=5000000;t=0`},
		{"events alone", limits{events: 1, burst: time.Minute}, 0, 60, 1 << 40, `"events";q=60;w=60`, `"events";r=0;t=1`},
		{"bytes alone", limits{bytes: maxRate, burst: time.Hour}, 0, 1 << 40, 1, `"bytes";q=360000000000000;w=3600;qu="content-bytes"`, `"bytes";r=359999999999999;t=1`},
	} {
		t.Run(test.name, func(t *testing.T) {
			tenant := &Tenant{limits: test.limits, policy: test.limits.policyField(), limiter: newLimiter(test.limits, begin)}
			tenant.Charge(begin, test.events, test.bytes)
			policy, state := tenant.RateLimit(after(test.at))
			if test.policy != "" && policy != test.policy {
				t.Errorf("RateLimit-Policy: %s\nwant             %s", policy, test.policy)
			}
			if state != test.state {
				t.Errorf("RateLimit: %s\nwant       %s", state, test.state)
			}
		})
	}
}

func BenchmarkAdmitAndCharge(b *testing.B) {
	list, err := parse([]byte(minimal(`,"limits":{"events_per_second":100000000000,"bytes_per_second":100000000000}`)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		now := time.Now()
		for pb.Next() {
			if err := list[0].Admit(now); err != nil {
				b.Error(err)
				return
			}
			list[0].Charge(now, 1, 400)
			now = now.Add(time.Microsecond)
		}
	})
}
