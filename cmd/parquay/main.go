// Parquay takes JSON events over HTTP, answers when they are durable, and writes
// them as hour-partitioned Parquet files into S3 or a directory.
//
//	parquay [serve]                       run the gateway
//	parquay key new TENANT [-expires W]   make a key for a tenant, and its line for the file of tenants
//	parquay key check FILE                check a file of tenants
//	parquay ddl [-table T] [-location U]  print the Athena table for a schema
//	parquay schema check OLD NEW          say whether a schema change breaks readers or writers
//	parquay cat FILE…                     print Parquet files, or journal segments, as NDJSON
//	parquay verify                        check every file in the bucket, and that none is missing
//	parquay recover DIR                   put a journal that was left behind into the bucket
//	parquay bucket check                  try whether the bucket is fit for events
//	parquay version                       print the version
//	parquay help [COMMAND]                explain a command
//
// # Running it
//
// serve needs no configuration: it listens on 127.0.0.1:8080 and keeps everything
// in ./parquay-data. Settings are environment variables that begin with PARQUAY_;
// the type [Settings] documents each, and `parquay help serve` lists them. All of
// them are checked before anything opens, and every problem is reported at once.
// S3's region and credentials come from the standard AWS chain.
//
// PARQUAY_DIR belongs to one process: journal/ in it holds what was acknowledged
// and is not yet in the bucket, so it must be on a disk that outlives the process,
// and it must come back after a restart. spool/ holds files on their way to the
// bucket and may be lost.
//
// # Who may post
//
// Without further settings nobody is asked, and so nobody else is heard: both
// listeners refuse any address but a loopback one. PARQUAY_TENANTS names a file of
// tenants, their keys and their limits; PARQUAY_TLS_CERT and PARQUAY_TLS_KEY make
// the event listener speak TLS, and with PARQUAY_TLS_CLIENT_CA ask clients for
// certificates. These files are read again when they change and on SIGHUP. Each
// takes effect as a whole: with one that can't be used the last good one stays, the
// log says why, and parquay_tenants_reload_failed or parquay_tls_reload_failed is 1.
// Connections, and requests under way, go on with what they began with.
//
// # Stopping it
//
// SIGTERM and SIGINT: /readyz turns 503, the listeners stop accepting, requests
// under way are answered, the window ends and its files are put. What is not in
// the bucket after PARQUAY_SHUTDOWN stays in the journal, is logged, and is
// flushed by the next process; so it is after kill -9. A second signal stops the
// waiting.
//
// # Watching it
//
// The admin listener has /healthz (the process lives), /readyz (it takes events,
// or says why not), /metrics and /debug/pprof/. The event listener has the first
// two as well. The log is JSON on standard error, text on a terminal.
//
// # Exit codes
//
//	0  done; for serve, a stop in good order, even with windows left in the journal
//	1  it failed; schema check found a breaking change; verify found a disagreement;
//	   key check found a file that can't be used; recover left something behind;
//	   the bucket is unfit, or a sync of the directory that is the bucket failed
//	2  an unknown command or flag, or settings that can't work
//	3  serve: the journal failed. Nothing was acknowledged after that; what was
//	   acknowledged before is in the bucket or in the journal. Look at the disk,
//	   then start it again.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], console{os.Stdout, os.Stderr}))
}

// console is where a command prints: results to out, everything else to err.
type console struct {
	out, err io.Writer
}

// The exit codes, as the package comment documents them.
const (
	exitDone = iota
	exitFailed
	exitUsage
	exitJournal
)

// usageError is what the person who started the command can mend.
type usageError struct{ error }

// errJournal is returned by serve when the journal failed and it stopped for that.
var errJournal = errors.New("the journal failed")

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, c console) int {
	cmd, args, err := find(args)
	if err == nil {
		err = cmd.run(ctx, cmd, args, c)
	}
	if err == nil || errors.Is(err, errHelped) {
		return exitDone
	}
	fmt.Fprintf(c.err, "parquay: %v\n", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if errors.Is(err, errJournal) {
		return exitJournal
	}
	return exitFailed
}
