// The access log: one line a request at debug, and some of those that operators
// should hear of at warn.

package server

import (
	"log"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"parquay/server/problems"
)

// Warnings come in crowds, when a budget is used up, a disk is full or somebody
// guesses keys: one a second tells as much as all of them, and a log can't fill
// the disk again. Each type of problem has its own bound, so that none hides another.
const (
	warningsPerSecond = 1
	warningsBurst     = 10
)

// accessLog writes lines without payloads or credentials.
type accessLog struct {
	logger   *slog.Logger
	proxies  proxies
	warned   map[string]*throttle // of the problems that are warnings, by type; never changes
	panics   *throttle            // of handlers
	protocol *throttle            // of what net/http says of connections
}

func newAccessLog(l *slog.Logger, p proxies) *accessLog {
	warned := map[string]*throttle{}
	for _, kind := range problems.All() {
		status := kind.Status()
		if status >= 500 || status == http.StatusUnauthorized || status == http.StatusTooManyRequests {
			warned[kind.Type()] = newThrottle()
		}
	}
	return &accessLog{logger: l, proxies: p, warned: warned, panics: newThrottle(), protocol: newThrottle()}
}

// request writes the line of one request. Of what the client sent it repeats the
// beginnings of the method and the path, and nothing of a body or a credential.
func (l *accessLog) request(r *http.Request, rec *recorder, route string, took time.Duration) {
	level, suppressed := slog.LevelDebug, int64(0)
	if t := l.warned[rec.problem]; t != nil {
		if ok, n := t.allow(); ok {
			level, suppressed = slog.LevelWarn, n
		}
	}
	if !l.logger.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 18)
	attrs = append(attrs,
		slog.String("id", rec.id[0]),
		slog.String("method", clip(r.Method, 16)),
		slog.String("route", route),
		slog.String("path", clip(redact(r.URL.Path), 128)),
		slog.Int("status", rec.status),
		slog.Int64("bytes_in", rec.received),
		slog.Int64("bytes_out", rec.written),
		slog.Duration("took", took),
		slog.String("remote", r.RemoteAddr))
	if len(l.proxies) > 0 {
		attrs = append(attrs, slog.String("client", l.proxies.client(r).String()))
	}
	attrs = rec.append(attrs)
	if rec.problem != "" {
		attrs = append(attrs, slog.String("problem", rec.problem))
	}
	if l.warned[rec.problem] != nil { // the cause of any other problem may quote the client
		attrs = append(attrs, slog.String("error", clip(redact(rec.err.Error()), 512)))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int64("suppressed", suppressed))
	}
	l.logger.LogAttrs(r.Context(), level, "request", attrs...)
}

// append adds what is known of a request for events.
func (n *notes) append(attrs []slog.Attr) []slog.Attr {
	if n.tenant != "" {
		attrs = append(attrs, slog.String("tenant", n.tenant))
	}
	if n.receipt.Window > 0 {
		attrs = append(attrs, slog.String("receipt", n.receipt.String()))
	}
	if n.accepted+n.rejected > 0 {
		attrs = append(attrs, slog.Int("accepted", n.accepted), slog.Int("rejected", n.rejected))
	}
	if n.waited > 0 {
		attrs = append(attrs, slog.Duration("waited", n.waited))
	}
	return attrs
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

func newThrottle() *throttle {
	return &throttle{limiter: rate.NewLimiter(warningsPerSecond, warningsBurst)}
}

// allow also returns how many were left out before one that it lets through.
func (t *throttle) allow() (ok bool, suppressed int64) {
	if !t.limiter.Allow() {
		t.suppressed.Add(1)
		return false, 0
	}
	return true, t.suppressed.Swap(0)
}
