// The end of a window: what becomes of it when its flush is over.

package buffer

import (
	"context"
	"errors"
	"fmt"

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
		b.delete(w.id)
	case errors.Is(err, context.Canceled): // the process stops; the journal has it
	default:
		b.flushFailed(w.id, err)
		b.replayer.retry(w.id, 0)
	}
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

func (b *Buffer) quarantine(id journal.WindowID) error {
	if err := b.cfg.Medium.Quarantine(id); err != nil {
		return fmt.Errorf("put a damaged window aside: %w", err)
	}
	b.finished(id)
	return nil
}
