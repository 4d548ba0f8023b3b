// What Parquay must reach beside the others.

package report

import (
	"fmt"
	"math"
)

// Bar is one of the ratios that Parquay is held to.
type Bar struct {
	What   string
	Limit  string // as the page says it
	Ratio  Spread // of the rounds in which both sides came to an end
	Status string
}

// The answers that a bar may have.
const (
	unmeasured = "not measured"
	missed     = "missed"
	reached    = "reached"
	aimed      = "aim reached"
)

// Bars judges the report by the medians of the rounds' ratios. Both sides of a ratio
// are of the same round, since a machine's speed may change between two.
func (r *Report) Bars() []Bar {
	disk, duckdb := r.subject(Disk), r.subject(DuckDB)
	plain := r.syncs(Append)
	allowed := func(s Syncs) float64 { return s.rate() * float64(r.Single.Connections) }
	return []Bar{
		Bar{
			What: "CPU of an event, `ack=disk`, HTTP to file, of DuckDB's offline conversion on one thread", Limit: "≤ 1.0, aim 0.7",
			Ratio: ratio(disk.good(), duckdb.good(), disk.cost, duckdb.cost),
		}.atMost(1.0, 0.7),
		Bar{
			What: "events a second until in files, `ack=disk`, of Bento's", Limit: "≥ 8, aim 12",
			Ratio: ratio(disk.good(), r.subject(Bento).good(), disk.throughput, r.subject(Bento).throughput),
		}.atLeast(8, 12),
		Bar{
			What: "bytes of an event, `ack=disk`, of DuckDB's file of the same rows", Limit: "≤ 1.0",
			Ratio: ratio(disk.good(), duckdb.good(), disk.size, duckdb.size),
		}.atMost(1.0, 0),
		Bar{
			What: "single events a second, `ack=memory`, of a bare chi handler's", Limit: "≥ 0.7",
			Ratio: ratio(r.handler(Memory).good(), r.handler(Bare).good(), Answer.rate, Answer.rate),
		}.atLeast(0.7, math.Inf(1)),
		Bar{
			What:  fmt.Sprintf("single events a second, `ack=disk`, of what the disk's sync rate × %d connections allows", r.Single.Connections),
			Limit: "≥ 0.8",
			Ratio: ratio(r.handler(Disk).good(), plain.good(), Answer.rate, allowed),
		}.atLeast(0.8, math.Inf(1)).beside(ratio(r.handler(Bare).good(), plain.good(), Answer.rate, allowed)),
		Bar{
			What: "p99 of single events, `ack=disk`, of the disk's sync p99", Limit: "≤ 5",
			Ratio: ratio(r.handler(Disk).good(), plain.good(),
				func(a Answer) float64 { return a.P99.Seconds() }, func(s Syncs) float64 { return s.P99.Seconds() }),
		}.atMost(5, 0),
	}
}

func (b Bar) atMost(limit, aim float64) Bar {
	switch m := b.Ratio.Median; {
	case b.Ratio.Rounds == 0:
		b.Status = unmeasured
	case m <= aim:
		b.Status = aimed
	case m <= limit:
		b.Status = reached
	default:
		b.Status = missed
	}
	return b
}

func (b Bar) atLeast(limit, aim float64) Bar {
	switch m := b.Ratio.Median; {
	case b.Ratio.Rounds == 0:
		b.Status = unmeasured
	case m >= aim:
		b.Status = aimed
	case m >= limit:
		b.Status = reached
	default:
		b.Status = missed
	}
	return b
}

// beside adds to a bar that was missed what a bare handler reaches of it: the bar may
// be out of everybody's reach.
func (b Bar) beside(bare Spread) Bar {
	if b.Status == missed && bare.Rounds > 0 {
		b.Status += "; the bare handler has " + bare.Format(2)
	}
	return b
}

// rounder is a figure that knows its round.
type rounder interface{ round() int }

func (m Measure) round() int { return m.Round }
func (a Answer) round() int  { return a.Round }
func (s Syncs) round() int   { return s.Round }

// ratio divides the figures of those rounds that both have.
func ratio[A, B rounder](ours []A, theirs []B, ourFigure func(A) float64, theirFigure func(B) float64) Spread {
	var ratios []float64
	for _, a := range ours {
		for _, b := range theirs {
			if a.round() == b.round() {
				ratios = append(ratios, ourFigure(a)/theirFigure(b))
			}
		}
	}
	return spread(ratios, func(v float64) float64 { return v })
}

// subject finds one by its key; a missing one has no rounds.
func (r *Report) subject(key string) *Subject {
	for _, s := range r.Subjects {
		if s.Key == key {
			return s
		}
	}
	return &Subject{}
}

func (r *Report) handler(key string) *Handler {
	for _, h := range r.Single.Handlers {
		if h.Key == key {
			return h
		}
	}
	return &Handler{}
}

func (r *Report) syncs(key string) *SyncSeries {
	for _, s := range r.Single.Syncs {
		if s.Key == key {
			return s
		}
	}
	return &SyncSeries{}
}
