// parquay bucket check: what serve tries the bucket with, by hand.

package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"parquay/buffer/journal/vfs"
	"parquay/writer"
)

func bucketCheckCommand() command {
	return command{
		name:    "bucket check",
		args:    "[-bucket URL]",
		summary: "try whether the bucket is fit for events",
		details: `
Tries the bucket as serve does when it starts: a small object below .parquay/ is
created, by sixteen at once, read, created again and deleted, and the clocks are
compared. It prints each property that the bucket lacks, and what to do. It takes
the settings of serve.

Exit codes: 0 serve would use the bucket, 1 it would refuse it, or the bucket
does not answer, or forbids the check: serve would then use it as it is.`,
		run: runBucketCheck,
	}
}

func runBucketCheck(ctx context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	bucketURL := set.String("bucket", "", "the bucket's `URL` (default PARQUAY_BUCKET)")
	if err := cmd.parse(set, args, 0, 0); err != nil {
		return err
	}
	s, err := loadOrUsage(func(string) {}) // serve is the one to warn
	if err != nil {
		return err
	}
	if *bucketURL != "" {
		s.Bucket = *bucketURL
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	bucket, err := s.openBucket(ctx, vfs.OS{})
	if err != nil {
		return usageError{err}
	}
	found, err := writer.Probe(ctx, bucket)
	if err != nil {
		return err
	}
	unfit := 0
	for _, f := range found {
		verdict := "warning"
		if f.Fatal {
			verdict = "unfit"
			unfit++
		}
		if _, err := fmt.Fprintf(c.out, "%-8s %s\n", verdict, f); err != nil {
			return err
		}
	}
	if unfit > 0 {
		return fmt.Errorf("%w: %s", errUnfit, bucket)
	}
	_, err = fmt.Fprintf(c.out, "%s is fit, warnings %d\n", bucket, len(found))
	return err
}
