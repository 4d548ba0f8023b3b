// The rounds: who is measured when, and what is kept of it.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"parquay/loadtest/peers/report"
	"parquay/loadtest/peers/rows"
)

// comparison is one that is being made.
type comparison struct {
	settings
	root   string
	work   string // a temporary folder
	out    io.Writer
	report *report.Report
}

// compare fills a report, which holds what there is also when it returns an error.
func compare(ctx context.Context, s settings, root string, r *report.Report, out io.Writer) error {
	var err error
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return fmt.Errorf("find the folder to work in: %w", err)
	}
	if s.binary == "" {
		s.binary = filepath.Join(root, "bin", "parquay")
	}
	work, err := os.MkdirTemp(s.dir, "parquay-peers-")
	if err != nil {
		return fmt.Errorf("make a folder to work in: %w", err)
	}
	defer os.RemoveAll(work)
	c := &comparison{s, root, work, out, r}
	*r = report.Report{
		Began: time.Now(), Machine: describeMachine(work),
		Events: s.events, Batch: s.batch, Connections: s.connections, Rounds: s.rounds,
	}
	defer func() { r.Took = time.Since(r.Began) }()

	subjects := c.install(ctx)
	all := generate(s.events, s.batch, r.Began)
	r.JSON = all.bytes()
	if err := all.write(filepath.Join(work, "events")); err != nil {
		return err
	}
	handlers := c.handlers()
	c.begin(ctx, subjects, all)
	for round := 1; round <= s.rounds && ctx.Err() == nil; round++ {
		fmt.Fprintf(out, "round %d of %d\n", round, s.rounds)
		c.convert(ctx, round, subjects, all)
		c.answer(ctx, round, handlers, all.single())
		if err := writeFile(s.json, func(w io.Writer) error { return keepReport(w, r) }); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// wanted is whether a subject was asked for.
func (s settings) wanted(key string) bool {
	return s.only == "" || slices.Contains(strings.Split(s.only, ","), key)
}

// install lists the subjects that can be had, and reports the others.
func (c *comparison) install(ctx context.Context) map[*report.Subject]Subject {
	t := tools{c.root, filepath.Join(c.root, ".cache", "peers")}
	found := map[*report.Subject]Subject{}
	for _, s := range []Subject{
		&parquay{binary: c.binary, ack: report.Disk},
		&parquay{binary: c.binary, ack: report.Memory},
		&bento{tools: t},
		&duckDB{tools: t, threads: 1},
		&duckDB{tools: t, threads: 2},
		&flink{tools: t},
	} {
		about := &report.Subject{Facts: s.Facts()}
		if !c.wanted(about.Key) {
			continue
		}
		c.report.Subjects = append(c.report.Subjects, about)
		version, err := s.Install(ctx)
		if err != nil {
			about.Missing = c.clean(err)
			fmt.Fprintf(c.out, "%s is left out: %s\n", about.Name, about.Missing)
			continue
		}
		about.Version = version
		fmt.Fprintf(c.out, "%s: %s\n", about.Name, version)
		found[about] = s
	}
	return found
}

// begin runs each subject with a few events. One that can't do even that is left out.
func (c *comparison) begin(ctx context.Context, subjects map[*report.Subject]Subject, all *events) {
	start := all.first(min(report.Few, all.count()))
	err := start.write(filepath.Join(c.work, "few"))
	for _, about := range c.report.Subjects {
		s, ok := subjects[about]
		if !ok || ctx.Err() != nil {
			continue
		}
		m := report.Measure{Failed: fmt.Sprint(err)}
		if err == nil {
			m = c.measure(ctx, s, start, 0)
		}
		about.Start = &m
		if m.Failed != "" {
			delete(subjects, about)
		}
		fmt.Fprintf(c.out, "  %-24s starts and stops with %.2f CPU seconds%s\n", about.Name, m.CPU.Seconds(), failure(m.Failed))
	}
}

// convert is one round of all subjects, each time in another order: whoever comes after
// a hungry one is not always the same.
func (c *comparison) convert(ctx context.Context, round int, subjects map[*report.Subject]Subject, all *events) {
	n := len(c.report.Subjects)
	for i := range n {
		about := c.report.Subjects[(i+round-1)%n]
		s, ok := subjects[about]
		if !ok || ctx.Err() != nil {
			continue
		}
		m := c.measure(ctx, s, all, round)
		about.Rounds = append(about.Rounds, m)
		fmt.Fprintf(c.out, "  %-24s %6.1f s, %7.2f CPU seconds, %5d MiB%s\n", about.Name, m.Took.Seconds(), m.CPU.Seconds(), m.Peak>>20, failure(m.Failed))
	}
}

func failure(why string) string {
	if why == "" {
		return ""
	}
	return ", FAILED: " + why
}

var errTimeout = errors.New("it took longer than -timeout")

// measure runs a subject once.
func (c *comparison) measure(ctx context.Context, s Subject, e *events, round int) report.Measure {
	m := report.Measure{Round: round, Events: e.count()}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimeout)
	defer cancel()
	if err := c.try(ctx, s, e, &m); err != nil {
		m.Failed = c.clean(err)
	}
	return m
}

func (c *comparison) try(ctx context.Context, s Subject, e *events, m *report.Measure) error {
	w, err := c.workplace()
	if err != nil {
		return err
	}
	defer os.RemoveAll(w.dir)
	defer s.Kill()
	before := ownCPU()
	if err := s.Start(ctx, w); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	begin := time.Now()
	sent, err := s.Feed(ctx, e, c.connections)
	if err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	usage, err := s.Stop(ctx)
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	m.Took, m.CPU, m.Peak, m.Retries = time.Since(begin), usage.CPU, usage.Peak, sent.retries
	m.Client = ownCPU() - before
	if m.Tally, err = rows.Count(w.out, &plan, e.sent()); err != nil {
		return fmt.Errorf("count the rows: %w", err)
	}
	if m.Rows == 0 {
		return errors.New("there are no rows in its files")
	}
	return nil
}

// workplace makes one for a round, on a disk that has nothing left to write.
func (c *comparison) workplace() (w workplace, err error) {
	if w.address, err = freeAddress(); err != nil {
		return w, err
	}
	if w.dir, err = os.MkdirTemp(c.work, "round-"); err != nil {
		return w, fmt.Errorf("make a folder for a round: %w", err)
	}
	w.out = filepath.Join(w.dir, "out")
	if err = os.Mkdir(w.out, 0o755); err != nil {
		return w, fmt.Errorf("make a folder for files: %w", err)
	}
	settleDisk()
	runtime.GC() // of this process, which would else do it while somebody is measured
	return w, nil
}

// longestReason is enough for a message's beginning and end, in a table.
const longestReason = 600

// clean makes an error fit for a page: one line, not too long, without the paths of
// this machine.
func (c *comparison) clean(err error) string {
	text := strings.NewReplacer(c.work, "TMP", c.root, ".").Replace(err.Error())
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longestReason {
		text = strings.ToValidUTF8(text[:longestReason/2]+" … "+text[len(text)-longestReason/2:], "")
	}
	return text
}

// ownCPU is what this process has used so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
