package writer

// This file makes an object of a bucket readable at random.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	// maxInMemory is the size in bytes up to which an object is downloaded into
	// memory; a larger one goes to a temporary file.
	maxInMemory = 16 << 20

	// downloads is how often an object is asked for before a verification, which a
	// person waits for, gives up.
	downloads    = 5
	downloadWait = time.Second
)

// download fetches an object. It tries again, but for an object that is not there.
func download(ctx context.Context, b Bucket, o Object) (content, error) {
	for attempt := 1; ; attempt++ {
		c, err := downloadOnce(ctx, b, o)
		if err == nil || errors.Is(err, ErrNotFound) || attempt == downloads || ctx.Err() != nil {
			return c, err
		}
		wait(ctx, downloadWait<<attempt)
	}
}

func downloadOnce(ctx context.Context, b Bucket, o Object) (content, error) {
	r, err := b.Get(ctx, o.Key)
	if err != nil {
		return nil, err
	}
	if c, ok := r.(content); ok {
		return c, nil // a file
	}
	defer r.Close() // read only
	if o.Size > maxInMemory {
		return downloadFile(r, o)
	}
	memory := make([]byte, o.Size)
	if _, err := io.ReadFull(r, memory); err != nil {
		return nil, fmt.Errorf("download %s: %w", o.Key, err)
	}
	return inMemory(memory), nil
}

func downloadFile(r io.Reader, o Object) (content, error) {
	file, err := os.CreateTemp("", "parquay-verify-*")
	if err != nil {
		return nil, fmt.Errorf("download %s: %w", o.Key, err)
	}
	c := tempContent{io.NewSectionReader(file, 0, o.Size), file}
	if _, err := io.CopyN(file, r, o.Size); err != nil {
		return nil, errors.Join(fmt.Errorf("download %s: %w", o.Key, err), c.Close())
	}
	return c, nil
}

// tempContent is a temporary file, which its Close removes.
type tempContent struct {
	*io.SectionReader
	file *os.File
}

func (c tempContent) Close() error { return errors.Join(c.file.Close(), os.Remove(c.file.Name())) }
