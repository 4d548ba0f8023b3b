package writer

// This file keeps the bytes of files that are not in the bucket yet: small ones in
// memory, others in the spool folder.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

const spoolExtension = ".spool"

// spool is where bodies lie. Nothing in its folder is needed after a crash, since
// the journal still has the rows: nothing is synced, and what an earlier process
// left is removed.
type spool struct {
	fs      FS
	folder  string
	limit   int64 // a body up to this size stays in memory
	total   int64 // all bodies together hold no more memory than this
	metrics *Metrics

	names  atomic.Uint64
	memory atomic.Int64 // held by all bodies
}

// openSpool makes the folder, or empties it.
func openSpool(cfg *Config) (*spool, error) {
	s := &spool{
		fs: cfg.FS, folder: cfg.SpoolDir, metrics: cfg.Metrics,
		limit: cfg.MemoryFile, total: cfg.Memory,
	}
	if err := s.fs.MkdirAll(s.folder); err != nil {
		return nil, fmt.Errorf("make spool folder: %w", err)
	}
	entries, err := s.fs.ReadDir(s.folder)
	if err != nil {
		return nil, fmt.Errorf("list spool folder: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), spoolExtension) {
			continue // not ours
		}
		if err := s.fs.Remove(filepath.Join(s.folder, e.Name())); err != nil {
			return nil, fmt.Errorf("empty spool folder: %w", err)
		}
	}
	return s, nil
}

// reserve takes n bytes of the memory that all bodies share, if they are left.
func (s *spool) reserve(n int) bool {
	if s.memory.Add(int64(n)) > s.total {
		s.memory.Add(-int64(n))
		return false
	}
	s.metrics.spoolMemory.Add(float64(n))
	return true
}

func (s *spool) release(n int) {
	s.memory.Add(-int64(n))
	s.metrics.spoolMemory.Sub(float64(n))
}

// body is the content of one file, which is appended to, finished, read and
// discarded. It is not safe for concurrent use.
type body struct {
	spool  *spool
	memory []byte // all of it, unless it has a name
	name   string // of its file in the folder
	file   File   // open while it is appended to
	sums   blockSums
}

// append adds a copy of the parts. After an error the body is only good to be
// discarded.
func (b *body) append(parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if b.name == "" {
		if int64(len(b.memory)+n) <= b.spool.limit && b.spool.reserve(n) {
			if b.memory == nil {
				// Most files are one row group and a footer: no need to grow twice.
				b.memory = make([]byte, 0, n+footerEstimate)
			}
			for _, p := range parts {
				b.memory = append(b.memory, p...)
			}
			return nil
		}
		if err := b.spill(); err != nil {
			return err
		}
	}
	for _, p := range parts {
		if err := b.write(p); err != nil {
			return err
		}
	}
	return nil
}

func (b *body) length() int64 { return b.sums.size + int64(len(b.memory)) }

// spill moves the body from memory to a file.
func (b *body) spill() error {
	name := filepath.Join(b.spool.folder, fmt.Sprintf("%016x%s", b.spool.names.Add(1), spoolExtension))
	file, err := b.spool.fs.Create(name)
	if errors.Is(err, fs.ErrNotExist) { // somebody has tidied up, and there is nothing in it to be missed
		if err = b.spool.fs.MkdirAll(b.spool.folder); err == nil {
			file, err = b.spool.fs.Create(name)
		}
	}
	if err != nil {
		return fmt.Errorf("create spool file: %w", err)
	}
	b.file, b.name = file, name
	b.spool.metrics.spoolFiles.Inc()
	err = b.write(b.memory)
	b.free()
	return err
}

func (b *body) write(p []byte) error {
	n, err := b.file.Write(p)
	b.sums.add(p[:n])
	b.spool.metrics.spoolBytes.Add(float64(n))
	if err != nil {
		return fmt.Errorf("write spool file: %w", err)
	}
	return nil
}

func (b *body) free() {
	b.spool.release(len(b.memory))
	b.memory = nil
}

// finish ends the appending: a body that waits for its upload has no descriptor.
func (b *body) finish() error {
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	if err != nil {
		return fmt.Errorf("close spool file: %w", err)
	}
	return nil
}

// discard releases everything. It may be called at any time, and again.
func (b *body) discard() error {
	b.free()
	err := b.finish()
	if b.name == "" {
		return err
	}
	b.spool.metrics.spoolFiles.Dec()
	b.spool.metrics.spoolBytes.Sub(float64(b.sums.size))
	if e := b.spool.fs.Remove(b.name); e != nil {
		err = errors.Join(err, fmt.Errorf("remove spool file: %w", e))
	}
	b.name, b.sums = "", blockSums{}
	return err
}

// content is a finished body, to be read and closed.
type content interface {
	Body
	io.Closer
}

func (b *body) content() content {
	if b.name == "" {
		return inMemory(b.memory)
	}
	return &spooledContent{fs: b.spool.fs, name: b.name, sums: b.sums}
}

// memoryContent is a body in memory, to which nobody writes any more.
type memoryContent struct {
	*bytes.Reader
	bytes []byte
}

func inMemory(b []byte) memoryContent { return memoryContent{bytes.NewReader(b), b} }

func (memoryContent) Close() error { return nil }

// spooledContent opens its file at the first read, so that one that waits for its
// turn at the bucket holds no descriptor.
type spooledContent struct {
	fs   FS
	name string
	sums blockSums // nothing is added any more

	mu struct {
		sync.Mutex
		file File
	}
}

func (c *spooledContent) Size() int64 { return c.sums.size }

func (c *spooledContent) ReadAt(p []byte, off int64) (int, error) {
	file, err := c.open()
	if err != nil {
		return 0, err
	}
	return c.sums.readAt(file, p, off)
}

func (c *spooledContent) open() (File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.file == nil {
		file, err := c.fs.Open(c.name)
		if err != nil {
			return nil, fmt.Errorf("open spool file: %w", err)
		}
		c.mu.file = file
	}
	return c.mu.file, nil
}

func (c *spooledContent) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.file == nil {
		return nil
	}
	err := c.mu.file.Close()
	c.mu.file = nil
	return err
}
