// The access log: one line a request at debug, and server errors at warn.

package server

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Server errors come in crowds, when a budget is used up or a disk is full: one a
// second tells as much as all of them, and a log can't fill the disk again.
const (
	warningsPerSecond = 1
	warningsBurst     = 10
)

// accessLog writes lines without payloads or credentials.
type accessLog struct {
	logger     *slog.Logger
	warnings   *rate.Limiter
	suppressed atomic.Int64 // since the last warning
}

func newAccessLog(l *slog.Logger) *accessLog {
	return &accessLog{logger: l, warnings: rate.NewLimiter(warningsPerSecond, warningsBurst)}
}

func (l *accessLog) request(r *http.Request, rec *recorder, route string, took time.Duration) {
	level, suppressed := slog.LevelDebug, int64(0)
	if rec.status >= 500 && rec.err != nil { // not a probe's 503, which is an answer and no failure
		if l.warnings.Allow() {
			level, suppressed = slog.LevelWarn, l.suppressed.Swap(0)
		} else {
			l.suppressed.Add(1)
		}
	}
	if !l.logger.Enabled(r.Context(), level) {
		return
	}
	attrs := make([]slog.Attr, 0, 9)
	attrs = append(attrs,
		slog.String("method", clip(r.Method, 16)),
		slog.String("route", route),
		slog.String("path", clip(r.URL.Path, 128)),
		slog.Int("status", rec.status),
		slog.Int64("bytes", rec.written),
		slog.Duration("took", took),
		slog.String("remote", r.RemoteAddr))
	if rec.err != nil {
		attrs = append(attrs, slog.String("error", clip(rec.err.Error(), 512)))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int64("suppressed", suppressed))
	}
	l.logger.LogAttrs(r.Context(), level, "request", attrs...)
}
