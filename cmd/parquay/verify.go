// parquay verify: check every file of a bucket.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"parquay/buffer/journal/vfs"
	"parquay/writer"
)

func verifyCommand() command {
	return command{
		name:    "verify",
		args:    "[-bucket URL] [-table T] [-json]",
		summary: "check every file in the bucket",
		details: `
Reads every file of the bucket and reports what is not as it should be: names,
row counts, metadata, rows of another hour, missing parts, and ids that a tenant
has twice (which a client that sends an event again may have caused). It takes
the settings of serve, and changes nothing.

Exit codes: 0 everything agrees, 1 something does not or can't be read.`,
		run: runVerify,
	}
}

func runVerify(ctx context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	bucketURL := set.String("bucket", "", "the bucket's `URL` (default PARQUAY_BUCKET)")
	table := set.String("table", "", "check this `table` alone")
	asJSON := set.Bool("json", false, "print the report as JSON")
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
	tables, err := loadTables(s.Schemas)
	if err != nil {
		return usageError{err}
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	bucket, err := s.openBucket(ctx, vfs.OS{})
	if err != nil {
		return usageError{err}
	}
	prefix, lines := "", c.out
	if *table != "" {
		prefix = *table + "/"
	}
	if *asJSON {
		lines = io.Discard
	}
	report, err := writer.Verify(ctx, bucket, tables, prefix, lines)
	if err != nil {
		return err
	}
	if *asJSON {
		if err := json.NewEncoder(c.out).Encode(report); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if !report.OK() {
		return fmt.Errorf("verify found %d problems", report.Problems)
	}
	return nil
}
