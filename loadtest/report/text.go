// The report as text.

package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"parquay/loadtest/drive"
)

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	total := r.Result.Total()
	fmt.Fprintf(&b, "run %s  %s  %d tenants  %s\n\n", r.Plan.Run, r.Scenario, len(r.Plan.Tenants), r.Result.Begin.UTC().Format(time.RFC3339))
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s%s\n", name, fmt.Sprintf(format, args...))
	}
	line("acknowledged", "%d events in %v: %.0f events/s, %.0f bodies/s, %.1f MB/s of JSON (%.0f bytes an event)", total.Events,
		r.Result.Took.Round(time.Millisecond), r.Rate(), perSecond(total.Bodies, r.Result.Took),
		perSecond(total.TextBytes, r.Result.Took)/1e6, float64(total.TextBytes)/max(1, float64(total.Events)))
	if took, known := r.Stored(); known {
		line("in files", "%.0f events/s until the last of them, %v after the begin", perSecond(r.Proof.Stored, took), took.Round(time.Millisecond))
	}
	if total.Rejected > 0 {
		line("rejected", "%d events, as planned", total.Rejected)
	}
	for i := range r.Result.Traffic {
		r.traffic(line, i)
	}
	if total.Refused+total.Unanswered+total.Failed > 0 {
		line("sent again", "%d refused (429, 503), %d without an answer; %d connections failed", total.Refused, total.Unanswered, total.Failed)
	}
	if g := r.Result.Gateways; g.Resident > 0 {
		cpu, _ := r.CPU()
		line("gateways", "%.2f CPU seconds a million events, peak %d MiB resident, %d events pending, %d goroutines, %d descriptors",
			cpu, g.Resident>>20, g.Pending, g.Routines, g.Open)
	}
	line("this tool", "%.2f CPU seconds a million events, on %d CPUs", r.Result.OwnCPU.Seconds()/max(1, float64(total.Events))*1e6, r.CPUs)
	if total.GivenUp > 0 {
		line("given up", "%d events without an acknowledgement when the run had to end", total.GivenUp)
	}
	if r.Failure != "" {
		line("failure", "%s", r.Failure)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return r.ProofText(w)
}

func (r *Report) traffic(line func(name, format string, args ...any), i int) {
	m, plan := r.Result.Traffic[i], r.Plan.Traffic[i]
	name := "latency"
	if len(r.Result.Traffic) > 1 {
		name = m.Name
		line(name, "%d events, %.0f/s", m.Events, perSecond(m.Events, r.Result.Took))
		name = ""
	}
	from := "from when it was sent"
	if plan.Rate > 0 {
		from = "from when it was due"
	}
	line(name, "%s  (of a body, %s)", latency(m.Latency), from)
	if plan.Rate > 0 && m.Lag.Count > 0 {
		line("", "this tool itself was late by p50 %v, p99 %v", micros(m.Lag.P50), micros(m.Lag.P99))
	}
	var answers []string
	for _, status := range slices.Sorted(maps.Keys(m.Statuses)) {
		answers = append(answers, fmt.Sprintf("%d × %d", m.Statuses[status], status))
	}
	for _, level := range slices.Sorted(maps.Keys(m.Durability)) {
		answers = append(answers, fmt.Sprintf("durability %s", level))
	}
	line("answers", "%s", strings.Join(answers, ", "))
	for _, e := range m.Examples {
		line("wrong", "%s", e)
	}
}

func latency(l drive.Latency) string {
	return fmt.Sprintf("p50 %v  p90 %v  p99 %v  p99.9 %v  max %v", micros(l.P50), micros(l.P90), micros(l.P99), micros(l.P999), micros(l.Max))
}

// micros is a time to three digits or so.
func micros(n int64) time.Duration {
	d := time.Duration(n) * time.Microsecond
	switch {
	case d >= time.Second:
		return d.Round(time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d
}

// ProofText writes what was found in the bucket, and the verdict.
func (r *Report) ProofText(w io.Writer) error {
	text := "\nnot verified: "
	if r.Proof != nil {
		text = fmt.Sprintf("\n%s\n\nverified: ", r.Proof)
	}
	verdict := "PASSED"
	if !r.OK() {
		verdict = "FAILED"
	}
	_, err := fmt.Fprintln(w, text+verdict)
	return err
}
