// Requests with one event each, beside a handler that does nothing with them and
// beside the disk's own speed.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"parquay/loadtest/peers/report"
	"parquay/loadtest/peers/rows"
	"parquay/loadtest/peers/tree"
)

// server takes events over HTTP.
type server interface {
	Start(ctx context.Context, w workplace) error
	Stop(ctx context.Context) (tree.Usage, error)
	Kill()
	endpoint() endpoint
}

// handlers lists the servers that are compared, and enters them in the report.
func (c *comparison) handlers() map[*report.Handler]server {
	found := map[*report.Handler]server{}
	c.report.Single = report.Single{Connections: c.clients, Duration: c.single}
	if c.single == 0 {
		return found
	}
	add := func(key, name string, s server) {
		if c.wanted(key) {
			about := &report.Handler{Key: key, Name: name}
			c.report.Single.Handlers = append(c.report.Single.Handlers, about)
			found[about] = s
		}
	}
	add(report.Bare, "a bare chi handler", new(bare))
	for _, ack := range []string{report.Memory, report.Disk} {
		p := &parquay{binary: c.binary, ack: ack}
		add(ack, p.Facts().Name, p)
	}
	if c.wanted(report.Disk) {
		for _, way := range syncWays {
			c.report.Single.Syncs = append(c.report.Single.Syncs, &report.SyncSeries{Key: way.key, Name: way.name})
		}
	}
	return found
}

// answer is one round of them all.
func (c *comparison) answer(ctx context.Context, round int, handlers map[*report.Handler]server, e *events) {
	n := len(c.report.Single.Handlers)
	for i := range n {
		about := c.report.Single.Handlers[(i+round-1)%n]
		if ctx.Err() != nil {
			return
		}
		a := report.Answer{Round: round}
		if err := c.post(ctx, handlers[about], e, about.Key != report.Bare, &a); err != nil {
			a.Failed = c.clean(err)
		}
		about.Rounds = append(about.Rounds, a)
		fmt.Fprintf(c.out, "  %-24s %d single events in %.1f s, p50 %v, p99 %v%s\n",
			about.Name, a.Requests, a.Took.Seconds(), a.P50.Round(time.Microsecond), a.P99.Round(time.Microsecond), failure(a.Failed))
	}
	for i, series := range c.report.Single.Syncs {
		s := report.Syncs{Round: round}
		if err := c.sync(syncWays[i].ahead, &s); err != nil {
			s.Failed = c.clean(err)
		}
		series.Rounds = append(series.Rounds, s)
		fmt.Fprintf(c.out, "  %-24s %d in %.1f s, p50 %v, p99 %v%s\n", series.Name, s.Count, s.Took.Seconds(), s.P50, s.P99, failure(s.Failed))
	}
}

// post sends single events to a server for a while, and looks for them in its files if
// it keeps any.
func (c *comparison) post(ctx context.Context, s server, e *events, keeps bool, a *report.Answer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errTimeout)
	defer cancel()
	w, err := c.workplace()
	if err != nil {
		return err
	}
	defer os.RemoveAll(w.dir)
	defer s.Kill()
	if err := s.Start(ctx, w); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	before := ownCPU()
	sent, err := s.endpoint().send(ctx, e, c.clients, c.single)
	a.Client = ownCPU() - before
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	usage, err := s.Stop(ctx)
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	a.Requests, a.Took, a.Retries, a.CPU, a.Peak = sent.requests, sent.took, sent.retries, usage.CPU, usage.Peak
	a.P50, a.P99 = quantiles(sent.latencies)
	if a.Requests == 0 {
		return errors.New("no request was answered")
	}
	if !keeps {
		return nil
	}
	tally, err := rows.Count(w.out, &plan, e.first(a.Requests).sent())
	if err != nil {
		return fmt.Errorf("count the rows: %w", err)
	}
	a.Wrong = tally.Lost + tally.Doubled + tally.Foreign
	return nil
}

// quantiles sorts some durations.
func quantiles(d []time.Duration) (p50, p99 time.Duration) {
	if len(d) == 0 {
		return 0, 0
	}
	slices.Sort(d)
	return d[(len(d)-1)/2], d[(len(d)-1)*99/100]
}

// syncWays are the two ways in which a log can grow. In the first, each sync has to
// write the file's new length, too; in the second, which is Parquay's, the file has
// been written ahead with zeros.
var syncWays = []struct {
	key, name string
	ahead     int
}{
	{report.Append, "fdatasync of an append", 0},
	{report.Ahead, "… over zeros", 1 << 20},
}

// syncBytes is what a sync carries.
const syncBytes = 512

// sync writes and syncs for a while, one after the other.
func (c *comparison) sync(ahead int, s *report.Syncs) error {
	settleDisk()
	f, err := os.Create(filepath.Join(c.work, "syncs"))
	if err != nil {
		return fmt.Errorf("make a file: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var took []time.Duration
	block, zeros := make([]byte, syncBytes), make([]byte, ahead)
	for i := range block {
		block[i] = byte(i)
	}
	at, end := int64(0), int64(0)
	for begin := time.Now(); time.Since(begin) < report.SyncFor; {
		if ahead > 0 && at == end {
			if _, err := f.WriteAt(zeros, end); err != nil {
				return fmt.Errorf("write: %w", err)
			}
			if err := f.Sync(); err != nil {
				return fmt.Errorf("sync: %w", err)
			}
			end += int64(ahead)
		}
		began := time.Now()
		if _, err := f.WriteAt(block, at); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := syncData(f); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
		took = append(took, time.Since(began))
		at += syncBytes
	}
	s.Count = len(took)
	for _, d := range took {
		s.Took += d
	}
	s.P50, s.P99 = quantiles(took)
	return nil
}
