// Package writer makes Parquet files of batches and puts them into the bucket.
//
// A file's road: [Writer.Create] names it; [Output.Append] encodes a group of
// batches as a row group and keeps the bytes in memory or in the spool folder;
// [Output.Close] writes the footer and reads the file back; [Output.Put] makes it
// durable in the bucket. Until that returned nil the rows must be kept elsewhere.
package writer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"golang.org/x/sync/semaphore"

	"parquay/schema"
)

// Config is what a writer needs. All of it is required.
type Config struct {
	FS       FS
	SpoolDir string // a folder of the writer's own, emptied by New

	// Putter makes a body durable in the bucket under a key. It retries until ctx
	// ends, unless the body can't be read.
	Putter interface {
		Put(ctx context.Context, key string, body Body) error
	}

	// Encoders is how many row groups are encoded at once. Each takes scratch memory
	// of about its batches' size, twice that where they have few rows each, which stays
	// allocated.
	Encoders int
	// MemoryFile is the size in bytes up to which a file is kept in memory until it
	// is in the bucket; a larger one is spooled as it grows.
	MemoryFile int64
	// Memory is how many bytes all files in memory may have together. Over it, files
	// are spooled whatever their size, so that a bucket that is away for hours fills
	// the disk and not the memory.
	Memory int64

	Version string // of the program, for the files' metadata
	Logger  *slog.Logger
	Metrics *Metrics
}

func (c *Config) validate() error {
	switch {
	case c.FS == nil, c.Putter == nil, c.Logger == nil, c.Metrics == nil:
		return errors.New("writer: FS, Putter, Logger and Metrics are required")
	case c.SpoolDir == "":
		return errors.New("writer: the spool folder has no name")
	case c.Encoders < 1:
		return fmt.Errorf("writer: %d encoders", c.Encoders)
	case c.MemoryFile < 0, c.Memory < 0:
		return fmt.Errorf("writer: negative memory %d, %d", c.MemoryFile, c.Memory)
	}
	return nil
}

// Writer makes files. It is safe for concurrent use.
type Writer struct {
	cfg   Config
	spool *spool
	turns *semaphore.Weighted // one an encoder

	footers   sync.Pool // of *footer
	readbacks sync.Pool // of *readback

	mu struct {
		sync.Mutex
		idle    []*encoder
		layouts map[*schema.Table]*layout
	}
}

// maxLayouts bounds the layouts that are kept for their tables. There are more
// only when windows of many old schemas are being recovered.
const maxLayouts = 64

// New returns a writer and removes what an earlier one left in the spool folder.
// No two writers may share a folder.
func New(cfg Config) (*Writer, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s, err := openSpool(&cfg)
	if err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg, spool: s, turns: semaphore.NewWeighted(int64(cfg.Encoders))}
	w.footers.New = func() any { return new(footer) }
	w.mu.layouts = make(map[*schema.Table]*layout)
	return w, nil
}

// Create begins the file of that identity. Nothing is allocated for it until rows
// come.
func (w *Writer) Create(id FileID, t *schema.Table) (*Output, error) {
	if err := id.check(); err != nil {
		return nil, err
	}
	if id.Table != t.Name() {
		return nil, fmt.Errorf("file %s of table %s", id.Key(), t.Name())
	}
	l, err := w.layout(t)
	if err != nil {
		return nil, err
	}
	return &Output{id: id, layout: l, writer: w, body: body{spool: w.spool}}, nil
}

func (w *Writer) layout(t *schema.Table) (*layout, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l := w.mu.layouts[t]; l != nil {
		return l, nil
	}
	l, err := newLayout(t)
	if err != nil {
		return nil, err
	}
	if len(w.mu.layouts) >= maxLayouts {
		clear(w.mu.layouts)
	}
	w.mu.layouts[t] = l
	return l, nil
}

// acquire waits for an encoder for rows of that layout.
func (w *Writer) acquire(ctx context.Context, l *layout) (*encoder, error) {
	if err := w.turns.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for an encoder: %w", err)
	}
	e, err := w.take(l)
	if err != nil {
		w.turns.Release(1)
		return nil, err
	}
	e.use(l)
	return e, nil
}

// take returns an idle encoder, if possible one that has served the same table, and
// makes one where there is none: at most as many as there are turns.
func (w *Writer) take(l *layout) (*encoder, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.mu.idle) - 1
	if last < 0 {
		return newEncoder()
	}
	for i, e := range w.mu.idle {
		if e.layout == l {
			w.mu.idle[i], w.mu.idle[last] = w.mu.idle[last], e
			break
		}
	}
	e := w.mu.idle[last]
	w.mu.idle = w.mu.idle[:last]
	return e, nil
}

func (w *Writer) release(e *encoder) {
	w.mu.Lock()
	w.mu.idle = append(w.mu.idle, e)
	w.mu.Unlock()
	w.turns.Release(1)
}
