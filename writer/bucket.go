package writer

// This file is the object store as the writer sees it: the contract that every
// bucket keeps, and the opening of one by its URL.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bucket is an object store that creates objects and never changes them: names
// are identity (I3). Keys are relative to the prefix that the bucket was opened
// with. buckettest checks this contract on every implementation.
//
// An implementation MUST be safe for concurrent use, MUST try an operation once
// only (retries are the [Putter]'s), and MUST end an operation soon after its
// ctx ends. It MUST NOT let an operation hang on a peer that has gone silent.
//
// An error leaves the outcome unknown: what was asked for may have happened, or
// may happen later.
type Bucket interface {
	// Put stores body under key if the key is absent, and MUST return nil only
	// when an object under key is durable and visible to Get and List. An object
	// that was there already MUST be left as it is and counts as done. Of several
	// concurrent Puts of a key exactly one stores its bytes, and an object is
	// never visible in part. Put MUST read body through ReadAt only, so that the
	// same body can be put again after an error.
	Put(ctx context.Context, key string, body Body) error

	// Get opens an object, from its beginning. The caller closes it. The error is
	// [ErrNotFound] when there is none.
	Get(ctx context.Context, key string) (io.ReadCloser, error)

	// List yields the objects whose key begins with prefix, in the order of their
	// keys' bytes. It MUST fetch pages as it goes, and MUST yield an error last.
	// Objects that come or go meanwhile may be missed.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]

	// Head describes an object. The error is [ErrNotFound] when there is none.
	Head(ctx context.Context, key string) (Object, error)

	// Delete removes an object. An absent one counts as done.
	Delete(ctx context.Context, key string) error

	// String names the bucket as its URL, without credentials.
	String() string
}

// Body is the content of an object to be: of known length, and readable any
// number of times. A bytes.Reader is one, and so is a finished spool file.
type Body interface {
	io.ReaderAt
	Size() int64
}

// Object describes a stored object.
type Object struct {
	Key      string    // below the bucket's prefix
	Size     int64     // in bytes
	Modified time.Time // when it was stored, by the store's clock
}

// bodyReader reads a body from its beginning. A body that ends before its size is
// an error: a store might take what there is for the whole.
func bodyReader(body Body) *io.SectionReader {
	return io.NewSectionReader(wholeBody{body}, 0, body.Size())
}

type wholeBody struct{ Body }

func (b wholeBody) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.Body.ReadAt(p, off)
	if err == io.EOF && off+int64(n) < b.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		err = &bodyError{err}
	}
	return n, err
}

// copyBytes is how much of a body is copied at once.
const copyBytes = 64 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// copyTo copies as io.Copy does, with a buffer that is used again: most bodies are
// smaller than the one that it would make. Neither side is asked for its own way, which
// would make one as well.
func copyTo(w io.Writer, r io.Reader) (int64, error) {
	buffer := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(buffer)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, buffer[:])
}

// bodyError says that it was the body which could not be read, and not the bucket.
type bodyError struct{ cause error }

func (e *bodyError) Error() string { return fmt.Sprintf("read what is to be put: %v", e.cause) }
func (e *bodyError) Unwrap() error { return e.cause }

var (
	// ErrNotFound is returned when there is no object under a key.
	ErrNotFound = errors.New("no such object")
	// ErrBucketFailed is returned from the first failed sync of a bucket's directory
	// on: it stores nothing more for this process, however often it is asked. The next
	// process may use it again.
	ErrBucketFailed = errors.New("the bucket takes nothing more from this process")
)

// maxKey is S3's limit for a key, in bytes.
const maxKey = 1024

// CheckKey refuses a key that some store would read as another key or as
// another object's folder: every Bucket checks its keys with it (I8).
func CheckKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf("bad key: %d bytes, at most %d are allowed", len(key), maxKey)
	}
	if !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) {
		return fmt.Errorf("bad key %q: it is not plain text", key)
	}
	for part := range strings.SplitSeq(key, "/") {
		switch part {
		case "", ".", "..":
			return fmt.Errorf("bad key %q: part %q is not allowed", key, part)
		}
	}
	if first, _, _ := strings.Cut(key, "/"); first == dirTemp {
		return fmt.Errorf("bad key %q: %s is reserved", key, dirTemp)
	}
	return nil
}

// OpenBucket opens the bucket that a URL names: s3://bucket/prefix, or
// file:///path for a directory, which fsys holds. It contacts no store and
// changes no file: what is wrong with a bucket shows in its first use.
func OpenBucket(ctx context.Context, rawURL string, fsys FS, options S3Options) (Bucket, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("parse bucket URL: %w", err)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Port() != "" {
		return nil, fmt.Errorf("bucket URL %s: only a scheme, a bucket and a path are understood", u.Redacted())
	}
	switch u.Scheme {
	case "s3":
		return openS3(ctx, u.Host, strings.Trim(u.Path, "/"), options)
	case "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return nil, fmt.Errorf("bucket URL %s: a directory is written file:///absolute/path", rawURL)
		}
		return newDir(fsys, u.Path), nil
	}
	return nil, fmt.Errorf("bucket URL %s: the scheme must be s3 or file", rawURL)
}
