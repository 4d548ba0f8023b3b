// The load: send, measure, verify, report.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"parquay/loadtest/drive"
	"parquay/loadtest/prove"
	"parquay/loadtest/report"
)

func load(ctx context.Context, args []string, out, progress io.Writer) error {
	var s settings
	if err := s.read(args, out); err != nil {
		return err
	}
	plan, keys, err := s.plan()
	if err != nil {
		return err
	}
	config, err := s.tls()
	if err != nil {
		return err
	}
	var bucket prove.Bucket
	var known []prove.Object
	if s.verify {
		if bucket, err = s.place.open(ctx); err != nil {
			return err
		}
		if known, err = bucket.List(ctx); err != nil {
			return err // now, and not after an hour's load
		}
	}
	watch := drive.NewWatch(list(s.admins))
	bar := newBar(progress, plan, &s)
	result, driven := drive.Run(ctx, drive.Options{
		Plan: plan, Targets: list(s.targets), TLS: config, Keys: keys, Events: s.events, Duration: s.duration,
		Timeout: s.timeout, Patience: s.patience, Watch: watch, Progress: bar.sample,
	})
	bar.end()
	if result == nil {
		return driven
	}
	r := &report.Report{Tool: version(), CPUs: runtime.NumCPU(), Scenario: s.scenario, Targets: list(s.targets), Plan: plan, Result: result}
	if driven != nil {
		r.Failure = driven.Error()
	}
	if s.verify {
		// Ctrl-C ends the load, and what it has sent is verified; a second one ends all.
		if r.Proof, err = s.place.prove(context.WithoutCancel(ctx), r, bucket, known, watch, progress); err != nil {
			r.Failure = fmt.Sprintf("verify: %v", err)
		}
	}
	result.Gateways = watch.Usage()
	return errors.Join(s.write(r, out), verdict(r))
}

// errVerdict is returned when a run was not as it should be; the report says why.
var errVerdict = errors.New("this run failed: see the report")

func verdict(r *report.Report) error {
	if !r.OK() {
		return errVerdict
	}
	return nil
}

// write writes the reports that were asked for.
func (s *settings) write(r *report.Report, out io.Writer) error {
	if err := r.Text(out); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return errors.Join(writeTo(s.json, r.JSON), writeTo(s.html, r.HTML))
}

func writeTo(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// place is where files are, and how long they may take to come there.
type place struct {
	bucket string
	s3     prove.S3Options
	wait   time.Duration
	settle time.Duration
}

func (p *place) define(set *flag.FlagSet) {
	bucket := os.Getenv("PARQUAY_BUCKET")
	if bucket == "" {
		bucket = "parquay-data/bucket"
	}
	set.StringVar(&p.bucket, "bucket", bucket, "where the gateways put files: s3://bucket/prefix (credentials from the AWS chain), file:///path or a path")
	set.StringVar(&p.s3.Endpoint, "s3-endpoint", os.Getenv("PARQUAY_S3_ENDPOINT"), "`URL` of an S3-compatible store")
	set.BoolVar(&p.s3.PathStyle, "s3-path-style", os.Getenv("PARQUAY_S3_PATH_STYLE") == "true", "the bucket is in the path and not in the host name")
	set.DurationVar(&p.wait, "wait", 10*time.Minute, "at most, for acknowledged events to be in the bucket")
	set.DurationVar(&p.settle, "settle", 5*time.Second, "without a new file before the bucket is taken for complete; with -admin it is known")
}

func (p *place) open(ctx context.Context) (prove.Bucket, error) {
	b, err := prove.OpenBucket(ctx, p.bucket, p.s3)
	if err != nil {
		return nil, usageError{err}
	}
	return b, nil
}

// prove reads the bucket.
func (p *place) prove(ctx context.Context, r *report.Report, bucket prove.Bucket, known []prove.Object, watch *drive.Watch, progress io.Writer) (*prove.Proof, error) {
	o := prove.Options{
		Plan: r.Plan, Fates: r.Result.Fates, Bucket: bucket, Known: known, Begin: r.Result.Begin, Wait: p.wait, Settle: p.settle,
		Progress: newFound(progress),
	}
	if watch.Watches() {
		o.Idle = watch.Idle
	}
	return prove.Verify(ctx, o)
}
