package buckettest

// This file is a bucket in memory whose every request can be made to fail, for
// tests of what must survive that.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parquay/writer"
)

// Fake is a bucket in memory. It enforces I3: a Put of a key with other bytes
// than an earlier Put of that key, done or not, fails the test.
type Fake struct {
	t      testing.TB
	decide func(Request) Verdict

	// Same compares two bodies of one key; nil compares bytes. It is set before
	// the first request, by tests in which the same rows may be encoded differently.
	Same func(key string, earlier, later []byte) error

	mu struct {
		sync.Mutex
		objects  map[string]stored
		first    map[string][]byte // the body of each key's first Put, done or not
		delayed  map[string][]byte // bodies that have not landed yet
		requests map[Op]int
		total    int
	}
}

type stored struct {
	content  []byte
	modified time.Time
}

// Op is an operation of writer.Bucket.
type Op string

// The operations.
const (
	Put    Op = "put"
	Get    Op = "get"
	List   Op = "list"
	Head   Op = "head"
	Delete Op = "delete"
)

// Request is one request to the fake.
type Request struct {
	N   int // requests before it
	Op  Op
	Key string // a prefix for List
}

// Verdict says what happens to a request.
type Verdict struct {
	applied bool
	delayed bool
	err     error
}

// The verdicts. What an outcome means beyond them is the same for all operations:
// a request that only reads is never applied.
var (
	// Done applies the request and says so.
	Done = Verdict{applied: true}
	// Failed does not apply it: the connection was refused.
	Failed = Verdict{err: &Error{Text: "connection refused"}}
	// AnswerLost applies it and fails: the connection broke before the answer.
	AnswerLost = Verdict{applied: true, err: &Error{Text: "connection reset before the answer"}}
	// Delayed fails now, and applies a Put after a later one of its key, or at
	// Land: a request that timed out and was on its way.
	Delayed = Verdict{delayed: true, err: fmt.Errorf("put: %w", context.DeadlineExceeded)}
)

// Status does not apply the request and answers with an HTTP status, as 403, 404,
// 409, 412, 500 or 503.
func Status(code int) Verdict {
	return Verdict{err: &Error{Status: code, Text: http.StatusText(code)}}
}

// Verdicts are one of each kind.
func Verdicts() []Verdict {
	all := []Verdict{Done, Failed, AnswerLost, Delayed}
	for _, code := range []int{403, 404, 409, 412, 500, 503} {
		all = append(all, Status(code))
	}
	return all
}

// Error is what the fake fails with.
type Error struct {
	Status int // of HTTP; 0 if there was no answer
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("fake bucket: %s (status %d)", e.Text, e.Status) }

// HTTPStatusCode is the status, as the errors of the AWS SDK give it.
func (e *Error) HTTPStatusCode() int { return e.Status }

// NewFake returns an empty bucket. decide gives each request its verdict, one
// after the other; nil does all of them.
func NewFake(t testing.TB, decide func(Request) Verdict) *Fake {
	if decide == nil {
		decide = func(Request) Verdict { return Done }
	}
	f := &Fake{t: t, decide: decide}
	f.mu.objects = map[string]stored{}
	f.mu.first = map[string][]byte{}
	f.mu.delayed = map[string][]byte{}
	f.mu.requests = map[Op]int{}
	return f
}

// Object returns an object's bytes, without a request.
func (f *Fake) Object(key string) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.mu.objects[key]
	return o.content, ok
}

// Keys returns the keys of all objects in order, without a request.
func (f *Fake) Keys() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.mu.objects))
}

// Requests counts the requests of a kind so far.
func (f *Fake) Requests(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.requests[op]
}

// Land applies the Puts that are still delayed.
func (f *Fake) Land() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range slices.Collect(maps.Keys(f.mu.delayed)) {
		f.landLocked(key)
	}
}

// Put implements writer.Bucket.
func (f *Fake) Put(ctx context.Context, key string, body writer.Body) error {
	if err := writer.CheckKey(key); err != nil {
		return err
	}
	content, err := io.ReadAll(io.NewSectionReader(body, 0, body.Size()))
	if err == nil && int64(len(content)) != body.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read body of %s: %w", key, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.requestLocked(ctx, Put, key)
	if err != nil {
		return err
	}
	f.checkLocked(key, content)
	if v.applied {
		f.storeLocked(key, content)
		f.landLocked(key)
	}
	if v.delayed {
		f.mu.delayed[key] = content
	}
	return v.err
}

// Get implements writer.Bucket.
func (f *Fake) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	o, err := f.read(ctx, Get, key)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(o.content)), nil
}

// Head implements writer.Bucket.
func (f *Fake) Head(ctx context.Context, key string) (writer.Object, error) {
	o, err := f.read(ctx, Head, key)
	if err != nil {
		return writer.Object{}, err
	}
	return writer.Object{Key: key, Size: int64(len(o.content)), Modified: o.modified}, nil
}

// List implements writer.Bucket. It has one page.
func (f *Fake) List(ctx context.Context, prefix string) iter.Seq2[writer.Object, error] {
	return func(yield func(writer.Object, error) bool) {
		page, err := f.page(ctx, prefix)
		if err != nil {
			yield(writer.Object{}, err)
			return
		}
		for _, o := range page {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Delete implements writer.Bucket.
func (f *Fake) Delete(ctx context.Context, key string) error {
	if err := writer.CheckKey(key); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.requestLocked(ctx, Delete, key)
	if err != nil {
		return err
	}
	if v.applied {
		delete(f.mu.objects, key)
	}
	return v.err
}

func (f *Fake) String() string { return "fake://" }

func (f *Fake) read(ctx context.Context, op Op, key string) (stored, error) {
	if err := writer.CheckKey(key); err != nil {
		return stored{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.requestLocked(ctx, op, key)
	if err == nil {
		err = v.err
	}
	if err != nil {
		return stored{}, err
	}
	o, ok := f.mu.objects[key]
	if !ok {
		return stored{}, fmt.Errorf("%s %s: %w", op, key, writer.ErrNotFound)
	}
	return o, nil
}

func (f *Fake) page(ctx context.Context, prefix string) ([]writer.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.requestLocked(ctx, List, prefix)
	if err == nil {
		err = v.err
	}
	if err != nil {
		return nil, err
	}
	var page []writer.Object
	for _, key := range slices.Sorted(maps.Keys(f.mu.objects)) {
		if o := f.mu.objects[key]; strings.HasPrefix(key, prefix) {
			page = append(page, writer.Object{Key: key, Size: int64(len(o.content)), Modified: o.modified})
		}
	}
	return page, nil
}

// requestLocked counts a request and decides it.
func (f *Fake) requestLocked(ctx context.Context, op Op, key string) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, fmt.Errorf("%s %s: %w", op, key, err)
	}
	r := Request{N: f.mu.total, Op: op, Key: key}
	f.mu.total++
	f.mu.requests[op]++
	return f.decide(r), nil
}

// checkLocked enforces I3.
func (f *Fake) checkLocked(key string, content []byte) {
	earlier, ok := f.mu.first[key]
	if !ok {
		f.mu.first[key] = content
		return
	}
	same := f.Same
	if same == nil {
		same = func(_ string, a, b []byte) error {
			if !bytes.Equal(a, b) {
				return fmt.Errorf("%d bytes became %d other ones", len(a), len(b))
			}
			return nil
		}
	}
	if err := same(key, earlier, content); err != nil {
		f.t.Errorf("fake bucket: %s was put with two contents (I3): %v", key, err)
	}
}

// storeLocked creates an object if it is absent.
func (f *Fake) storeLocked(key string, content []byte) {
	if _, ok := f.mu.objects[key]; !ok {
		f.mu.objects[key] = stored{content: content, modified: time.Now()}
	}
}

func (f *Fake) landLocked(key string) {
	if content, ok := f.mu.delayed[key]; ok {
		delete(f.mu.delayed, key)
		f.storeLocked(key, content)
	}
}
