package writer

// This file is one Parquet file in the making.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/parquet-go/parquet-go/format"

	"parquay/schema"
)

// ErrClosed is returned for what a file can no longer do: rows after its end, or
// anything after its disposal.
var ErrClosed = errors.New("file is closed")

// Output is one file in the making. Append may be called by several goroutines at
// once; Close follows the last of them, and Put follows Close.
type Output struct {
	id     FileID
	layout *layout
	writer *Writer

	// The lock makes row groups reach the body one after the other. It is held for
	// a write, not while a row group is encoded.
	mu     sync.Mutex
	body   body
	groups []placedGroup
	rows   int64
	state  state
	failed error // the first failure; final, since the body's end is unknown
}

type state uint8

const (
	open state = iota
	closed
	stored
	discarded
)

// placedGroup is a row group in its file.
type placedGroup struct {
	rowGroup
	offset int64
}

// Append encodes the rows of all batches, which must be of the file's table, tenant
// and hour, as one row group (as several, if they exceed the bounds of one). The
// batches are no longer referred to when it returns. After an error the file may
// hold some of the rows, and is only good to be discarded.
func (f *Output) Append(ctx context.Context, group []*schema.Batch) error {
	if err := f.append(ctx, group); err != nil {
		return fmt.Errorf("append to %s: %w", f.id.Key(), err)
	}
	return nil
}

func (f *Output) append(ctx context.Context, group []*schema.Batch) error {
	for _, b := range group {
		if b.Tenant != f.id.Tenant || b.Hour != f.id.Hour { // I8
			return fmt.Errorf("a batch of tenant %s, hour %d", b.Tenant, b.Hour)
		}
	}
	e, err := f.writer.acquire(ctx, f.layout)
	if err != nil {
		return err
	}
	defer f.writer.release(e)
	defer e.drop()
	if err := e.take(group); err != nil {
		return err
	}
	for rows := range e.groups() {
		begin := time.Now()
		g, err := e.encode(rows)
		if err != nil {
			return f.fail(err)
		}
		f.writer.cfg.Metrics.encode.Observe(since(begin))
		if err := f.commit(g); err != nil {
			return err
		}
	}
	return nil
}

// commit writes an encoded row group.
func (f *Output) commit(g rowGroup) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.failed != nil:
		return f.failed
	case f.state != open:
		return ErrClosed
	case len(f.groups) > math.MaxInt16:
		f.failed = errors.New("too many row groups")
		return f.failed
	}
	hour := time.Hour.Microseconds()
	if g.minTime < f.id.Hour*hour || g.maxTime >= (f.id.Hour+1)*hour {
		f.failed = fmt.Errorf("rows from %s to %s", micros(g.minTime), micros(g.maxTime))
		return f.failed
	}
	head := ""
	if f.body.length() == 0 {
		head = magic
	}
	placed := placedGroup{g, f.body.length() + int64(len(head))}
	if err := f.body.append([]byte(head), g.bytes); err != nil {
		f.failed = err
		return err
	}
	placed.bytes = nil // they are the encoder's
	f.groups = append(f.groups, placed)
	f.rows += int64(g.rows)
	return nil
}

func (f *Output) fail(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = err
	}
	return err
}

// Close writes the footer, opens the finished file and returns the number of rows
// that are found in it (I4). A file without rows is none: it has nothing to put.
func (f *Output) Close(_ context.Context) (rows int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if rows, err = f.closeLocked(); err != nil {
		if f.failed == nil {
			f.failed = err
		}
		return 0, fmt.Errorf("finish %s: %w", f.id.Key(), err)
	}
	return rows, nil
}

func (f *Output) closeLocked() (int64, error) {
	switch {
	case f.failed != nil:
		return 0, f.failed
	case f.state != open:
		return 0, ErrClosed
	}
	f.state = closed
	if f.rows == 0 {
		return 0, nil
	}
	begin := time.Now()
	info := f.infoLocked()
	metadata := info.metadata()
	if err := f.endLocked(&info, metadata); err != nil {
		return 0, err
	}
	rows, err := f.checkLocked(info, metadata)
	if err == nil {
		f.writer.cfg.Metrics.finish.Observe(since(begin))
	}
	return rows, err
}

// endLocked writes the footer.
func (f *Output) endLocked(info *Info, metadata []format.KeyValue) error {
	scratch := f.writer.footers.Get().(*footer)
	defer f.writer.footers.Put(scratch)
	if err := f.body.append(scratch.encode(f.layout, info, metadata, f.groups)); err != nil {
		return err
	}
	f.groups = nil
	return f.body.finish()
}

// checkLocked reads the file from wherever it is, and expects to find what was meant
// to be written: what the file says of itself, and every row's time.
func (f *Output) checkLocked(want Info, metadata []format.KeyValue) (rows int64, err error) {
	r, ok := f.writer.readbacks.Get().(*readback)
	if !ok {
		if r, err = newReadback(); err != nil {
			return 0, err
		}
	}
	defer f.writer.readbacks.Put(r)
	c := f.body.content()
	defer func() {
		if e := c.Close(); err == nil && e != nil {
			err = fmt.Errorf("read back: %w", e)
		}
	}()
	got, err := r.read(c, c.Size(), f.layout, metadata)
	if err != nil {
		return 0, fmt.Errorf("read back: %w", err)
	}
	if got.rows != want.Rows || !micros(got.low).Equal(want.MinTime) || !micros(got.high).Equal(want.MaxTime) {
		return 0, fmt.Errorf("read back %d rows from %s to %s, wrote %+v", got.rows, micros(got.low), micros(got.high), want)
	}
	return got.rows, nil
}

func (f *Output) infoLocked() Info {
	low, high := f.groups[0].minTime, f.groups[0].maxTime
	for _, g := range f.groups {
		low, high = min(low, g.minTime), max(high, g.maxTime)
	}
	return Info{
		FileID: f.id, Rows: f.rows,
		MinTime: micros(low), MaxTime: micros(high),
		Schema: f.layout.table.Fingerprint(), Version: f.writer.cfg.Version,
	}
}

// Put returns nil only when the file is durable in the bucket, by this call or
// before. It tries until ctx ends, unless the file can't be read any more.
func (f *Output) Put(ctx context.Context) error {
	c, rows, err := f.finished()
	if c == nil {
		return err
	}
	err = f.writer.cfg.Putter.Put(ctx, f.id.Key(), c)
	if e := c.Close(); e != nil {
		f.writer.cfg.Logger.Warn("close spool file", "key", f.id.Key(), "error", e)
	}
	if err != nil {
		return err
	}
	f.writer.cfg.Metrics.stored(f.id.Table, rows, c.Size())
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == closed { // and not discarded meanwhile
		f.state = stored
	}
	return nil
}

// finished returns what is to be put, nil if nothing is.
func (f *Output) finished() (content, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.failed != nil:
		return nil, 0, fmt.Errorf("put %s: %w", f.id.Key(), f.failed)
	case f.state == open, f.state == discarded:
		return nil, 0, fmt.Errorf("put %s: %w", f.id.Key(), ErrClosed)
	case f.state == stored, f.rows == 0:
		return nil, 0, nil
	}
	return f.body.content(), f.rows, nil
}

// Discard releases the file's memory and its place in the spool folder. It may be
// called at any time, and again.
func (f *Output) Discard() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.groups = discarded, nil
	if err := f.body.discard(); err != nil {
		f.writer.cfg.Logger.Warn("discard file", "key", f.id.Key(), "error", err)
	}
}
