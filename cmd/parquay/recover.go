// parquay recover: put what a journal was left with into the bucket, without
// serving.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"parquay/buffer"
	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
)

func recoverCommand() command {
	return command{
		name:    "recover",
		args:    "[-bucket URL] [-n] [-within D] DIR",
		summary: "put a journal that was left behind into the bucket",
		details: `
Takes the PARQUAY_DIR of a gateway that is gone, whose disk was attached here,
and puts what its journal holds into the bucket, as the next start of that
gateway would: the same files under the same names, so that nothing is there
twice however often it is done, and wherever. It takes the settings of serve,
locks the journal, refuses one that a process uses, and takes no events.

With -n it changes nothing, and prints for every tenant what is pending: it can
be used while a gateway runs.

Exit codes: 0 the journal is empty (-n: it was read), 1 something is left, or
damaged and in quarantine; the last line says what.`,
		run: runRecover,
	}
}

func runRecover(ctx context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	bucketURL := set.String("bucket", "", "the bucket's `URL` (default PARQUAY_BUCKET, else bucket/ in DIR)")
	dry := set.Bool("n", false, "change nothing: print what is pending")
	within := set.Duration("within", 0, "give up after this `time`; 0 goes on until all is in the bucket")
	if err := cmd.parse(set, args, 1, 1); err != nil {
		return err
	}
	s, err := loadOrUsage(func(string) {}) // serve is the one to warn
	if err != nil {
		return err
	}
	s.Dir = set.Arg(0)
	if *bucketURL != "" {
		s.Bucket = *bucketURL
	}
	if _, err := s.bucketURL(); err != nil {
		return usageError{fmt.Errorf("recover: -bucket: %w", err)}
	}
	// A journal is not made here: a name that is mistyped would be an empty one.
	if info, err := (vfs.OS{}).Stat(s.journalDir()); err != nil || !info.IsDir() {
		return usageError{fmt.Errorf("recover: %s has no journal/: it is not the PARQUAY_DIR of a gateway", s.Dir)}
	}
	if *dry {
		return printPending(c.out, s.journalDir(), time.Now())
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if *within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *within)
		defer cancel()
	}
	return recoverJournal(ctx, s, failpointFS(vfs.OS{}), c)
}

// recoverJournal runs what serve does, without listeners, until nothing is left or
// ctx ends.
func recoverJournal(ctx context.Context, s Settings, fsys vfs.FS, c console) error {
	tables, err := loadTables(s.Schemas)
	if err != nil {
		return usageError{err}
	}
	before, err := aside(s.journalDir())
	if err != nil {
		return err
	}
	log := newLogger(s, c.err)
	p, err := openPipeline(ctx, s, tables, fsys, newRegistry(), log)
	if err != nil {
		return err
	}
	running, abort := context.WithCancel(ctx)
	defer abort()
	group, running := errgroup.WithContext(running)
	group.Go(func() error { return p.buffer.Run(running) })
	group.Go(func() error { return p.check.run(running) })
	err = p.buffer.Drain(running)
	abort()
	if failed := errors.Join(group.Wait(), p.Close()); failed != nil {
		return errors.Join(err, failed)
	}
	if err != nil {
		return err
	}
	if err := emptied(s.journalDir()); err != nil {
		return err
	}
	after, err := aside(s.journalDir())
	if err != nil {
		return err
	}
	if damaged := after - before; damaged > 0 {
		return fmt.Errorf("%d damaged segments are in %s: what could be read of them is in the bucket",
			damaged, filepath.Join(s.journalDir(), "quarantine"))
	}
	_, err = fmt.Fprintf(c.out, "%s: everything is in the bucket\n", s.journalDir())
	return err
}

// emptied is an error if a journal has windows after all was flushed. A process goes on
// when it can't delete one, for the next does; but here a 0 says that nothing is left.
func emptied(dir string) error {
	left, err := journal.Look(vfs.OS{}, dir)
	if err != nil {
		return err
	}
	if n := len(left.Windows()); n > 0 {
		return fmt.Errorf("%d windows (%d bytes) are done with and could not be taken out of %s: mend what the log says of that, and recover it again",
			n, left.Usage(), dir)
	}
	return nil
}

// aside counts the segments that are in quarantine and no longer in the journal: those
// of a damaged window are in both while it is flushed.
func aside(dir string) (n int, err error) {
	segments, err := filepath.Glob(filepath.Join(dir, "quarantine", "*"))
	for _, segment := range segments {
		if _, err := (vfs.OS{}).Stat(filepath.Join(dir, filepath.Base(segment))); errors.Is(err, fs.ErrNotExist) {
			n++
		}
	}
	return n, err
}

// tenantPending is what a journal has of a tenant.
type tenantPending struct {
	rows        int64
	first, last int64 // hours
	opened      time.Time
}

// printPending prints what a journal holds, by tenant.
func printPending(w io.Writer, dir string, now time.Time) error {
	windows, err := buffer.Survey(vfs.OS{}, dir)
	if err != nil {
		return err
	}
	tenants := map[string]*tenantPending{}
	var rows int64
	var problems []error
	for _, s := range windows {
		j := journaled(s, "")
		if j.Problem != "" {
			problems = append(problems, fmt.Errorf("window %s: %s", s.ID, j.Problem))
		}
		rows += s.Rows
		for id, n := range s.Files {
			t := tenants[id.Tenant]
			if t == nil {
				t = &tenantPending{first: id.Hour, last: id.Hour, opened: s.Header.Opened}
				tenants[id.Tenant] = t
			}
			t.rows += n
			t.first, t.last = min(t.first, id.Hour), max(t.last, id.Hour)
			if s.Header.Opened.Before(t.opened) {
				t.opened = s.Header.Opened
			}
		}
	}
	const layout = "2006-01-02T15"
	hour := func(h int64) string { return time.Unix(h*3600, 0).UTC().Format(layout) }
	for _, name := range slices.Sorted(maps.Keys(tenants)) {
		t := tenants[name]
		if _, err := fmt.Fprintf(w, "%s: rows %d, hours %s to %s, since %s (%v)\n",
			name, t.rows, hour(t.first), hour(t.last), t.opened.Format(time.RFC3339), now.Sub(t.opened).Round(time.Second)); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(w, "%s: windows %d, tenants %d, rows %d\n", dir, len(windows), len(tenants), rows); err != nil {
		return err
	}
	return errors.Join(problems...)
}
