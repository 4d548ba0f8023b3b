// A run: its workers, from the first body to the last answer.

package drive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"parquay/loadtest/scenario"
)

// Options is how a plan is driven.
type Options struct {
	Plan     *scenario.Plan
	Targets  []string    // URLs of gateways, each of which gets its turn
	TLS      *tls.Config // for targets of https
	Keys     []string    // by tenant; nil sends none
	Events   int64       // to send; 0 is no limit
	Duration time.Duration
	Timeout  time.Duration // for an answer
	Patience time.Duration // for the bodies under way when the run ends
	Watch    *Watch        // of the gateways; nil for none

	// Progress is called every second, and once at the end.
	Progress func(Sample)
}

// Result is what came of a run.
type Result struct {
	Begin    time.Time     `json:"begin"`
	Took     time.Duration `json:"took_ns"`
	Traffic  []Measured    `json:"traffic"`
	Samples  []Sample      `json:"samples"`
	Fates    []Fates       `json:"fates"` // by worker
	OwnCPU   time.Duration `json:"own_cpu_ns"`
	Gateways Usage         `json:"gateways"` // from the admin listeners
	Stopped  string        `json:"stopped,omitempty"`
}

// Measured is what was measured of a traffic.
type Measured struct {
	Name string `json:"name"`
	Counts
	Latency    Latency          `json:"latency"`
	Lag        Latency          `json:"lag"`
	Statuses   map[int]int64    `json:"statuses"`
	Durability map[string]int64 `json:"durability"`
	Examples   []string         `json:"wrong_answers,omitempty"`
}

// Sample is a second of a run.
type Sample struct {
	At      float64       `json:"at"`      // seconds since the begin, at the end of this one
	Seconds float64       `json:"seconds"` // that it took
	Events  int64         `json:"events"`  // acknowledged, of all traffic
	Total   int64         `json:"total"`   // so far
	Refused int64         `json:"refused"`
	Unsure  int64         `json:"unanswered"`
	Traffic []TrafficTime `json:"traffic"`
	OwnCPU  float64       `json:"own_cpu"` // seconds of CPU in it
	Usage   *Usage        `json:"usage,omitempty"`
}

// TrafficTime is a second of a traffic.
type TrafficTime struct {
	Events  int64   `json:"events"`
	Latency Latency `json:"latency"`
}

// run is a run under way.
type run struct {
	*Options
	begin   time.Time
	meters  []*meter
	workers []*worker
	result  Result
}

// Run sends the plan's events. The error says why a run can't be what it was to be;
// the result is whole as far as it went, so that it can be verified.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Watch == nil {
		o.Watch = NewWatch(nil)
	}
	r := &run{Options: &o}
	if err := r.prepare(); err != nil {
		return nil, err
	}
	soft, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if o.Duration > 0 {
		var stop context.CancelFunc
		soft, stop = context.WithTimeout(soft, o.Duration)
		defer stop()
	}
	hard, stop := patient(soft, o.Patience)
	defer stop()

	before := OwnCPU()
	sampled, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		r.sampleUntil(done)
	}()
	errs := make([]error, len(r.workers))
	var workers sync.WaitGroup
	for i, w := range r.workers {
		workers.Go(func() {
			if errs[i] = w.run(soft, hard); errs[i] != nil {
				cancel(errs[i]) // one that is refused for good is enough
			}
		})
	}
	workers.Wait()
	r.result.Took = time.Since(r.begin)
	r.result.OwnCPU = OwnCPU() - before
	close(done)
	<-sampled
	r.finish(context.Cause(ctx))
	return &r.result, first(errs)
}

// prepare makes the workers.
func (r *run) prepare() error {
	var targets []target
	for _, text := range r.Targets {
		t, err := parseTarget(text, r.Plan.Table, r.TLS)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	if len(targets) == 0 {
		return errors.New("there is no target")
	}
	left := new(budget)
	left.left.Store(math.MaxInt64)
	if r.Events > 0 {
		left.left.Store(r.Events)
	}
	r.begin = time.Now()
	r.result.Begin = r.begin
	for i := range r.Plan.Traffic {
		t := &r.Plan.Traffic[i]
		m := newMeter()
		r.meters = append(r.meters, m)
		s := &schedule{begin: r.begin, rate: t.Rate, curve: t.Curve, length: r.length(t.Rate)}
		bodies := r.Plan.Bodies(t)
		for range t.Connections {
			id := len(r.workers)
			r.workers = append(r.workers, &worker{
				id: id, traffic: t, maker: scenario.NewMaker(r.Plan), bodies: bodies, keys: r.Keys,
				targets: targets, conns: make([]*conn, len(targets)), turn: id, schedule: s, budget: left, meter: m, options: r.Options,
			})
		}
	}
	return nil
}

// length is how many seconds a run takes, as far as that is known.
func (r *run) length(rate float64) float64 {
	seconds := r.Duration.Seconds()
	if rate > 0 && r.Events > 0 {
		needed := float64(r.Events) / rate
		if seconds == 0 || needed < seconds {
			seconds = needed
		}
	}
	if seconds == 0 {
		return 1
	}
	return seconds
}

// patient returns a context that ends some time after ctx.
func patient(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-later.Done():
		}
	})
	return later, func() { stop(); cancel() }
}

// sampleUntil takes a sample every second, and one at the end.
func (r *run) sampleUntil(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, cpu, total := r.begin, OwnCPU(), int64(0)
	for ended := false; !ended; {
		select {
		case <-tick.C:
		case <-done:
			ended = true
		}
		usage := r.Watch.Look()
		now := time.Now()
		s := Sample{At: now.Sub(r.begin).Seconds(), Seconds: now.Sub(last).Seconds(), Usage: usage}
		for _, m := range r.meters {
			c, h := m.interval()
			s.Events += c.Events
			s.Refused += c.Refused
			s.Unsure += c.Unanswered
			s.Traffic = append(s.Traffic, TrafficTime{c.Events, latencyOf(h)})
		}
		total += s.Events
		s.Total = total
		spent := OwnCPU()
		s.OwnCPU = (spent - cpu).Seconds()
		last, cpu = now, spent
		r.result.Samples = append(r.result.Samples, s)
		if r.Progress != nil {
			r.Progress(s)
		}
	}
}

// finish gathers the result.
func (r *run) finish(stopped error) {
	if stopped != nil {
		r.result.Stopped = fmt.Sprint(stopped)
	}
	for i, m := range r.meters {
		m.mu.Lock()
		r.result.Traffic = append(r.result.Traffic, Measured{
			Name: r.Plan.Traffic[i].Name, Counts: m.mu.total, Latency: latencyOf(m.mu.latency), Lag: latencyOf(m.mu.lag),
			Statuses: m.mu.statuses, Durability: m.mu.durability, Examples: m.mu.wrong,
		})
		m.mu.Unlock()
	}
	for _, w := range r.workers {
		r.result.Fates = append(r.result.Fates, w.fates)
	}
	r.result.Gateways = r.Watch.Usage()
}

// Total is the counts of all traffic.
func (r *Result) Total() (c Counts) {
	for _, t := range r.Traffic {
		c.add(t.Counts)
	}
	return c
}

func first(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
