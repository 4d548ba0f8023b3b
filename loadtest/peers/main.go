// Command peers measures Parquay beside others that make Parquet files of JSON events,
// in one go on one machine, and writes docs/benchmarks.md.
//
//	make bench-peers                            everything, three rounds
//	make bench-peers ARGS=-update               the same, and docs/benchmarks.md
//	make bench-peers ARGS='-n 100000 -rounds 1 -only disk,duckdb'
//	make bench-peers ARGS='-read .cache/peers/report.json -update'   the page of an earlier run again
//
// Every subject gets the same generated events, in rounds: each takes its turn in each
// round, so that whatever else the machine does falls on all of them alike. What a
// subject uses is counted for its whole process tree; the load generator is this
// process and is reported apart. The rows of the files are counted by a reader that
// none of them writes with. What can't be had (no Python, no Java, a registry that
// can't be reached) is left out with the reason, and one that fails loses its round.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"parquay/loadtest/e2e/process"
	"parquay/loadtest/peers/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "peers: %v\n", err)
		os.Exit(1)
	}
}

// settings is what a comparison is made with.
type settings struct {
	events      int
	batch       int
	connections int
	rounds      int
	only        string
	single      time.Duration // of a round; 0 leaves single events out
	clients     int           // connections for those
	timeout     time.Duration // of one round of one subject
	binary      string        // Parquay's
	dir         string        // for everything temporary
	json        string
	read        string
	update      bool
}

func parse(args []string) (s settings, err error) {
	set := flag.NewFlagSet("peers", flag.ContinueOnError)
	set.IntVar(&s.events, "n", 1_000_000, "events of a round; they are kept in memory, 450 bytes each")
	set.IntVar(&s.batch, "batch", 500, "events of a body")
	set.IntVar(&s.connections, "connections", 8, "connections for the bodies")
	set.IntVar(&s.rounds, "rounds", 3, "rounds")
	set.StringVar(&s.only, "only", "", "subjects to run, of disk,memory,bento,duckdb,duckdb2,flink,bare; all by default")
	set.DurationVar(&s.single, "single", 5*time.Second, "how long single events are sent to each in a round; 0 leaves them out")
	set.IntVar(&s.clients, "clients", 64, "connections for the single events")
	set.DurationVar(&s.timeout, "timeout", 10*time.Minute, "how long a subject may take for a round")
	set.StringVar(&s.binary, "binary", "", "Parquay's binary; bin/parquay of the repository by default")
	set.StringVar(&s.dir, "dir", "", "where journals and files go, and so which disk is measured; the system's temporary folder by default")
	set.StringVar(&s.json, "json", "", "where the report is kept as JSON; .cache/peers/report.json by default")
	set.StringVar(&s.read, "read", "", "make tables and page of an earlier report, and run nothing")
	set.BoolVar(&s.update, "update", false, "write docs/benchmarks.md")
	if err = set.Parse(args); err != nil {
		return s, err
	}
	if set.NArg() > 0 || s.events < 1000 || s.batch < 1 || s.connections < 1 || s.rounds < 1 || s.clients < 1 {
		return s, errors.New("there must be at least 1000 events, 1 event a body, connection, round and client, and no further arguments")
	}
	return s, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 2 && args[0] == bareCommand {
		return serveBare(ctx, args[1])
	}
	s, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	root, err := process.Root()
	if err != nil {
		return err
	}
	if s.json == "" {
		s.json = filepath.Join(root, ".cache", "peers", "report.json")
	}
	r := new(report.Report)
	var failed error
	if s.read != "" {
		err = readReport(s.read, r)
	} else {
		failed = compare(ctx, s, root, r, out)
		err = writeFile(s.json, func(w io.Writer) error { return keepReport(w, r) })
	}
	if err != nil {
		return errors.Join(failed, err)
	}
	fmt.Fprintln(out)
	err = r.Text(out)
	if err == nil && failed == nil && s.update { // a page is of a whole run, or one that -read names
		err = writeFile(filepath.Join(root, "docs", "benchmarks.md"), r.Page)
	}
	return errors.Join(failed, err)
}

func readReport(name string, r *report.Report) error {
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	return nil
}

func keepReport(w io.Writer, r *report.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// writeFile writes a file in whole, or leaves the one that there is.
func writeFile(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("make a file: %w", err)
	}
	defer os.Remove(f.Name()) // it fails once the file has its name
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return fmt.Errorf("name a file: %w", err)
	}
	return nil
}
