// The access log: one line a request at debug, and server errors at warn.

package server

import (
	"log"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Warnings come in crowds, when a budget is used up, a disk is full or somebody
// guesses keys: one a second tells as much as all of them, and a log can't fill
// the disk again. Each kind has its own, so that none hides another.
const (
	warningsPerSecond = 1
	warningsBurst     = 10
)

// accessLog writes lines without payloads or credentials.
type accessLog struct {
	logger   *slog.Logger
	failures throttle // answers of 5xx
	protocol throttle // what net/http says of connections
}

func newAccessLog(l *slog.Logger) *accessLog {
	return &accessLog{logger: l, failures: newThrottle(), protocol: newThrottle()}
}

func (l *accessLog) request(r *http.Request, rec *recorder, route string, took time.Duration) {
	level, suppressed := slog.LevelDebug, int64(0)
	if rec.status >= 500 && rec.err != nil { // not a probe's 503, which is an answer and no failure
		if ok, n := l.failures.allow(); ok {
			level, suppressed = slog.LevelWarn, n
		}
	}
	if !l.logger.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs,
		slog.String("id", rec.id[0]),
		slog.String("method", clip(r.Method, 16)),
		slog.String("route", route),
		slog.String("path", clip(redact(r.URL.Path), 128)),
		slog.Int("status", rec.status),
		slog.Int64("bytes", rec.written),
		slog.Duration("took", took),
		slog.String("remote", r.RemoteAddr))
	if rec.err != nil {
		attrs = append(attrs, slog.String("error", clip(redact(rec.err.Error()), 512)))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int64("suppressed", suppressed))
	}
	l.logger.LogAttrs(r.Context(), level, "request", attrs...)
}

// errors is where net/http says what was wrong with a connection: a handshake that
// failed, a preface that is none. Every port scan causes some.
func (l *accessLog) errors() *log.Logger {
	return log.New(protocolErrors{l}, "", 0)
}

type protocolErrors struct{ *accessLog }

func (l protocolErrors) Write(line []byte) (int, error) {
	if ok, suppressed := l.protocol.allow(); ok {
		l.logger.Warn("a connection failed", "error", clip(redact(strings.TrimSpace(string(line))), 512), "suppressed", suppressed)
	}
	return len(line), nil
}

// keyPrefix begins every key that the gateway has made.
const keyPrefix = "pqy_"

// redact takes keys out of what a client sent, as when one stands in a path. The
// prefix stays, so that it can be seen what was there.
func redact(text string) string {
	before, after, found := strings.Cut(text, keyPrefix)
	if !found {
		return text
	}
	var b strings.Builder
	for found {
		b.WriteString(before + keyPrefix + "…")
		after = strings.TrimLeft(after, "_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
		before, after, found = strings.Cut(after, keyPrefix)
	}
	return b.String() + before
}

// throttle lets some of many warnings through, and counts the others.
type throttle struct {
	limiter    *rate.Limiter
	suppressed atomic.Int64 // since the last one let through
}

func newThrottle() throttle {
	return throttle{limiter: rate.NewLimiter(warningsPerSecond, warningsBurst)}
}

// allow also returns how many were left out before one that it lets through.
func (t *throttle) allow() (ok bool, suppressed int64) {
	if !t.limiter.Allow() {
		t.suppressed.Add(1)
		return false, 0
	}
	return true, t.suppressed.Swap(0)
}
