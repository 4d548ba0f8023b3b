// The end of a window: what becomes of it when its flush is over.

package buffer

import (
	"context"
	"errors"
	"slices"
	"time"

	"parquay/buffer/journal"
)

// finishLive is what becomes of a window of this process when its flush is over.
func (b *Buffer) finishLive(w *window) {
	if w.rows == 0 {
		return // its only frame failed, and nothing was acknowledged
	}
	err := w.settle()
	switch {
	case err == nil:
		b.book(w.id, w)
		b.delete(w.id)
	case errors.Is(err, context.Canceled): // the process stops; the journal has it
	case errors.Is(err, errBacklog):
		b.postpone(w.id, err)
	default:
		b.flushFailed(w.id, err)
		b.replayer.retry(w.id, 0)
	}
}

// postpone leaves a window to the journal until the bucket has caught up.
func (b *Buffer) postpone(id journal.WindowID, reason error) {
	b.metrics.Postponed.Inc()
	b.log.Info("a window stays in the journal for a while", "window", id.String(), "reason", reason)
	b.replayer.retry(id, 0)
}

// book enters rows that are in the bucket: into their tenants' accounts, the traces
// and the latencies. The window's flush was in one part, or in several.
func (b *Buffer) book(id journal.WindowID, parts ...*window) {
	var files []fileTrace
	now := b.cfg.Now()
	for _, w := range parts {
		for _, s := range w.shares {
			s.account.store(s.rows)
		}
		for _, f := range w.mu.files { // nobody else refers to it any more
			files = append(files, fileTrace{f.id, f.frames})
		}
		b.metrics.Latency.observe(now, w.arrivals)
		b.metrics.Flush.Observe(time.Since(w.ended).Seconds())
	}
	slices.SortFunc(files, func(a, b fileTrace) int { return a.id.compare(b.id) })
	b.traces.store(id, files)
}

func (b *Buffer) flushFailed(id journal.WindowID, err error) {
	b.metrics.FlushFailures.Inc()
	b.log.Error("flushing a window failed; it will be read from the journal and flushed again",
		"window", id.String(), "error", err)
}

// delete removes a window all of whose rows are in the bucket (I4). If it can't be
// removed, the next process finds it again, puts the same keys and tries anew.
func (b *Buffer) delete(id journal.WindowID) {
	if err := b.cfg.Medium.Delete(id); err != nil {
		b.log.Error("a flushed window could not be deleted from the journal",
			"window", id.String(), "error", err)
	}
	b.finished(id)
}

// quarantine puts aside a window with damage. If it can't be put aside, the next
// process finds it again, as it does one that can't be removed.
func (b *Buffer) quarantine(id journal.WindowID) {
	if err := b.cfg.Medium.Quarantine(id); err != nil {
		b.log.Error("a damaged window could not be put aside; it stays in the journal",
			"window", id.String(), "error", err)
	}
	b.finished(id)
}
