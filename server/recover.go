// The middleware that keeps a panic from taking more than its own request.

package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// maxStack is the most bytes of a stack in the log: two screens.
const maxStack = 8 << 10

// recover answers 500 for a handler that panicked, and logs the stack. Where the
// answer had begun, the connection is closed, so that nobody takes it for whole.
func (s *Server) recover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { // net/http's own way to close a connection
				panic(v)
			}
			s.metrics.panics.Inc()
			if ok, suppressed := s.log.panics.allow(); ok {
				s.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "a request's handler panicked",
					slog.String("panic", clip(redact(fmt.Sprint(v)), 512)), slog.String("stack", clip(string(debug.Stack()), maxStack)),
					slog.Int64("suppressed", suppressed))
			}
			if rec, ok := w.(*recorder); ok && rec.status != 0 {
				panic(http.ErrAbortHandler)
			}
			s.fail(w, fmt.Errorf("panic: %v", v))
		}()
		next.ServeHTTP(w, r)
	})
}
