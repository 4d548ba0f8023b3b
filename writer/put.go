package writer

// This file puts an object for ever: it retries whatever the bucket says until the
// object is there or the process ends.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

const (
	// backoffBase and backoffCap bound the wait before a retry: it is drawn evenly
	// from zero to the base doubled with every attempt, up to the cap. Full jitter
	// spreads the retries of many files best (M. Brooker, "Exponential Backoff And
	// Jitter", AWS Architecture Blog, 2015).
	backoffBase = 100 * time.Millisecond
	backoffCap  = 30 * time.Second
)

// Putter stores objects in a bucket, however often that fails. It is safe for
// concurrent use and starts no goroutine.
type Putter struct {
	bucket  Bucket
	slots   chan struct{} // one for each attempt in flight
	again   chan struct{} // one for each of those that is not its Put's first
	metrics *PutMetrics
	trouble trouble
	waits   waits
	jitter  func(limit time.Duration) time.Duration // evenly from [0, limit]
}

// NewPutter returns a putter that has at most inFlight attempts under way at once,
// over all its Puts, and a quarter of them are first ones: attempts that last until
// they time out must not keep out those that would not. Puts that wait for a retry are
// not in flight.
func NewPutter(b Bucket, inFlight int, log *slog.Logger, m *PutMetrics) *Putter {
	return &Putter{
		bucket:  b,
		slots:   make(chan struct{}, inFlight),
		again:   make(chan struct{}, inFlight-inFlight/4),
		metrics: m,
		trouble: trouble{log: log.With("bucket", b.String()), gauge: m.failing},
		jitter:  func(limit time.Duration) time.Duration { return rand.N(limit + 1) },
	}
}

// Put returns nil once an object is durable under key, and an error only when ctx
// ends, or body can't be read: whoever has the rows makes another. It retries every
// error of the bucket, those that look final too: credentials are renewed and buckets
// come back. The outcome of a failed attempt is unknown, so the retry has the same key
// and the same bytes, and nothing is cleaned up after it.
func (p *Putter) Put(ctx context.Context, key string, body Body) error {
	var failing Kind // how the last attempt failed
	for attempt := 0; ; attempt++ {
		err := p.attempt(ctx, key, body, attempt > 0)
		if err == nil {
			if failing != "" {
				p.trouble.ended(true)
				p.waits.works(failing)
			}
			return nil
		}
		if unreadable := (*bodyError)(nil); errors.As(err, &unreadable) {
			if failing != "" {
				p.trouble.ended(false)
			}
			return err
		}
		if ctx.Err() == nil {
			p.trouble.failed(key, err, failing == "")
			failing = KindOf(err)
			p.waits.wait(ctx, failing, p.jitter(min(backoffCap, backoffBase<<min(attempt, 16))))
		}
		if ctx.Err() != nil {
			if failing != "" {
				p.trouble.ended(false)
			}
			return fmt.Errorf("given up: %w; last: %w", context.Cause(ctx), err)
		}
	}
}

// Hurry has every Put that waits for a retry try again at once, and none of them wait for
// more than some seconds from now on.
func (p *Putter) Hurry() { p.waits.hurry() }

// Failing returns how many Puts wait to be retried now, and since when there was
// at least one.
func (p *Putter) Failing() (puts int, since time.Time) { return p.trouble.state() }

// attempt puts once, when there is a slot.
func (p *Putter) attempt(ctx context.Context, key string, body Body, again bool) error {
	if again {
		if err := enter(ctx, p.again); err != nil {
			return err
		}
		defer func() { <-p.again }()
	}
	if err := enter(ctx, p.slots); err != nil {
		return err
	}
	defer func() { <-p.slots }()
	p.metrics.inFlight.Inc()
	defer p.metrics.inFlight.Dec()
	start := time.Now()
	err := p.bucket.Put(ctx, key, body)
	p.metrics.observe(KindOf(err), time.Since(start))
	return err
}

// enter waits for a place.
func enter(ctx context.Context, places chan<- struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func wait(ctx context.Context, d time.Duration) { waitUntil(ctx, d, nil) }

// waitUntil waits for d, or until end is closed.
func waitUntil(ctx context.Context, d time.Duration, end <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-end:
	case <-ctx.Done():
	}
}

// Kind is a kind of outcome of a Put, for logs and metrics.
type Kind string

// The kinds are a closed set.
const (
	KindStored     Kind = "stored"     // no error: stored, or there already
	KindCancelled  Kind = "cancelled"  // the process is stopping
	KindTimeout    Kind = "timeout"    // nothing moved for too long
	KindConnection Kind = "connection" // no connection, or a broken one
	KindThrottled  Kind = "throttled"  // 429, 503
	KindServer     Kind = "server"     // any other 5xx but 501
	KindDenied     Kind = "denied"     // 401, 403, or no credentials to sign with
	KindMissing    Kind = "missing"    // 404: the bucket is not there
	KindConflict   Kind = "conflict"   // 409: another request for the key is under way
	KindRejected   Kind = "rejected"   // 501, any other 4xx: the request itself is not liked
	KindDisk       Kind = "disk"       // a file could not be read or written
	KindOther      Kind = "other"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{
		KindStored, KindCancelled, KindTimeout, KindConnection, KindThrottled, KindServer,
		KindDenied, KindMissing, KindConflict, KindRejected, KindDisk, KindOther,
	}
}

// KindOf tells the kind of a Bucket's error.
func KindOf(err error) Kind {
	if err == nil {
		return KindStored
	}
	if unreadable := (*bodyError)(nil); errors.As(err, &unreadable) {
		return KindDisk
	}
	if errors.Is(err, errStalled) {
		return KindTimeout // also when an answer had begun
	}
	if status, _ := answer(err); status != 0 {
		return kindOfStatus(status)
	}
	var unsigned *unsignedError
	var network net.Error
	var file *fs.PathError
	var link *os.LinkError
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return KindTimeout
	case errors.Is(err, context.Canceled):
		return KindCancelled
	case errors.As(err, &unsigned):
		return KindDenied
	case errors.As(err, &file), errors.As(err, &link):
		return KindDisk
	case errors.As(err, &network) && network.Timeout():
		return KindTimeout
	case errors.As(err, &network), errors.As(err, &errno):
		return KindConnection
	}
	return KindOther
}

func kindOfStatus(status int) Kind {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return KindThrottled
	case status == http.StatusNotImplemented:
		return KindRejected
	case status >= 500:
		return KindServer
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return KindDenied
	case status == http.StatusNotFound:
		return KindMissing
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return KindConflict
	}
	return KindRejected
}
