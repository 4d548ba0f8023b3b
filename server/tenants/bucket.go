// Token buckets that may go into debt.

package tenants

import (
	"fmt"
	"math/bits"
	"sync"
	"time"
)

// Limited is returned by Admit while a bucket is in debt.
type Limited struct {
	// Which is the bucket: "events" or "bytes".
	Which string
	// RetryAfter is when the debt is paid off, if nothing is charged until then:
	// more than 0. Those who are refused together should not all come back then.
	RetryAfter time.Duration
}

func (l *Limited) Error() string {
	return fmt.Sprintf("the tenant is over its limit of %s for another %v", l.Which, l.RetryAfter)
}

// The buckets' names, which are those of the policies in RateLimit-Policy too.
const (
	eventsBucket = "events"
	bytesBucket  = "bytes"
)

// limits are a tenant's, as the file has them. A zero is no limit.
type limits struct {
	events, bytes int64         // a second
	burst         time.Duration // what of these can be saved up
	ringBytes     int64
}

// limiter is the buckets of one tenant. It lives on over reloads. Requests of one
// tenant take turns at its lock, for some arithmetic and no more.
type limiter struct {
	mu            sync.Mutex
	start         time.Time // what instants are counted from
	events, bytes bucket
}

// newLimiter returns full buckets, or nil if there are no rates.
func newLimiter(l limits, now time.Time) *limiter {
	if l.events == 0 && l.bytes == 0 {
		return nil
	}
	return &limiter{start: now, events: bucket{rate: l.events, burst: l.burst}, bytes: bucket{rate: l.bytes, burst: l.burst}}
}

// set applies new limits. What was taken stays taken.
func (l *limiter) set(to limits, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := now.Sub(l.start)
	l.events.set(to.events, to.burst, at)
	l.bytes.set(to.bytes, to.burst, at)
}

func (l *limiter) admit(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := now.Sub(l.start)
	events, bytes := l.events.debt(at), l.bytes.debt(at)
	switch {
	case events == 0 && bytes == 0:
		return nil
	case events >= bytes:
		return &Limited{eventsBucket, events}
	}
	return &Limited{bytesBucket, bytes}
}

func (l *limiter) charge(now time.Time, events, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := now.Sub(l.start)
	l.events.take(events, at)
	l.bytes.take(bytes, at)
}

// bucket holds up to rate × burst tokens, and gains rate tokens a second until it
// is full. All of that is in one instant, the one at which it will be full: a
// token is 1/rate seconds of it. The bucket is in debt when that lies further
// ahead than burst. Nothing is rounded, so nothing adds up over time.
//
// golang.org/x/time/rate has no debt: it takes what is there, or waits, or refuses
// more than a bucket holds.
type bucket struct {
	rate  int64         // tokens a second; 0 is no limit
	burst time.Duration // what it takes to fill it
	full  time.Duration // when it will be full, or became so
	part  int64         // and so many rate-ths of a nanosecond after that
}

// wait is how long it takes until the bucket is full, rounded up.
func (b *bucket) wait(at time.Duration) time.Duration {
	wait := b.full - at
	if b.part > 0 {
		wait++
	}
	return max(0, wait)
}

// debt is how long it takes until no more is missing than the bucket holds.
func (b *bucket) debt(at time.Duration) time.Duration {
	return max(0, b.wait(at)-b.burst)
}

// tokens is how many whole ones can be taken without a debt.
func (b *bucket) tokens(at time.Duration) int64 {
	return max(0, b.rate*int64(b.burst/time.Second)-b.missing(at))
}

// missing is how many tokens are missing, rounded up.
func (b *bucket) missing(at time.Duration) int64 {
	if b.full < at {
		return 0
	}
	high, low := bits.Mul64(uint64(b.full-at), uint64(b.rate))
	low, carry := bits.Add64(low, uint64(b.part)+uint64(time.Second)-1, 0)
	missing, _ := bits.Div64(high+carry, low, uint64(time.Second))
	return int64(missing)
}

func (b *bucket) take(n int64, at time.Duration) {
	if b.rate == 0 || n <= 0 {
		return
	}
	if b.full < at {
		b.full, b.part = at, 0
	}
	took, part := nanoseconds(n, b.rate, b.part)
	b.full, b.part = min(b.full+took, at+maxDebt), part
}

// set changes the rate. A bucket that was not full lacks as many tokens as before;
// one that had no limit begins full.
func (b *bucket) set(rate int64, burst, at time.Duration) {
	switch missing := b.missing(at); {
	case rate == 0 || b.rate == 0 || missing == 0:
		b.full, b.part = at, 0
	case rate != b.rate:
		took, part := nanoseconds(missing, rate, 0)
		b.full, b.part = at+took, part
	}
	b.rate, b.burst = rate, burst
}

// maxDebt bounds what a mistake can do, in a limit out of all proportion to the
// tenant's bodies or one that is lowered a millionfold: within a day it can post
// again. No debt below that is forgiven.
const maxDebt = 24 * time.Hour

// nanoseconds is n / rate seconds, and the rate-ths of a nanosecond that are left;
// part is what was left before. It is at most maxDebt.
func nanoseconds(n, rate, part int64) (time.Duration, int64) {
	high, low := bits.Mul64(uint64(n), uint64(time.Second))
	low, carry := bits.Add64(low, uint64(part), 0)
	high += carry
	if high >= uint64(rate) {
		return maxDebt, 0
	}
	quotient, rest := bits.Div64(high, low, uint64(rate))
	if quotient >= uint64(maxDebt) {
		return maxDebt, 0
	}
	return time.Duration(quotient), int64(rest)
}
