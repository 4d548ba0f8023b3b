// parquay ddl: the statement that makes a table known to Athena.

package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"parquay/schema"
)

func ddlCommand() command {
	return command{
		name:    "ddl",
		args:    "[-table events] [-location s3://bucket/prefix]",
		summary: "print the Athena table for a schema",
		details: `
Prints the CREATE EXTERNAL TABLE statement for a table, with partition
projection: no crawler and no ALTER TABLE is needed for new hours. The table is
a built-in one or one of PARQUAY_SCHEMAS.

Without -location it is PARQUAY_BUCKET if that is in S3, the only place that
Athena reads, and else s3://bucket/prefix, to be replaced. Without -tenants every
query has to say tenant = '…'.`,
		run: runDDL,
	}
}

// tenantName is what a tenant may be called.
var tenantName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func runDDL(_ context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	table := set.String("table", schema.EventsName, "the `table` whose statement to print")
	location := set.String("location", "", "where the bucket's tables lie, an s3:// `URL` (default PARQUAY_BUCKET)")
	name := set.String("name", "", "the `name` in Athena, with or without a database (default the table's)")
	tenants := set.String("tenants", "", "`tenants` to enumerate, separated by commas (default: queries name theirs)")
	from := set.String("from", "", "the first `day` that has files, as 2024-01-01")
	if err := cmd.parse(set, args, 0, 0); err != nil {
		return err
	}
	s, err := loadOrUsage(func(string) {}) // serve is the one to warn
	if err != nil {
		return err
	}
	tables, err := loadTables(s.Schemas)
	if err != nil {
		return usageError{err}
	}
	t, err := findTable(tables, *table)
	if err != nil {
		return usageError{fmt.Errorf("-table: %w", err)}
	}
	options := schema.DDLOptions{Location: *location, Table: *name, From: *from}
	if options.Location == "" && strings.HasPrefix(s.Bucket, "s3://") {
		options.Location = s.Bucket
	}
	if options.Location == "" {
		options.Location = "s3://bucket/prefix"
	}
	if *tenants != "" {
		options.Tenants = strings.Split(*tenants, ",")
	}
	if err := checkDDL(options); err != nil {
		return usageError{err}
	}
	_, err = io.WriteString(c.out, t.DDL(options))
	return err
}

func checkDDL(o schema.DDLOptions) error {
	if !strings.HasPrefix(o.Location, "s3://") || len(o.Location) == len("s3://") {
		return fmt.Errorf("-location: %q is not of the form s3://bucket/prefix", o.Location)
	}
	for _, t := range o.Tenants {
		if !tenantName.MatchString(t) {
			return fmt.Errorf("-tenants: %q does not match %s", t, tenantName)
		}
	}
	if o.From != "" {
		if _, err := time.Parse(time.DateOnly, o.From); err != nil {
			return fmt.Errorf("-from: %q is not a day such as 2024-01-01", o.From)
		}
	}
	return nil
}
