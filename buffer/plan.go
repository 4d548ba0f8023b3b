// The plan of a replay: what a window holds, under which schemas, and in how many
// passes it fits the memory.

package buffer

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"parquay/buffer/journal"
	"parquay/schema"
)

// plan is what a first look at a window found.
type plan struct {
	recovery
	header *journal.Header
	tables []*schema.Table
	shares map[string]int64 // rows of each tenant
	trace  *trace
	damage []journal.Damage
	frames spans // that were read
	passes []map[part]bool
}

// recovery is what of a plan the end of its window needs, which may be long after.
type recovery struct {
	retry  retry
	opened time.Time // the window
	rows   int64
}

// part is a partition of a window as the journal names it.
type part struct {
	table  int
	tenant string
	hour   int64
}

// plan reads the window once, counts its rows and deals its partitions into passes
// that fit a quarter of the memory and half of the backlog. A partition counts for no
// more than two row groups, since full ones are encoded while the reading goes on.
func (r *replayer) plan(next retry) (*plan, error) {
	reader, err := r.b.cfg.Medium.Open(next.id)
	if err != nil {
		return nil, fmt.Errorf("open a window of the journal: %w", err)
	}
	defer reader.Close()

	p := &plan{header: reader.Header(), shares: map[string]int64{}, trace: newTrace()}
	p.retry, p.opened = next, p.header.Opened
	if p.tables, err = r.b.tablesOf(p.header); err != nil {
		return nil, err
	}
	sizes := map[part]int64{}
	var order []part
	err = eachBatch(reader, func(frame uint64, b journal.Batch) error {
		key := part{b.Table, b.Tenant, b.Hour}
		if _, seen := sizes[key]; !seen {
			order = append(order, key)
		}
		sizes[key] += int64(len(b.Bytes)) + batchOverhead
		p.rows += int64(b.Rows)
		p.shares[b.Tenant] += int64(b.Rows)
		p.trace.note(b.Tenant, frame)
		p.frames.add(frame)
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.damage = reader.Damage()
	if torn, is := reader.Torn(); is {
		r.b.log.Info("a crash has left an unfinished frame in the journal; it was never acknowledged and is discarded",
			"window", next.id.String(), "torn", torn.String())
	}

	share := r.b.cfg.Memory / 4
	used := share + 1 // so that the first one begins a pass
	for _, key := range order {
		size := min(sizes[key], 2*r.b.groupBytes)
		if n := len(p.passes); used+size > share || len(p.passes[n-1]) >= r.passFiles() {
			p.passes = append(p.passes, map[part]bool{})
			used = 0
		}
		p.passes[len(p.passes)-1][key] = true
		used += size
	}
	return p, nil
}

// spans are ascending frame numbers, as ranges without a gap: one, but for damage.
type spans []span

type span struct{ first, last uint64 }

// add adds a number that is not less than any before it.
func (s *spans) add(n uint64) {
	switch end := len(*s) - 1; {
	case end < 0 || n > (*s)[end].last+1:
		*s = append(*s, span{n, n})
	default:
		(*s)[end].last = n
	}
}

// starts says whether s is how all begins, as far as it goes.
func (s spans) starts(all spans) bool {
	end := len(s) - 1
	return len(s) <= len(all) && slices.Equal(s[:end], all[:end]) &&
		s[end].first == all[end].first && s[end].last <= all[end].last
}

// passFiles is how many files a pass may have: so many that they find room beside
// those that room leaves waiting.
func (r *replayer) passFiles() int { return max(1, r.b.cfg.Backlog/2) }

// eachBatch calls f for every batch of a window, with the number of its frame. A
// batch's memory is the reader's.
func eachBatch(reader journal.Reader, f func(frame uint64, b journal.Batch) error) error {
	tables := len(reader.Header().Tables)
	for {
		frame, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		for _, b := range frame.Batches {
			if b.Table >= tables {
				return fmt.Errorf("frame %d names table %d of %d", frame.Sequence, b.Table, tables)
			}
			if err := f(frame.Sequence, b); err != nil {
				return err
			}
		}
	}
}

// tablesOf compiles the tables of a window's header, so that it is flushed as it
// was accepted. A table that has not changed since is the one in use.
func (b *Buffer) tablesOf(h *journal.Header) ([]*schema.Table, error) {
	tables := make([]*schema.Table, len(h.Tables))
	for i, stored := range h.Tables {
		t, err := schema.Compile(stored.Name, stored.Document)
		if err != nil {
			return nil, fmt.Errorf("compile the schema of table %q as the journal holds it: %w", stored.Name, err)
		}
		for _, current := range b.cfg.Tables {
			if current.Name() == t.Name() && string(current.Document()) == string(t.Document()) {
				t = current
			}
		}
		tables[i] = t
	}
	return tables, nil
}
