// The check of the bucket at start: whether it keeps what the invariants need.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/buffer/journal/vfs"
	"parquay/writer"
)

const (
	// firstCheck is how long a start waits for the check. A store that does not
	// answer by then is checked when it does, while events are accepted.
	firstCheck = 5 * time.Second
	// A check that could not be made is made again after checkAgain, and then at
	// growing intervals of at most checkLeast: all puts wait for it.
	checkAgain = 500 * time.Millisecond
	checkLeast = 5 * time.Second
	// checkNews is how often the log says that the bucket is still unchecked.
	checkNews = time.Minute
)

// errUnfit is returned for a bucket that can't be entrusted with files.
var errUnfit = errors.New("the bucket can't be used")

// bucketCheck holds all puts back until the bucket was found fit, once. A store that
// confirms what it does not keep would cost the journal its windows (I4), so none
// may be asked before. It is the writer's Putter.
type bucketCheck struct {
	bucket  writer.Bucket
	putter  *writer.Putter
	log     *slog.Logger
	pending prometheus.Gauge
	passed  chan struct{} // closed when puts may begin
	failed  chan error    // why there is something that this process will never put

	// journalFailed is set before the first file is made.
	journalFailed func() bool
}

// watchedBucket tells when there is no use in asking the bucket any more.
type watchedBucket struct {
	writer.Bucket
	check *bucketCheck
}

func (b watchedBucket) Put(ctx context.Context, key string, body writer.Body) error {
	return b.check.heed(b.Bucket.Put(ctx, key, body))
}

// heed ends the process after an error that is final, and returns it.
func (c *bucketCheck) heed(err error) error {
	if c.final(err) {
		select {
		case c.failed <- err:
		default: // it was told
		}
	}
	return err
}

// openBucketCheck opens the bucket and checks it, if it is there. The error is
// final for one that must not be used.
func openBucketCheck(ctx context.Context, s Settings, fsys vfs.FS, r prometheus.Registerer, log *slog.Logger) (*bucketCheck, error) {
	bucket, err := s.openBucket(ctx, fsys)
	if err != nil {
		return nil, err
	}
	c := &bucketCheck{
		bucket: bucket,
		log:    log,
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "parquay_bucket_check_pending",
			Help: "1 while the bucket has not been checked since the start, because it does not answer: no file is put; else 0.",
		}),
		passed: make(chan struct{}),
		failed: make(chan error, 1),

		journalFailed: func() bool { return false },
	}
	c.putter = writer.NewPutter(watchedBucket{failpointBucket(bucket), c}, putsInFlight, log, writer.NewPutMetrics(r))
	r.MustRegister(c.pending)
	if !s.CheckBucket {
		close(c.passed)
		return c, nil
	}
	ctx, cancel := context.WithTimeout(ctx, firstCheck)
	defer cancel()
	if err := c.try(ctx); c.final(err) {
		return nil, err
	} else if err != nil {
		c.pending.Set(1)
		log.Warn("the bucket could not be checked yet: events are accepted, and files are put once it was", "error", err)
	}
	return c, nil
}

// Put puts a file, once the bucket was found fit.
func (c *bucketCheck) Put(ctx context.Context, key string, body writer.Body) error {
	select {
	case <-c.passed:
		return c.putter.Put(ctx, key, body)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run goes on with a check that could not be made at the start, and then waits until
// ctx ends. It returns early, with why, when the bucket is unfit, or this process can't put
// what it has: the next one may fare better, and has the journal.
func (c *bucketCheck) run(ctx context.Context) error {
	if err := c.awaitPassed(ctx); err != nil {
		return err
	}
	select {
	case err := <-c.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

func (c *bucketCheck) awaitPassed(ctx context.Context) error {
	told := time.Now()
	for wait := checkAgain; ; wait = min(2*wait, checkLeast) {
		select {
		case <-c.passed:
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		err := c.try(ctx)
		switch {
		case c.final(err):
			return err
		case err == nil:
			c.pending.Set(0)
			c.log.Info("the bucket answers: files are put")
		case time.Since(told) > checkNews:
			told = time.Now()
			c.log.Warn("the bucket could still not be checked, and no file is put", "error", err)
		}
	}
}

// final says that it makes no sense to ask again. A disk that is read-only, or fails, may
// be mended while events are accepted. Not so where the journal has failed: it is the
// same disk as a rule, mended when nobody uses it, and the journal has what is not put.
func (c *bucketCheck) final(err error) bool {
	return errors.Is(err, errUnfit) || errors.Is(err, writer.ErrBucketFailed) ||
		(errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EIO)) && c.journalFailed()
}

// try checks the bucket. An error that is not final says that it could not be asked.
// One that forbids the check may have a policy that allows files of events alone, so
// nothing waits for it: a store that does not keep what it confirms does not refuse.
func (c *bucketCheck) try(ctx context.Context) error {
	found, err := writer.Probe(ctx, c.bucket)
	if writer.KindOf(err) == writer.KindDenied {
		c.log.Warn("the bucket forbids its check, and is used as it is: allow s3:PutObject below .parquay/, or renew the credentials", "error", err)
		close(c.passed)
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Fatal {
			return fmt.Errorf("%w: %s: %s (PARQUAY_CHECK_BUCKET=false starts without this check)", errUnfit, c.bucket, f)
		}
		c.log.Warn("the bucket does not keep all that is expected of it", "property", f.Property, "problem", f.Problem, "advice", f.Advice)
	}
	close(c.passed)
	return nil
}
