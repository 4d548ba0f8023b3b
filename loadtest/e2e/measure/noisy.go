package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"parquay/loadtest/e2e/process"
	"parquay/loadtest/e2e/wire"
)

// What the two tenants do. The noisy one's limit is some bodies a second, so that at
// ten times that it is mostly refused.
const (
	quietRate   = 200 // single events a second
	noisyLimit  = 20  // bodies a second
	noisyBatch  = 100 // events of a body
	noisyPeers  = 4   // connections of each tenant
	noisyPhase  = 3 * time.Second
	noisyRounds = 8
)

// phases are what the noisy tenant does while the quiet one's answers are timed.
var phases = []struct {
	name  string
	times int // its limit
}{{"alone", 0}, {"beside one at its limit", 1}, {"beside one at 10 x its limit", 10}}

// measureNoisy times the answers to a quiet tenant alone, beside a tenant that keeps
// to its limit, and beside one that sends ten times that, in turns, so that whatever
// else the machine does falls on all three alike.
func measureNoisy(ctx context.Context, o options, dir string, events *events, out io.Writer) error {
	quiet, noisy := newCredential("quiet"), newCredential("noisy")
	file := filepath.Join(dir, "tenants.json")
	text := fmt.Sprintf(`{"tenants":[%s},%s,"limits":{"events_per_second":%d,"burst":"1s"}}]}`, quiet.entry, noisy.entry, noisyLimit*noisyBatch)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the tenants: %w", err)
	}
	work := filepath.Join(dir, "noisy")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	env := []string{"PARQUAY_TENANTS=" + file}
	if o.env != "" {
		env = append(env, strings.Split(o.env, ",")...)
	}
	g, err := process.Start(ctx, process.Options{Binary: o.binary, Work: work, Env: env})
	if err != nil {
		return err
	}
	defer g.Kill()
	address := strings.TrimPrefix(g.Events, "http://")

	single, body := events.bodies(1, 1)[0], events.bodies(noisyBatch, noisyBatch)[0]
	latencies := make([][]time.Duration, len(phases))
	worst := make([][]time.Duration, len(phases)) // the p99 of each round
	refused := make([]int, len(phases))
	for range noisyRounds {
		for i, phase := range phases {
			var beside pacing
			var failed error
			var other sync.WaitGroup
			if phase.times > 0 {
				other.Go(func() {
					beside, failed = pace(ctx, address, noisy.authorize(body), phase.times*noisyLimit, map[int]bool{202: true, 429: true})
				})
			}
			own, err := pace(ctx, address, quiet.authorize(single), quietRate, map[int]bool{202: true})
			other.Wait()
			if err := errors.Join(err, failed); err != nil {
				return err
			}
			latencies[i] = append(latencies[i], own.latencies...)
			slices.Sort(own.latencies)
			worst[i] = append(worst[i], quantile(own.latencies, 0.99))
			refused[i] += beside.statuses[429]
		}
	}
	fmt.Fprintf(out, "a quiet tenant, %d single events a second, %d rounds of %v each\n", quietRate, noisyRounds, noisyPhase)
	for i, phase := range phases {
		slices.Sort(latencies[i])
		p50, p99 := quantile(latencies[i], 0.5), quantile(latencies[i], 0.99)
		fmt.Fprintf(out, "%-30s p50 %v  p99 %v  (%.2f x, %.2f x alone)  p99 of the rounds %v to %v  %d requests of the noisy one refused\n",
			phase.name, p50.Round(time.Microsecond), p99.Round(time.Microsecond),
			ratio(p50, quantile(latencies[0], 0.5)), ratio(p99, quantile(latencies[0], 0.99)),
			slices.Min(worst[i]).Round(time.Microsecond), slices.Max(worst[i]).Round(time.Microsecond), refused[i])
	}
	_, err = g.Stop(stopWithin)
	return err
}

func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[int(share*float64(len(sorted)-1))]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// credential is a tenant's key, and its entry in the file, without the last brace.
type credential struct{ key, entry string }

func newCredential(name string) credential {
	id, secret := strings.ToLower(rand.Text()[:12]), rand.Text()+rand.Text()
	return credential{
		key:   "pqy_" + id + "_" + secret,
		entry: fmt.Sprintf(`{"name":%q,"keys":[{"id":%q,"sha256":"%x"}]`, name, id, sha256.Sum256([]byte(secret))),
	}
}

// authorize adds the key to a request.
func (c credential) authorize(request []byte) []byte {
	line, rest, _ := strings.Cut(string(request), "\r\n")
	return []byte(line + "\r\nX-API-Key: " + c.key + "\r\n" + rest)
}

// pacing is what came of a phase's requests.
type pacing struct {
	latencies []time.Duration
	statuses  map[int]int
}

// pace sends a request so many times a second for a phase, over some connections. Its
// latencies count from when a request was due, so that one that waits for a slow
// answer before it counts with the wait.
func pace(ctx context.Context, address string, request []byte, perSecond int, want map[int]bool) (pacing, error) {
	sum := pacing{statuses: map[int]int{}}
	errs := make([]error, noisyPeers)
	var mu sync.Mutex
	var clients sync.WaitGroup
	begin := time.Now()
	every := time.Second * noisyPeers / time.Duration(perSecond)
	for i := range noisyPeers {
		clients.Go(func() {
			c, err := wire.Dial(ctx, address)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.Close()
			for due := begin.Add(every * time.Duration(i) / noisyPeers); due.Sub(begin) < noisyPhase && ctx.Err() == nil; due = due.Add(every) {
				time.Sleep(time.Until(due))
				if _, err := c.Write(request); err != nil {
					errs[i] = fmt.Errorf("send: %w", err)
					return
				}
				status, text, err := c.Answer()
				took := time.Since(due)
				if err == nil && !want[status] {
					err = fmt.Errorf("the answer is %d: %s", status, text)
				}
				if err != nil {
					errs[i] = err
					return
				}
				mu.Lock()
				sum.latencies = append(sum.latencies, took)
				sum.statuses[status]++
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	return sum, errors.Join(append(errs, context.Cause(ctx))...)
}
