package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"parquay/loadtest/e2e/check"
	"parquay/loadtest/e2e/process"
)

// subject is a gateway to be measured.
type subject struct {
	binary, dir, ack, env string
	profiles              string // a folder; "" takes none
}

// figures is what a run has cost.
type figures struct {
	sending
	events   int
	total    time.Duration // until the last row was in a file
	cpu      time.Duration // of the gateway, from start to end
	client   time.Duration // CPU of this process meanwhile
	resident int64         // the gateway's peak, bytes
	files    int
	bytes    int64 // of the files
}

// stopWithin is how long the last files may take.
const stopWithin = 10 * time.Minute

// measure runs a gateway for some requests, until all their events are in files.
func (s subject) measure(ctx context.Context, requests [][]byte, events, connections int) (f figures, err error) {
	work, err := os.MkdirTemp(s.dir, "run-")
	if err != nil {
		return f, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(work)
	env := []string{"PARQUAY_ACK=" + s.ack, "PARQUAY_SHUTDOWN=10m"}
	if s.env != "" {
		env = append(env, strings.Split(s.env, ",")...)
	}
	g, err := process.Start(ctx, process.Options{Binary: s.binary, Work: work, Env: env})
	if err != nil {
		return f, err
	}
	defer g.Kill()
	profiled := s.profile(ctx, g, fmt.Sprintf("%s-%d", s.ack, len(requests)))
	resident := watchMemory(g)
	before := ownCPU()
	begin := time.Now()
	if f.sending, err = send(ctx, strings.TrimPrefix(g.Events, "http://"), requests, connections); err != nil {
		return f, fmt.Errorf("%w\nthe gateway's last lines:\n%s", err, strings.Join(g.Tail(), "\n"))
	}
	if err := <-profiled; err != nil {
		return f, err
	}
	code, err := g.Stop(stopWithin)
	f.total = time.Since(begin)
	if err != nil || code != 0 {
		return f, fmt.Errorf("stop the gateway: exit code %d, %w; its last lines:\n%s", code, err, strings.Join(g.Tail(), "\n"))
	}
	f.client = ownCPU() - before
	f.events, f.cpu, f.resident = events, g.CPU(), <-resident
	return f, f.count(filepath.Join(work, "parquay-data", "bucket"))
}

// count adds up the files, which must hold every event.
func (f *figures) count(bucket string) error {
	names, err := check.Files(bucket)
	if err != nil {
		return err
	}
	rows := int64(0)
	for _, name := range names {
		path := filepath.Join(bucket, name)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		n, err := check.Count(path)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		rows += n
		f.files++
		f.bytes += info.Size()
	}
	if rows != int64(f.events) {
		return fmt.Errorf("%d events were sent and %d rows are in files", f.events, rows)
	}
	return nil
}

// profile takes two seconds of a CPU profile, if profiles are wanted.
func (s subject) profile(ctx context.Context, g *process.Gateway, name string) <-chan error {
	done := make(chan error, 1)
	if s.profiles == "" {
		done <- nil
		return done
	}
	go func() {
		status, profile, err := g.Get(ctx, g.Admin+"/debug/pprof/profile?seconds=2")
		switch {
		case err != nil:
			err = fmt.Errorf("take a profile: %w", err)
		case status != http.StatusOK:
			err = fmt.Errorf("take a profile: %d %s", status, profile)
		default:
			err = os.WriteFile(filepath.Join(s.profiles, name+".pprof"), []byte(profile), 0o644)
		}
		done <- err
	}()
	return done
}

// watchMemory follows a process's peak of resident memory until it ends.
func watchMemory(g *process.Gateway) <-chan int64 {
	peak := make(chan int64, 1)
	go func() {
		most := int64(0)
		for {
			most = max(most, g.Peak())
			select {
			case <-g.Exited():
				peak <- most
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return peak
}

// ownCPU is what this process has used so far.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (f *figures) perMillion(d time.Duration) float64 {
	return d.Seconds() / float64(f.events) * 1e6
}

func (f *figures) size() float64 { return float64(f.bytes) / float64(f.events) }

func (f *figures) printBodies(out io.Writer, title string, yardstick *duckFigures) {
	fmt.Fprintf(out, "%-34s %8.2f CPU s/M  %6.1f bytes/event  %8.0f events/s in files (%.0f/s acknowledged)  peak %d MiB  %d files  client %.2f CPU s/M  %d retries\n",
		title, f.perMillion(f.cpu), f.size(), float64(f.events)/f.total.Seconds(), float64(f.events)/f.took.Seconds(),
		f.resident>>20, f.files, f.perMillion(f.client), f.retries)
	if yardstick != nil {
		fmt.Fprintf(out, "%-34s %8.2f x        %6.2f x\n", "  … against DuckDB", f.perMillion(f.cpu)/yardstick.cpu(), f.size()/yardstick.size())
	}
}

func (f *figures) printSingles(out io.Writer, title string) {
	slices.Sort(f.latencies)
	at := func(share float64) time.Duration {
		return f.latencies[int(share*float64(len(f.latencies)-1))].Round(time.Microsecond)
	}
	fmt.Fprintf(out, "%-34s %8.0f requests/s  p50 %v  p99 %v  %.1f µs CPU/request  peak %d MiB  client %.1f µs CPU/request  %d retries\n",
		title, float64(f.events)/f.took.Seconds(), at(0.5), at(0.99), f.perMillion(f.cpu), f.resident>>20, f.perMillion(f.client), f.retries)
}
