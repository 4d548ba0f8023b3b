package writer

// This file is about a store that refuses to create a key because it is there, and
// does not find it when it is asked.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// contradiction is returned when a store says of one key that it exists, and that it
// does not. Of the two answers the put's is the error's.
type contradiction struct{ look error }

func (c *contradiction) Error() string {
	return fmt.Sprintf("the store says that the key exists, and does not find it: %v", c.look)
}

func (*contradiction) HTTPStatusCode() int { return http.StatusPreconditionFailed }

// insistAfter is how long a store may contradict itself about a key before it is not
// asked to create it any more. One that shows objects late takes less: a [Probe] calls
// an object lost after some 3 seconds.
const insistAfter = 5 * time.Second

// present decides about an object of which an answer says that it is there. What
// answered may not be the store, and its word would have the only other copy of the
// rows deleted, so the object is looked for.
//
// One that is not found is tried again, as after any error: somebody may have deleted
// it in between, or something between us and the store may have answered. But a store
// that was ended in the middle of a put may know a key of which it has no object, and
// go on refusing it for ever. So after a while the object is put without a condition,
// as it always is where there are none: what that could replace has the same rows (I3),
// and nothing was found that a reader might have had open.
func (b *s3Bucket) present(ctx context.Context, key string, body Body) error {
	err := b.confirm(ctx, key)
	var doubt *contradiction
	if !errors.As(err, &doubt) || b.doubts.last(key) < b.insistAfter {
		return err
	}
	if err := b.send(ctx, key, body, false, b.checksum); err != nil {
		return fmt.Errorf("%v; put without the condition: %w", doubt, err)
	}
	return nil
}

// confirm looks for an object. A gateway that may put and never look has nothing but
// the answer to its put.
func (b *s3Bucket) confirm(ctx context.Context, key string) error {
	_, err := b.Head(ctx, key)
	status, _ := answer(err)
	switch {
	case err == nil:
		return nil
	case status == http.StatusForbidden && !b.sees.Load():
		return nil
	case status == http.StatusForbidden, errors.Is(err, ErrNotFound): // 403 is S3's word for absent to those who may not list
		return &contradiction{err}
	}
	return fmt.Errorf("an answer says that it is there: %w", err)
}

// doubts are the keys about which a store contradicts itself: as many at most as are
// being put.
type doubts struct {
	mu struct {
		sync.Mutex
		since map[string]time.Time
	}
}

// last notes a contradiction, and says how long ago the first one was.
func (d *doubts) last(key string) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.since == nil {
		d.mu.since = map[string]time.Time{}
	}
	since, known := d.mu.since[key]
	if !known {
		since = time.Now()
		d.mu.since[key] = since
	}
	return time.Since(since)
}

// end forgets a key, whose object is stored.
func (d *doubts) end(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.mu.since, key)
}
