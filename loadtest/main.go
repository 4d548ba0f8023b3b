// Loadtest loads gateways with events and proves, from the bucket, that each one they
// acknowledged is there exactly once, whole, under its tenant and its hour.
//
//	parquay-loadtest [FLAGS]                send events, measure, verify, report
//	parquay-loadtest verify -report FILE    verify a run again
//	parquay-loadtest cost -report FILE      what a measured deployment costs a month, beside others
//	parquay-loadtest tenants N              make a file of tenants, and one of their keys
//	parquay-loadtest generate -n N          print the events of a plan as NDJSON
//
// It is a black box test: HTTP in, the bucket out. From a clone, with a gateway that
// `make run` has started,
//
//	go run ./loadtest -n 1000000
//
// sends a million message events in bodies of 500, and reads them back. docs/loadtest.md
// explains the scenarios, the report and how to size a deployment; -h lists the flags.
//
// Exit codes: 0 the run went as planned and the bucket is right, 1 it did not or is not,
// 2 the flags can't work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the process
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitDone = iota
	exitFailed
	exitUsage
)

// usageError is what whoever started the command can mend.
type usageError struct{ error }

// commands are the sub-commands by name; the one without a name is the load.
var commands = map[string]func(ctx context.Context, args []string, out, progress io.Writer) error{
	"": load, "verify": verify, "cost": costs, "tenants": makeTenants, "generate": generate,
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args []string, out, progress io.Writer) int {
	name := ""
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	}
	err := error(usageError{fmt.Errorf("unknown command %q", name)})
	if command := commands[name]; command != nil {
		err = command(ctx, args, out, progress)
	}
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitDone
	}
	fmt.Fprintf(progress, "loadtest: %v\n", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// flags returns a set whose help has this introduction.
func flags(name, args, introduction string, out io.Writer) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard) // errors are returned, and help goes to out
	set.Usage = func() {
		set.SetOutput(out)
		fmt.Fprintf(out, "Usage: parquay-loadtest %s\n\n%s\n\nFlags:\n", args, introduction)
		set.PrintDefaults()
	}
	return set
}

// parse reads the flags, and wants so many arguments after them.
func parse(set *flag.FlagSet, args []string, wanted int) error {
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if set.NArg() != wanted {
		return usageError{fmt.Errorf("%d arguments, and there must be %d", set.NArg(), wanted)}
	}
	return nil
}
