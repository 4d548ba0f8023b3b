package main

import (
	"context"
	_ "embed" // for the script
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed duckdb.py
var duckScript string

// duckFigures is what DuckDB needed for the same events.
type duckFigures struct {
	Version string
	Rows    int
	Seconds float64 // of CPU, for the statement alone
	Bytes   int64
}

func (d *duckFigures) cpu() float64  { return d.Seconds / float64(d.Rows) * 1e6 }
func (d *duckFigures) size() float64 { return float64(d.Bytes) / float64(d.Rows) }

// measureDuckDB installs DuckDB below dir and has it convert the first n events.
func measureDuckDB(ctx context.Context, dir string, e *events, n int) (*duckFigures, error) {
	venv := filepath.Join(dir, "venv")
	python := filepath.Join(venv, "bin", "python")
	for _, args := range [][]string{
		{"python3", "-m", "venv", venv},
		{python, "-m", "pip", "install", "--quiet", "duckdb==1.5.*"},
	} {
		if output, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("install DuckDB: %w\n%s", err, output)
		}
	}
	source, target := filepath.Join(dir, "events.ndjson"), filepath.Join(dir, "duckdb.parquet")
	if err := os.WriteFile(source, e.text[:e.ends[n-1]], 0o644); err != nil {
		return nil, fmt.Errorf("write the events for DuckDB: %w", err)
	}
	cmd := exec.CommandContext(ctx, python, "-c", duckScript, source, target)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run DuckDB: %w", err)
	}
	d := new(duckFigures)
	if err := json.Unmarshal(output, d); err != nil {
		return nil, fmt.Errorf("read what DuckDB printed: %w", err)
	}
	if d.Rows != n {
		return nil, fmt.Errorf("DuckDB has %d rows of %d events", d.Rows, n)
	}
	return d, nil
}
