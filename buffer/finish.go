// The end of a window: what becomes of it when its flush is over.

package buffer

import (
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
		b.book(w)
		b.delete(w.id)
	case errors.Is(err, errStopped): // the journal has it
	default:
		b.replayer.failed(retry{id: w.id}, err)
	}
}

// postpone leaves a window to the journal until the bucket has caught up.
func (b *Buffer) postpone(w retry, reason error) {
	b.metrics.Postponed.Inc()
	b.log.Info("a window stays in the journal for a while", "window", w.id.String(), "reason", reason)
	b.replayer.retry(w)
}

// book enters rows that are in the bucket: into their tenants' accounts, the traces
// and the latencies.
func (b *Buffer) book(w *window) {
	for _, s := range w.shares {
		s.account.store(s.rows)
	}
	var files []fileTrace
	for _, f := range w.mu.files { // nobody else refers to it any more
		files = append(files, fileTrace{f.id, f.frames})
	}
	slices.SortFunc(files, func(a, b fileTrace) int { return a.id.compare(b.id) })
	b.traces.store(w.id, files)
	b.metrics.Latency.observe(b.cfg.Now(), w.arrivals)
	b.metrics.Flush.Observe(time.Since(w.ended).Seconds())
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
