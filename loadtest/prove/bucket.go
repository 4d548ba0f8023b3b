// Where files are read from.

package prove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Bucket is the files below a URL.
type Bucket interface {
	// List returns every object. Objects never change.
	List(ctx context.Context) ([]Object, error)
	// Open returns an object's content. It is fs.ErrNotExist if it is gone.
	Open(ctx context.Context, key string) (Content, error)
}

// Object is a file as it is listed.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
}

// Content is a file that is open.
type Content interface {
	io.ReaderAt
	io.Closer
}

// S3Options says how to speak to an S3-compatible store.
type S3Options struct {
	Endpoint  string // empty for AWS's own
	PathStyle bool
}

// OpenBucket opens s3://bucket/prefix, file:///path or a path.
func OpenBucket(ctx context.Context, text string, o S3Options) (Bucket, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("bucket: %w", err)
	case u.Scheme == "s3":
		return openS3(ctx, u.Host, strings.Trim(u.Path, "/"), o)
	case u.Scheme == "file":
		return directory(u.Path), nil
	case u.Scheme == "":
		return directory(text), nil
	}
	return nil, fmt.Errorf("bucket %q: it must be s3://bucket/prefix, file:///path or a path", text)
}

// directory is a bucket of files.
type directory string

func (d directory) List(ctx context.Context) (list []Object, err error) {
	root := string(d)
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // nothing is stored yet, or something was removed meanwhile
		case err != nil:
			return err
		case e.IsDir() && path != root && strings.HasPrefix(e.Name(), "."):
			return filepath.SkipDir // files that are being written
		case e.IsDir():
			return ctx.Err()
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		key, err := filepath.Rel(root, path)
		list = append(list, Object{filepath.ToSlash(key), info.Size(), info.ModTime()})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", root, err)
	}
	return list, nil
}

func (d directory) Open(_ context.Context, key string) (Content, error) {
	return os.Open(filepath.Join(string(d), filepath.FromSlash(key)))
}
