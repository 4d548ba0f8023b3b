// parquay verify: check every file of a bucket, and that nothing accepted is
// missing from it.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/signal"
	"syscall"

	"parquay/buffer/journal/vfs"
	"parquay/writer"
)

func verifyCommand() command {
	return command{
		name:    "verify",
		args:    "[-bucket URL] [-journal DIR]… [-admin URL] [-table T] [-json]",
		summary: "check every file in the bucket, and that none is missing",
		details: `
Reads every file of the bucket and reports what is not as it should be: names,
row counts, metadata, rows of another hour, missing parts, and ids that a tenant
has twice (which a client that sends an event again may have caused). It takes
the settings of serve, and changes nothing.

It also reads the journal in PARQUAY_DIR, if there is one and no other bucket is
named, or those that -journal names, and tells for every tenant how many rows
are in files and how many pending. A window that is in a journal and in files
must be the same in both. The processes may run meanwhile.

With -admin it asks the process of that admin listener, whose journal is among
those, what it has accepted: all of that must be in files or pending, and
nothing else of it.

Exit codes: 0 everything agrees, 1 something does not or can't be read.`,
		run: runVerify,
	}
}

func runVerify(ctx context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	bucketURL := set.String("bucket", "", "the bucket's `URL` (default PARQUAY_BUCKET)")
	var journals []string
	set.Func("journal", "a journal's `directory`, or that which it is in (default PARQUAY_DIR); may be repeated", func(dir string) error {
		journals = append(journals, dir)
		return nil
	})
	admin := set.String("admin", "", "the `URL` of a gateway's admin listener, such as http://127.0.0.1:9090")
	table := set.String("table", "", "check this `table` alone")
	asJSON := set.Bool("json", false, "print the report as JSON")
	if err := cmd.parse(set, args, 0, 0); err != nil {
		return err
	}
	switch {
	case *admin != "" && *table != "":
		return usageError{errors.New("verify: -admin is about all tables, and -table about one")}
	case *admin != "" && *bucketURL != "" && journals == nil:
		return usageError{errors.New("verify: -admin needs the gateway's journal, by -journal: what it has accepted may be there")}
	}
	s, err := loadOrUsage(func(string) {}) // serve is the one to warn
	if err != nil {
		return err
	}
	if *bucketURL != "" {
		s.Bucket = *bucketURL
	} else if journals == nil {
		journals = []string{s.Dir}
		if _, err := (vfs.OS{}).Stat(s.journalDir()); errors.Is(err, fs.ErrNotExist) && *admin == "" {
			journals = nil // it is not the gateway's machine
		}
	}
	o := writer.Verification{Lines: c.out}
	if o.Tables, err = loadTables(s.Schemas); err != nil {
		return usageError{err}
	}
	if *table != "" {
		o.Prefix = *table + "/"
	}
	if *asJSON {
		o.Lines = io.Discard
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	bucket, err := s.openBucket(ctx, vfs.OS{})
	if err != nil {
		return usageError{err}
	}
	if *admin != "" { // first: what it says by then is in the journal or in files
		if o.Claims, err = claimsOf(ctx, *admin); err != nil {
			return err
		}
	}
	if o.Journals, err = readJournals(journals); err != nil {
		return err
	}
	o.InJournal = inJournals(journals)
	report, err := writer.Verify(ctx, bucket, o)
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
