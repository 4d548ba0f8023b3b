// DuckDB: a file of events into a Parquet file, offline, in one statement.

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"parquay/loadtest/peers/report"
	"parquay/loadtest/peers/tree"
)

// duckVersion is that of the package in the Python registry.
const duckVersion = "2.0.0"

type duckDB struct {
	program
	tools
	threads   int
	installed string
	w         workplace
}

func (d *duckDB) Facts() report.Facts {
	f := report.Facts{
		Key: report.DuckDB, Name: "DuckDB COPY, 1 thread", Offline: true,
		Config:     "[loadtest/peers/duckdb/convert.py](../loadtest/peers/duckdb/convert.py)",
		Durability: "does not apply: it reads a file that is there",
		Order:      "as they came",
		Layout:     "one file, no folder for an hour; timestamps, decimals and maps typed, columns declared",
	}
	if d.threads > 1 {
		f.Key, f.Name = report.DuckDBTwo, fmt.Sprintf("DuckDB COPY, %d threads", d.threads)
		f.Layout = "a file for each thread, no folder for an hour; timestamps, decimals and maps typed, columns declared"
		f.Order = "none"
	}
	return f
}

func (d *duckDB) Install(ctx context.Context) (version string, err error) {
	d.installed, err = d.once(ctx, "duckdb-"+duckVersion, func(ctx context.Context, dir string) error {
		return pip(ctx, dir, "duckdb=="+duckVersion)
	})
	return duckVersion, err
}

// Start has nothing to do.
func (d *duckDB) Start(_ context.Context, w workplace) error {
	d.w = w
	return nil
}

func (d *duckDB) Feed(_ context.Context, e *events, _ int) (sending, error) {
	script := filepath.Join(d.root, "loadtest", "peers", "duckdb", "convert.py")
	return sending{}, d.start(d.w, nil, filepath.Join(d.installed, "bin", "python"), script,
		filepath.Join(e.files, "*.ndjson"), d.w.out, strconv.Itoa(d.threads))
}

func (d *duckDB) Stop(ctx context.Context) (tree.Usage, error) { return d.finish(ctx) }
