package writer

// This file logs failing puts: the first of a kind at once, then a summary from
// time to time, then that it is over. A store that is down for an hour fails
// thousands of times; that is a few lines.

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// summaryEvery is how long the failures of one kind are only counted after one
// of them was logged.
const summaryEvery = 30 * time.Second

// trouble is what fails at present.
type trouble struct {
	log   *slog.Logger
	gauge prometheus.Gauge

	mu struct {
		sync.Mutex
		puts     int       // Puts whose last attempt failed
		since    time.Time // when puts rose above 0
		failures int       // since then
		logged   bool      // whether any of those was logged
		kinds    map[Kind]*kindTrouble
	}
}

// kindTrouble stays when the trouble is over, so that one that comes and goes is
// not logged more often than one that stays.
type kindTrouble struct {
	logged   time.Time // when a line was written last
	unlogged int       // failures since then
}

// failed notes a failed attempt; first says that it is its Put's first one.
func (t *trouble) failed(key string, err error, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if first {
		if t.mu.puts == 0 {
			t.mu.since, t.mu.failures, t.mu.logged = now, 0, false
		}
		t.mu.puts++
		t.gauge.Inc()
	}
	t.mu.failures++

	kind := KindOf(err)
	if t.mu.kinds == nil {
		t.mu.kinds = map[Kind]*kindTrouble{}
	}
	k := t.mu.kinds[kind]
	if k == nil {
		k = &kindTrouble{}
		t.mu.kinds[kind] = k
	}
	k.unlogged++
	if now.Sub(k.logged) < summaryEvery {
		return
	}
	t.log.Warn("a put into the bucket failed and is retried", "kind", kind, "key", key, "error", err,
		"failures", k.unlogged, "puts_failing", t.mu.puts, "since", t.mu.since.UTC())
	k.logged, k.unlogged, t.mu.logged = now, 0, true
}

// ended notes that a Put that had failed is over: stored, or given up.
func (t *trouble) ended(stored bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.puts--
	t.gauge.Dec()
	if stored && t.mu.puts == 0 && t.mu.logged {
		t.log.Info("puts into the bucket work again", "failures", t.mu.failures, "after", time.Since(t.mu.since))
	}
}

func (t *trouble) state() (puts int, since time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.puts == 0 {
		return 0, time.Time{}
	}
	return t.mu.puts, t.mu.since
}
