package writer

// This file is the bucket in a directory, for development and for single
// machines: an object is a file, its key the path.

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// dirTemp is the folder in which objects are written before they get their name:
// in the bucket, because a link can't leave its file system.
const (
	dirTemp       = ".tmp"
	tempExtension = ".put"

	// maxFolders bounds the folders that are remembered, in some megabytes: each tenant
	// has one, one a day and one an hour.
	maxFolders = 64 << 10
)

// dirBucket keeps objects below root. A name, once linked, is never linked to
// another file: that is what makes Put conditional.
type dirBucket struct {
	fs      FS
	root    string
	portion int // of a file that is written, before the disk is told to begin

	mu struct {
		sync.Mutex
		swept   bool              // leftovers of an earlier process are removed
		failed  error             // the first failed sync of a directory; final
		folders map[string]string // those that are durable, and an object in or below each
	}
}

// newDir returns the bucket in a directory. It is made by the first Put, so that
// a bucket that is only read is not touched.
func newDir(fsys FS, root string) *dirBucket {
	b := &dirBucket{fs: fsys, root: filepath.Clean(root), portion: dirPortion}
	b.mu.folders = make(map[string]string)
	return b
}

func (b *dirBucket) String() string { return "file://" + filepath.ToSlash(b.root) }

func (b *dirBucket) Put(ctx context.Context, key string, body Body) error {
	fail := func(err error) error { return fmt.Errorf("put %s into %s: %w", key, b, err) }
	if err := CheckKey(key); err != nil {
		return fail(err)
	}
	if err := b.ready(); err != nil {
		return fail(err)
	}
	name := b.path(key)
	folders, err := b.makeFolders(filepath.Dir(name))
	if err != nil {
		return fail(fmt.Errorf("make directory: %w", err))
	}
	_, err = b.stat(name)
	if errors.Is(err, ErrNotFound) {
		err = b.create(ctx, name, body)
	}
	if err != nil {
		return fail(err)
	}
	// At this point a whole file has the name: ours, or one that was there. A crash
	// after this may still forget the name, even an older one, and the folders': their
	// Put may have ended between link and sync.
	for _, folder := range folders {
		if err := b.synced(b.fs.SyncDir(folder)); err != nil {
			return fail(err)
		}
	}
	b.remember(folders, name)
	return nil
}

// makeFolders makes a folder and those above it that are missing. It returns those that
// have to be synced once there is something in the folder, from the folder up to the
// first that is durable itself. A folder that was there already is among them, since
// somebody may have made it who has not synced yet. To sync them all in the end, and
// not each before the next is made, takes fewer commits of the file system.
func (b *dirBucket) makeFolders(folder string) (synced []string, err error) {
	for ; !b.durable(folder); folder = filepath.Dir(folder) {
		if folder == b.root {
			if err := b.synced(b.fs.MkdirAll(folder)); err != nil {
				return nil, err
			}
			break
		}
		synced = append(synced, folder)
	}
	for _, missing := range slices.Backward(synced) {
		if err := b.fs.Mkdir(missing); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return append(synced, folder), nil
}

// durable says that a folder can't be lost. A sync of a folder is a tenth of the time
// that a small object takes, and most are known: a folder in which this process has put
// an object, or below which, was durable then, and if the object is still there, it is
// still the same folder. Only an empty one can be removed, and made again by somebody
// who has not synced yet.
func (b *dirBucket) durable(folder string) bool {
	b.mu.Lock()
	object, ok := b.mu.folders[folder]
	b.mu.Unlock()
	if ok {
		_, err := b.stat(object)
		ok = err == nil
	}
	return ok
}

// remember is called after an object and its folders became durable.
func (b *dirBucket) remember(folders []string, object string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.folders)+len(folders) > maxFolders {
		clear(b.mu.folders)
	}
	for _, folder := range folders {
		b.mu.folders[folder] = object
	}
}

// create writes a file and links it to name, unless there is one already.
func (b *dirBucket) create(ctx context.Context, name string, body Body) error {
	temp := filepath.Join(b.root, dirTemp, strings.ToLower(rand.Text())+tempExtension)
	// Whatever happens, the temporary name goes; if it can't, the next process
	// sweeps it up.
	defer func() { _ = b.fs.Remove(temp) }() // what is left is swept by the next process
	if err := b.writeTemp(ctx, temp, body); err != nil {
		return fmt.Errorf("write temporary file: %w", err)
	}
	// At this point the content is durable under its temporary name.
	err := b.fs.Link(temp, name)
	if errors.Is(err, fs.ErrExist) {
		// Another Put came first, or name is a folder of other objects.
		_, err = b.stat(name)
	}
	if err != nil {
		return fmt.Errorf("link object: %w", err)
	}
	return nil
}

// writeTemp writes body to a new file and syncs it. A file whose sync failed is
// never synced again, but written anew by the next attempt.
func (b *dirBucket) writeTemp(ctx context.Context, temp string, body Body) (err error) {
	f, err := b.fs.Create(temp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := copyTo(b.ahead(f), contextReader(ctx, bodyReader(body))); err != nil {
		return err
	}
	return f.Sync()
}

func (b *dirBucket) Get(_ context.Context, key string) (io.ReadCloser, error) {
	fail := func(err error) error { return fmt.Errorf("get %s from %s: %w", key, b, err) }
	if err := CheckKey(key); err != nil {
		return nil, fail(err)
	}
	name := b.path(key)
	info, err := b.stat(name)
	if err != nil {
		return nil, fail(err)
	}
	f, err := b.fs.Open(name)
	if err != nil {
		return nil, fail(absent(err))
	}
	return &dirReader{SectionReader: io.NewSectionReader(f, 0, info.Size()), Closer: f}, nil
}

// dirReader reads an object in order or, being a [Body], at random.
type dirReader struct {
	*io.SectionReader
	io.Closer
}

func (b *dirBucket) Head(_ context.Context, key string) (Object, error) {
	err := CheckKey(key)
	var info fs.FileInfo
	if err == nil {
		info, err = b.stat(b.path(key))
	}
	if err != nil {
		return Object{}, fmt.Errorf("head %s in %s: %w", key, b, err)
	}
	return Object{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil
}

func (b *dirBucket) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		b.walk(ctx, "", prefix, func(o Object, err error) bool {
			if err != nil {
				err = fmt.Errorf("list %s in %s: %w", prefix, b, err)
			}
			return yield(o, err)
		})
	}
}

// walk yields the objects below a folder, which is empty or ends with a slash. It
// returns false when no more are wanted. A page is one directory.
func (b *dirBucket) walk(ctx context.Context, folder, prefix string, yield func(Object, error) bool) bool {
	entries, err := b.fs.ReadDir(b.path(folder))
	if folder != "" && errors.Is(err, fs.ErrNotExist) {
		return true // removed meanwhile
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		yield(Object{}, err)
		return false
	}
	// A folder's keys have a slash after its name: "a.b" comes before "a/b".
	keys := make([]string, 0, len(entries))
	for _, e := range entries {
		switch key := folder + e.Name(); {
		case e.IsDir() && key != dirTemp:
			if key += "/"; strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key) {
				keys = append(keys, key)
			}
		case e.Type().IsRegular() && strings.HasPrefix(key, prefix):
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if strings.HasSuffix(key, "/") {
			if !b.walk(ctx, key, prefix, yield) {
				return false
			}
			continue
		}
		o, err := b.Head(ctx, key)
		if errors.Is(err, ErrNotFound) {
			continue // removed meanwhile
		}
		if !yield(o, err) || err != nil {
			return false
		}
	}
	return true
}

func (b *dirBucket) Delete(_ context.Context, key string) error {
	fail := func(err error) error { return fmt.Errorf("delete %s from %s: %w", key, b, err) }
	if err := CheckKey(key); err != nil {
		return fail(err)
	}
	name := b.path(key)
	if _, err := b.stat(name); err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return fail(err)
	}
	if err := b.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	if err := b.synced(b.fs.SyncDir(filepath.Dir(name))); err != nil {
		return fail(err)
	}
	return nil
}

// ready says whether the bucket takes objects, and removes, once, the temporary
// files that a crash left. A file of another process that lives is no loss either:
// its Put fails to link, and is tried again.
func (b *dirBucket) ready() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.failed != nil {
		return b.mu.failed
	}
	if b.mu.swept {
		return nil
	}
	temp := filepath.Join(b.root, dirTemp)
	if err := b.syncedLocked(b.fs.MkdirAll(temp)); err != nil {
		return fmt.Errorf("make temporary directory: %w", err)
	}
	entries, err := b.fs.ReadDir(temp)
	if err != nil {
		return fmt.Errorf("read temporary directory: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), tempExtension) {
			if err := b.fs.Remove(filepath.Join(temp, e.Name())); err != nil {
				return fmt.Errorf("remove leftover: %w", err)
			}
		}
	}
	b.mu.swept = true
	return nil
}

// synced takes the result of making directory entries durable. An error of the
// sync itself is final for the bucket, since the next sync of that directory may
// return nil for entries that are lost: no Put is confirmed after it, whatever its
// own sync said, and the journal keeps the rows. The next process trusts the
// directory again: a file system that has lost names has itself failed by then.
func (b *dirBucket) synced(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.syncedLocked(err)
}

func (b *dirBucket) syncedLocked(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		switch path.Op {
		case "stat", "mkdir", "open":
			return err // before any sync: a full disk, too many open files
		}
	}
	if b.mu.failed == nil && err != nil {
		b.mu.failed = fmt.Errorf("%w: %w", ErrBucketFailed, err)
	}
	return b.mu.failed
}

func (b *dirBucket) path(key string) string { return filepath.Join(b.root, filepath.FromSlash(key)) }

// stat describes an object's file; the error is ErrNotFound for what is none.
func (b *dirBucket) stat(name string) (fs.FileInfo, error) {
	info, err := b.fs.Stat(name)
	if err != nil {
		return nil, absent(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no regular file", ErrNotFound, name)
	}
	return info, nil
}

// absent makes a missing file ErrNotFound, also one below what is a file itself.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// readerFunc is a Read method.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// contextReader reads until ctx ends.
func contextReader(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}
