// Measure tells what the gateway costs on this machine: it starts the real binary,
// sends it events, and waits until they are rows in files.
//
//	go run ./measure [-n 1000000] [-duckdb] [-noisy]
//
// For both levels of durability it sends n events in bodies of NDJSON and prints
//
//   - events a second, from the first request until the last row is in a file (the
//     gateway is stopped with SIGTERM after the last answer, which ends the window)
//   - CPU seconds per million events, of the gateway's process alone, from its start
//     to its end
//   - its peak of resident memory, and the bytes per event in the files
//
// and then sends single events over many connections, and prints requests a second,
// the latency, and CPU per request. With -duckdb it has DuckDB convert the same
// events, from a file of NDJSON to a Parquet file with zstd, on one thread: the
// yardstick for CPU and size. With -profiles it keeps CPU profiles, for go tool pprof.
//
// With -noisy it measures something else: the latency of a tenant's single events
// alone, beside a tenant at its limit, and beside one at ten times its limit.
//
// The client runs on the same machine. It costs as little as it can, all bodies
// being made beforehand, and its own CPU is printed too.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"parquay/loadtest/e2e/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "measure: %v\n", err)
		os.Exit(1)
	}
}

// options is what a run measures.
type options struct {
	binary      string
	acks        string
	events      int // in bodies
	batch       int // events of a body
	connections int
	singles     int // events sent one by one
	clients     int // connections for those
	env         string
	duckdb      bool
	noisy       bool
	profiles    string
	dir         string
}

func parse(args []string) (o options, err error) {
	set := flag.NewFlagSet("measure", flag.ContinueOnError)
	set.StringVar(&o.binary, "binary", "", "gateway to measure; built from the repository by default")
	set.StringVar(&o.acks, "ack", "disk,memory", "levels of durability")
	set.IntVar(&o.events, "n", 1_000_000, "events to send in bodies; they are kept in memory, 440 bytes each; 0 skips")
	set.IntVar(&o.batch, "batch", 500, "events of a body")
	set.IntVar(&o.connections, "connections", 8, "connections for the bodies")
	set.IntVar(&o.singles, "singles", 200_000, "events to send one by one; 0 skips")
	set.IntVar(&o.clients, "clients", 64, "connections for the single events")
	set.StringVar(&o.env, "env", "", "more settings of the gateway: NAME=VALUE,…")
	set.BoolVar(&o.duckdb, "duckdb", false, "compare with DuckDB, which pip installs into a temporary folder")
	set.BoolVar(&o.noisy, "noisy", false, "measure a tenant's latency beside a noisy one, and nothing else")
	set.StringVar(&o.profiles, "profiles", "", "folder for CPU profiles of the gateway, of two seconds from each first request")
	set.StringVar(&o.dir, "dir", "", "where to put journals and files; a temporary folder by default")
	err = set.Parse(args)
	if err == nil && (o.batch < 1 || o.connections < 1 || o.clients < 1) {
		err = fmt.Errorf("-batch, -connections and -clients must be at least 1")
	}
	return o, err
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "parquay-measure-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if o.binary == "" {
		if o.binary, err = process.Build(dir, false); err != nil {
			return err
		}
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	if o.noisy {
		return measureNoisy(ctx, o, dir, generate(noisyBatch), out)
	}
	events := generate(max(o.events, o.singles))
	fmt.Fprintf(out, "%d events, %.0f bytes of JSON each\n\n", len(events.ends), float64(len(events.text))/float64(len(events.ends)))

	var yardstick *duckFigures
	if o.duckdb {
		if yardstick, err = measureDuckDB(ctx, dir, events, o.events); err != nil {
			return err
		}
		fmt.Fprintf(out, "%-34s %8.2f CPU s/M  %6.1f bytes/event\n", "DuckDB "+yardstick.Version+", 1 thread", yardstick.cpu(), yardstick.size())
	}
	for _, ack := range strings.Split(o.acks, ",") {
		g := subject{binary: o.binary, dir: dir, ack: ack, env: o.env, profiles: o.profiles}
		if o.events > 0 {
			f, err := g.measure(ctx, events.bodies(o.events, o.batch), o.events, o.connections)
			if err != nil {
				return err
			}
			f.printBodies(out, fmt.Sprintf("ack=%s, %d events a body", ack, o.batch), yardstick)
		}
		if o.singles > 0 {
			f, err := g.measure(ctx, events.bodies(o.singles, 1), o.singles, o.clients)
			if err != nil {
				return err
			}
			f.printSingles(out, fmt.Sprintf("ack=%s, single, %d connections", ack, o.clients))
		}
	}
	return nil
}
