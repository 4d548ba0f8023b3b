// Verifying a run again, by its report.

package main

import (
	"context"
	"errors"
	"io"

	"parquay/loadtest/drive"
	"parquay/loadtest/report"
)

func verify(ctx context.Context, args []string, out, progress io.Writer) error {
	set := flags("verify", "verify -report FILE [FLAGS]", "Reads the bucket again and proves what is there of an earlier run, by the report that -json wrote.", out)
	file := set.String("report", "", "`file` that -json wrote")
	var p place
	p.define(set)
	if err := parse(set, args, 0); err != nil {
		return err
	}
	if *file == "" {
		return usageError{errors.New("-report must name the file that -json wrote")}
	}
	r, err := report.Read(*file)
	if err != nil {
		return err
	}
	bucket, err := p.open(ctx)
	if err != nil {
		return err
	}
	if r.Proof, err = p.prove(ctx, r, bucket, nil, drive.NewWatch(nil), progress); err != nil {
		return err
	}
	return errors.Join(r.ProofText(out), verdict(r))
}
