// The fields that tell a client of its limits.

package tenants

import (
	"strconv"
	"strings"
	"time"
)

// RateLimit returns the values of the fields RateLimit-Policy and RateLimit as of
// draft-ietf-httpapi-ratelimit-headers-11: Lists of Structured Fields (RFC 9651)
// with a policy for each bucket. Both are "" for a tenant without rates.
//
//	RateLimit-Policy: "events";q=10000;w=10, "bytes";q=5000000;w=10;qu="content-bytes"
//	RateLimit: "events";r=9000;t=1, "bytes";r=0;t=4
//
// q is what a bucket holds and w the seconds in which that is gained. The draft's
// registry has no unit for events, so the policy's name says what q counts. r is
// what is left. t is the seconds within which no more should be used than that:
// until something is left, if nothing is (in debt, RetryAfter rounded up); else
// until the bucket is full.
func (t *Tenant) RateLimit(now time.Time) (policy, state string) {
	if t.limiter == nil {
		return "", ""
	}
	return t.policy, t.limiter.state(now)
}

// policyField is RateLimit-Policy.
func (l limits) policyField() string {
	var items []string
	for _, p := range []struct {
		name string
		rate int64
		unit string
	}{
		{eventsBucket, l.events, ""},
		{bytesBucket, l.bytes, `;qu="content-bytes"`},
	} {
		if p.rate > 0 {
			seconds := int64(l.burst / time.Second)
			items = append(items, `"`+p.name+`";q=`+strconv.FormatInt(p.rate*seconds, 10)+`;w=`+strconv.FormatInt(seconds, 10)+p.unit)
		}
	}
	return strings.Join(items, ", ")
}

// state is RateLimit.
func (l *limiter) state(now time.Time) string {
	l.mu.Lock()
	at, events, bytes := now.Sub(l.start), l.events, l.bytes
	l.mu.Unlock()
	field := make([]byte, 0, 80)
	if events.rate > 0 {
		field = events.appendState(field, eventsBucket, at)
	}
	if bytes.rate > 0 {
		if len(field) > 0 {
			field = append(field, ", "...)
		}
		field = bytes.appendState(field, bytesBucket, at)
	}
	return string(field)
}

func (b *bucket) appendState(field []byte, name string, at time.Duration) []byte {
	left := b.tokens(at)
	wait := b.wait(at)
	if left == 0 {
		oneToken := (time.Second + time.Duration(b.rate) - 1) / time.Duration(b.rate)
		wait = max(b.debt(at), oneToken)
	}
	field = append(append(append(field, '"'), name...), `";r=`...)
	field = append(strconv.AppendInt(field, left, 10), ";t="...)
	return strconv.AppendInt(field, int64((wait+time.Second-1)/time.Second), 10)
}
