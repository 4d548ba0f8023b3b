// Files: the road of one Parquet object from its first row group to the bucket.

package buffer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"parquay/schema"
)

// FileID identifies a file for ever (I3).
type FileID struct {
	Incarnation string
	Window      uint64
	Table       string
	Tenant      string
	Hour        int64 // hours since the epoch, UTC
	Cut         int
}

// compare orders the files of a window by table, tenant, hour and cut.
func (id FileID) compare(other FileID) int {
	return cmp.Or(cmp.Compare(id.Table, other.Table), cmp.Compare(id.Tenant, other.Tenant),
		cmp.Compare(id.Hour, other.Hour), cmp.Compare(id.Cut, other.Cut))
}

// Files makes files of rows. It is what the buffer needs of the writer.
type Files interface {
	// Create begins a file of table t. It costs little until rows come.
	Create(id FileID, t *schema.Table) (File, error)
	// Hurry has puts that wait to be tried again tried at once, and from now on none
	// wait for long: the process is about to end.
	Hurry()
}

// File is one file being made.
type File = interface {
	// Append encodes the rows of all batches as one row group. Calls may run at
	// the same time. The batches MUST NOT be referred to after it returns: their
	// memory is others' then.
	Append(ctx context.Context, batches []*schema.Batch) error
	// Close finishes the local file, reads it back and returns how many rows it
	// holds (I4).
	Close(ctx context.Context) (rows int64, err error)
	// Put returns nil only when the file is durable in the bucket, or was so
	// already. It retries until ctx ends.
	Put(ctx context.Context) error
	// Discard releases what the file holds locally. It may be called at any time.
	Discard()
}

// file is the rows of one (window, table, tenant, hour, cut).
type file struct {
	File
	id      FileID
	tenant  *tenant
	window  *window
	rows    int64        // given to it; the drainer's until it is sealed
	frames  frameSet     // that they are from, once it is sealed
	refs    atomic.Int64 // 1 until it is sealed, 1 a row group under way
	spoiled atomic.Bool  // it has failed
	giveUp  func()       // the window's: ends the put under way, or the wait for it
}

// errStopped is why a window is not flushed any more: the process ends.
var errStopped = errors.New("the process stops")

// errBacklog is why a window is not flushed while too many files are on their way.
var errBacklog = errors.New("too many files are on their way to the bucket")

// newFile begins the file of a partition's current cut. A file that can't be
// begun stands in for nothing until its window is flushed again.
func (t *tenant) newFile(ctx context.Context, p *partition) *file {
	w := p.key.window
	f := &file{tenant: t, window: w, id: FileID{
		Incarnation: w.incarnation,
		Window:      w.id.Window,
		Table:       p.key.table.Name(),
		Tenant:      t.name,
		Hour:        p.key.hour,
		Cut:         p.cut,
	}}
	f.refs.Store(1)
	w.retain()
	err := w.claim(f)
	if err == nil && t.b.files.Load() >= int64(t.b.cfg.Backlog) {
		err = errBacklog
	}
	if err != nil {
		w.fail(err)
	} else if f.File, err = t.b.cfg.Files.Create(f.id, p.key.table); err != nil {
		f.fail(ctx, fmt.Errorf("begin a file: %w", err))
	}
	t.b.files.Add(1)
	if err != nil {
		f.File = noFile{}
	}
	return f
}

// groupJob encodes one row group.
type groupJob struct {
	file   *file
	table  *schema.Table
	pieces []piece
	shed   int   // so many pieces, the first ones, are in the journal only
	held   int64 // bytes taken for the pieces
}

func (j *groupJob) do(ctx context.Context) {
	f := j.file
	if !f.skipped() {
		if err := guard(func() error { return j.encode(ctx) }); err != nil {
			f.fail(ctx, fmt.Errorf("encode a row group: %w", err))
		}
	}
	j.pieces = nil
	if f.window.replayed {
		f.tenant.b.budget.replayed.Add(-j.held)
	} else {
		f.tenant.give(j.held)
	}
	f.tenant.b.budget.give(j.held)
	f.tenant.unpin()
	f.release(ctx)
}

// release closes the file when it is sealed and its row groups are in it.
func (f *file) release(ctx context.Context) {
	if f.refs.Add(-1) > 0 {
		return
	}
	if !f.skipped() {
		if err := f.close(ctx); err != nil {
			f.fail(ctx, err)
		}
	}
	if f.skipped() {
		f.end()
		return
	}
	f.tenant.b.uploads.push(f)
}

// skipped says that there is no use in the file any more.
func (f *file) skipped() bool { return f.spoiled.Load() || f.window.over.Load() }

func (f *file) close(ctx context.Context) error {
	var rows int64
	err := guard(func() (err error) { rows, err = f.Close(ctx); return })
	if err != nil {
		return fmt.Errorf("finish a file: %w", err)
	}
	if rows != f.rows {
		return fmt.Errorf("a finished file reads back %d rows of %d", rows, f.rows)
	}
	return nil
}

// upload is one of the uploaders: it puts finished files, oldest first.
func (b *Buffer) upload(ctx context.Context) error {
	for {
		f, ok := b.uploads.pop()
		if !ok {
			return nil
		}
		f.put(ctx)
		f.end()
		b.uploads.done(f)
	}
}

// put makes the file durable in the bucket, unless its window is given up before.
func (f *file) put(ctx context.Context) {
	if f.skipped() {
		return
	}
	putting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	f.window.putting(f, giveUp)
	if err := f.Put(putting); err != nil {
		f.fail(ctx, fmt.Errorf("put a file: %w", err))
		return
	}
	f.window.stored.Add(f.rows)
}

// fail gives the file up, and with it sooner or later the flush of its window.
func (f *file) fail(ctx context.Context, err error) {
	f.spoiled.Store(true)
	if err = stopped(ctx, err); errors.Is(err, errStopped) {
		f.window.fail(err)
		return
	}
	f.window.spoil(err)
}

// stopped tells an error apart that may be due to the end of Run's context.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errStopped, err)
	}
	return err
}

// end lets go of the file, whatever became of it.
func (f *file) end() {
	f.Discard()
	f.tenant.b.files.Add(-1)
	f.window.forget(f)
	f.window.release()
}

// discard lets go of the files that an abrupt stop left half made.
func (b *Buffer) discard() {
	for _, j := range b.work.rest() {
		if g, ok := j.(*groupJob); ok {
			g.file.Discard()
		}
	}
	for _, f := range b.uploads.rest() {
		f.Discard()
	}
	b.tenants.each(func(t *tenant) {
		for _, p := range t.parts {
			if p.file != nil {
				p.file.Discard()
			}
		}
	})
}

// guard turns a panic of the encoder into a failure of its window: the rows are
// in the journal, and the other windows go on.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// noFile is a file that could not be begun.
type noFile struct{}

func (noFile) Append(context.Context, []*schema.Batch) error { return nil }
func (noFile) Close(context.Context) (int64, error)          { return 0, nil }
func (noFile) Put(context.Context) error                     { return nil }
func (noFile) Discard()                                      {}
