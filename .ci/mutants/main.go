// Mutants shows that the tests bite: it breaks one rule of the code at a time, runs
// the tests that guard the rule, and expects them to fail.
//
//	go run ./.ci/mutants [-run REGEXP] [-jobs N] [-list]
//
// A mutation replaces a piece of a file by another one, in an overlay that only the
// compiler sees: the file itself is never touched, and product code knows nothing of
// all this. The exit status is 0 if every mutant was killed, and 1 if one lived, if
// a mutation does not apply to the code any more, or if a test that should kill one
// fails without it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("mutants", flag.ContinueOnError)
	only := set.String("run", "", "only the mutations whose name or rule matches this `regexp`")
	jobs := set.Int("jobs", runtime.GOMAXPROCS(0), "mutants that are built and run at a time")
	list := set.Bool("list", false, "list the mutations and stop")
	if err := set.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	root, err := findRoot()
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(mutations(), func(m mutation) bool {
		return !wanted.MatchString(m.name) && !wanted.MatchString(m.rule)
	})
	if *list {
		return printList(out, chosen)
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	lab := &lab{root: root, dir: dir}
	if err := lab.baseline(ctx, chosen, *jobs); err != nil {
		return err
	}
	return lab.report(ctx, out, chosen, *jobs)
}

// report tries all mutants and prints what became of each, in the order of the list.
func (l *lab) report(ctx context.Context, out io.Writer, chosen []mutation, jobs int) error {
	began := time.Now()
	verdicts := make([]verdict, len(chosen))
	done := make([]chan struct{}, len(chosen))
	turns := make(chan struct{}, max(1, jobs))
	var wait sync.WaitGroup
	for i := range chosen {
		done[i] = make(chan struct{})
	}
	wait.Go(func() {
		for i := range chosen {
			turns <- struct{}{}
			wait.Go(func() {
				defer func() { <-turns; close(done[i]) }()
				verdicts[i] = l.try(ctx, i, &chosen[i])
			})
		}
	})
	defer wait.Wait()
	bad := 0
	for i := range chosen {
		<-done[i]
		v, what := &verdicts[i], ""
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case v.err != nil:
			what = fmt.Sprintf("BROKEN   %v", v.err)
		case v.red == "":
			what = "ALIVE    " + chosen[i].in + " -run '" + chosen[i].run + "' passes"
		default:
			what = "killed   " + v.red
		}
		if v.err != nil || v.red == "" {
			bad++
		}
		fmt.Fprintf(out, "%-24s %-72s %s\n", chosen[i].rule, chosen[i].name, what)
	}
	fmt.Fprintf(out, "%d mutants, %d killed, in %v\n", len(chosen), len(chosen)-bad, time.Since(began).Round(time.Second))
	if bad > 0 {
		return fmt.Errorf("%d of %d mutations were not noticed, or do not apply", bad, len(chosen))
	}
	return nil
}

func printList(out io.Writer, chosen []mutation) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, m := range chosen {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.rule, m.name, m.in, m.run)
	}
	return w.Flush()
}
