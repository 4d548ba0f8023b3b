// Package buckettest has the conformance suite that every writer.Bucket passes,
// and a fake bucket for tests of what stands above one.
package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"parquay/writer"
)

// Test checks the contract of writer.Bucket on the buckets that open returns,
// each new and empty.
func Test(t *testing.T, open func(t *testing.T) writer.Bucket) {
	for _, c := range []struct {
		name string
		test func(*testing.T, writer.Bucket)
	}{
		{"bodies", testBodies},
		{"keys", testKeys},
		{"bad keys", testBadKeys},
		{"put again", testPutAgain},
		{"concurrent puts", testConcurrentPuts},
		{"failed body", testFailedBody},
		{"absent", testAbsent},
		{"delete", testDelete},
		{"list", testList},
		{"list pages", testListPages},
		{"ended context", testEndedContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func testBodies(t *testing.T, b writer.Bucket) {
	for _, size := range []int{0, 1, 4095, 5<<20 + 1} {
		key, want := fmt.Sprintf("size=%d", size), randomBytes(size)
		put(t, b, key, want)
		if got := get(t, b, key); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: Get returns %d other ones", size, len(got))
		}
		o, err := b.Head(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if o.Key != key || o.Size != int64(size) || o.Modified.IsZero() {
			t.Errorf("Head(%q) = %+v, want size %d", key, o, size)
		}
	}
}

func testKeys(t *testing.T, b writer.Bucket) {
	keys := []string{
		"events/tenant=acme/dt=2026-11-23/hour=07/0af3-000000000042-0003.parquet",
		"a b+c&d%20e?f#g/ü€😀",
		"dots.../..a/.b",
		strings.Repeat("long/", 150) + "name",
	}
	for _, key := range keys {
		put(t, b, key, []byte(key))
		if got := get(t, b, key); string(got) != key {
			t.Errorf("Get(%q) = %q", key, got)
		}
	}
	slices.Sort(keys)
	if diff := cmp.Diff(keys, list(t, b, "")); diff != "" {
		t.Errorf("List differs (-want +got):\n%s", diff)
	}
}

func testBadKeys(t *testing.T, b writer.Bucket) {
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "a/./b", ".tmp", ".tmp/a",
		"a\x00b", "a\nb", "a\xffb", strings.Repeat("a", 1025),
	} {
		_, getErr := b.Get(t.Context(), key)
		_, headErr := b.Head(t.Context(), key)
		for op, err := range map[string]error{
			"Put": b.Put(t.Context(), key, bytes.NewReader(nil)), "Get": getErr, "Head": headErr, "Delete": b.Delete(t.Context(), key),
		} {
			if err == nil || errors.Is(err, writer.ErrNotFound) {
				t.Errorf("%s(%.20q) = %v, want a refusal", op, key, err)
			}
		}
	}
	if keys := list(t, b, ""); len(keys) != 0 {
		t.Errorf("the bucket has %q after refusals only", keys)
	}
}

func testPutAgain(t *testing.T, b writer.Bucket) {
	const key = "a/b=c/d"
	put(t, b, key, []byte("first"))
	for _, again := range []string{"first", "other", "", "a longer body than the first"} {
		put(t, b, key, []byte(again))
		if got := get(t, b, key); string(got) != "first" {
			t.Fatalf("after a second Put of %q the object is %q, want it unchanged", again, got)
		}
	}
}

func testConcurrentPuts(t *testing.T, b writer.Bucket) {
	const writers = 16
	for round := range 4 {
		key := fmt.Sprintf("round=%d/new/folder/object", round)
		bodies := make([][]byte, writers)
		var start, done sync.WaitGroup
		start.Add(1)
		for i := range bodies {
			// Different lengths, so that a mixture of two can't pass for either.
			bodies[i] = bytes.Repeat([]byte{byte(i)}, 100_000+i)
			done.Go(func() {
				start.Wait()
				if err := putBeside(t.Context(), b, key, bodies[i]); err != nil {
					t.Errorf("Put %d of %d at once: %v", i, writers, err)
				}
			})
		}
		start.Done()
		done.Wait()
		got := get(t, b, key)
		if !slices.ContainsFunc(bodies, func(body []byte) bool { return bytes.Equal(body, got) }) {
			t.Errorf("the object has %d bytes that no Put had", len(got))
		}
		put(t, b, key, []byte("late"))
		if !bytes.Equal(get(t, b, key), got) {
			t.Error("the object changed after its Puts had returned")
		}
	}
}

// putBeside puts while others put the same key. A store may answer that another request
// for the key is under way (409), and a busy versitygw that the key exists (412) before
// anybody finds it. Neither says that the object is durable, so Put returns an error, as
// it must, and whoever put tries again. Any other error is the end.
func putBeside(ctx context.Context, b writer.Bucket, key string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		err := b.Put(ctx, key, bytes.NewReader(body))
		var response interface{ HTTPStatusCode() int }
		if err == nil || !errors.As(err, &response) ||
			response.HTTPStatusCode() != http.StatusConflict && response.HTTPStatusCode() != http.StatusPreconditionFailed {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// failingBody fails to give its second half.
type failingBody struct{ *bytes.Reader }

var errBody = errors.New("the disk is gone")

func (f failingBody) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.Size()/2 {
		return 0, errBody
	}
	return f.Reader.ReadAt(p, off)
}

func testFailedBody(t *testing.T, b writer.Bucket) {
	content := randomBytes(1 << 20)
	for i, body := range []writer.Body{failingBody{bytes.NewReader(content)}, shortBody{bytes.NewReader(content)}} {
		key := fmt.Sprintf("body=%d", i)
		if err := b.Put(t.Context(), key, body); err == nil {
			t.Errorf("Put of a body that can't be read whole returns nil")
		}
		if _, err := b.Head(t.Context(), key); !errors.Is(err, writer.ErrNotFound) {
			t.Errorf("Head after it = %v, want ErrNotFound", err)
		}
		put(t, b, key, content)
		if got := get(t, b, key); !bytes.Equal(got, content) {
			t.Error("the object is not what the second Put stored")
		}
	}
}

// shortBody is shorter than it says.
type shortBody struct{ *bytes.Reader }

func (s shortBody) Size() int64 { return s.Reader.Size() + 1 }

func testAbsent(t *testing.T, b writer.Bucket) {
	put(t, b, "folder/object", []byte("x"))
	for _, key := range []string{"nothing", "folder", "folder/nothing", "folder/object/below"} {
		if _, err := b.Get(t.Context(), key); !errors.Is(err, writer.ErrNotFound) {
			t.Errorf("Get(%q) = %v, want ErrNotFound", key, err)
		}
		if _, err := b.Head(t.Context(), key); !errors.Is(err, writer.ErrNotFound) {
			t.Errorf("Head(%q) = %v, want ErrNotFound", key, err)
		}
		if err := b.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%q) = %v, want nil", key, err)
		}
	}
	if got := get(t, b, "folder/object"); string(got) != "x" {
		t.Errorf("the object beside them is %q", got)
	}
}

func testDelete(t *testing.T, b writer.Bucket) {
	put(t, b, "a/b", []byte("first"))
	put(t, b, "a/c", []byte("stays"))
	if err := b.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Head(t.Context(), "a/b"); !errors.Is(err, writer.ErrNotFound) {
		t.Errorf("Head of a deleted object = %v, want ErrNotFound", err)
	}
	if diff := cmp.Diff([]string{"a/c"}, list(t, b, "")); diff != "" {
		t.Errorf("List differs (-want +got):\n%s", diff)
	}
	put(t, b, "a/b", []byte("second"))
	if got := get(t, b, "a/b"); string(got) != "second" {
		t.Errorf("an object put after a delete is %q", got)
	}
}

func testList(t *testing.T, b writer.Bucket) {
	if keys := list(t, b, ""); len(keys) != 0 {
		t.Fatalf("a new bucket has %q", keys)
	}
	// In the order of bytes: a slash comes after a minus and a dot.
	keys := []string{"a", "b-c", "b.c", "b/a/z", "b/b", "b0", "t=x/1", "t=x/2", "t=xy/1"}
	for _, i := range rand.Perm(len(keys)) {
		put(t, b, keys[i], make([]byte, i))
	}
	for prefix, want := range map[string][]string{
		"":       keys,
		"b":      keys[1:6],
		"b/":     keys[3:5],
		"b/a":    keys[3:4],
		"b/b":    keys[4:5],
		"t=x":    keys[6:],
		"t=x/":   keys[6:8],
		"t=xy/1": keys[8:],
		"c":      nil,
		"b/b/":   nil,
	} {
		if diff := cmp.Diff(want, list(t, b, prefix)); diff != "" {
			t.Errorf("List(%q) differs (-want +got):\n%s", prefix, diff)
		}
	}
	size := int64(0)
	for o, err := range b.List(t.Context(), "") {
		if err != nil || o.Size != size || o.Modified.IsZero() {
			t.Errorf("List yields %+v, %v; want size %d", o, err, size)
		}
		if size++; size == 3 {
			break // and nothing may be yielded after it
		}
	}
}

func testListPages(t *testing.T, b writer.Bucket) {
	const objects = 1025 // S3's pages have a thousand
	var want []string
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for i := range objects {
		key := fmt.Sprintf("folder=%d/%04d", i%3, i)
		want = append(want, key)
		group.Go(func() error { return b.Put(ctx, key, strings.NewReader("x")) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, list(t, b, "")); diff != "" {
		t.Errorf("List differs (-want +got):\n%s", diff)
	}
}

func testEndedContext(t *testing.T, b writer.Bucket) {
	put(t, b, "there", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Put(ctx, "new", strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put = %v, want context.Canceled", err)
	}
	if _, err := b.Head(t.Context(), "new"); !errors.Is(err, writer.ErrNotFound) {
		t.Errorf("Head of what was not put = %v, want ErrNotFound", err)
	}
	yields := 0
	for _, err := range b.List(ctx, "") {
		if yields++; !errors.Is(err, context.Canceled) {
			t.Errorf("List yields %v, want context.Canceled", err)
		}
	}
	if yields != 1 {
		t.Errorf("List yields %d times, want one error", yields)
	}
}

func put(t *testing.T, b writer.Bucket, key string, content []byte) {
	t.Helper()
	if err := b.Put(t.Context(), key, bytes.NewReader(content)); err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
}

func get(t *testing.T, b writer.Bucket, key string) []byte {
	t.Helper()
	r, err := b.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	return content
}

func list(t *testing.T, b writer.Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for o, err := range b.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%q): %v", prefix, err)
		}
		keys = append(keys, o.Key)
	}
	return keys
}

func randomBytes(n int) []byte {
	content := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(content)
	return content
}
