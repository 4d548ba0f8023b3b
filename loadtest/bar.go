// What is to be seen while a run goes on.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"parquay/loadtest/drive"
	"parquay/loadtest/scenario"
)

// bar shows how far a run is: a bar that moves on a terminal, and a line every ten
// seconds elsewhere.
type bar struct {
	out      io.Writer
	terminal bool
	events   int64
	duration time.Duration
	last     float64
}

func newBar(out io.Writer, p *scenario.Plan, s *settings) *bar {
	b := &bar{out: out, terminal: isTerminal(out), events: s.events, duration: s.duration}
	fmt.Fprintf(out, "run %s: %s, %d requests at a time\n", p.Run, s.scenario, p.Workers())
	return b
}

// isTerminal is whether out is a terminal.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const barWidth = 30

// sample shows a second. On the last one, it is called once more.
func (b *bar) sample(s drive.Sample) {
	if !b.terminal && s.At < b.last+10 {
		return
	}
	b.last = s.At
	line := b.line(s)
	if b.terminal {
		fmt.Fprintf(b.out, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(b.out, line)
}

func (b *bar) line(s drive.Sample) string {
	done := 0.0
	if b.events > 0 {
		done = float64(s.Total) / float64(b.events)
	}
	if b.duration > 0 {
		done = max(done, s.At/b.duration.Seconds())
	}
	done = min(done, 1)
	var line strings.Builder
	if b.terminal {
		full := int(done * barWidth)
		fmt.Fprintf(&line, "[%s%s] ", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full))
	}
	fmt.Fprintf(&line, "%3.0f %%  %5.0f s  %d events  %.0f/s", done*100, s.At, s.Total, float64(s.Events)/max(s.Seconds, 1e-3))
	for _, t := range s.Traffic {
		fmt.Fprintf(&line, "  p99 %v", time.Duration(t.Latency.P99)*time.Microsecond)
	}
	if s.Refused+s.Unsure > 0 {
		fmt.Fprintf(&line, "  refused %d  unanswered %d", s.Refused, s.Unsure)
	}
	if s.Usage != nil {
		fmt.Fprintf(&line, "  pending %d  memory %d MiB", s.Usage.Pending, s.Usage.Resident>>20)
	}
	return line.String()
}

func (b *bar) end() {
	if b.terminal {
		fmt.Fprintln(b.out)
	}
}

// newFound shows how far a verification is.
func newFound(out io.Writer) func(found, of int64) {
	terminal := isTerminal(out)
	var once sync.Once
	last, begin := time.Now(), time.Now()
	return func(found, of int64) {
		once.Do(func() { fmt.Fprintf(out, "reading the bucket\n") })
		switch {
		case terminal:
			fmt.Fprintf(out, "\r\x1b[K%d of %d events found", found, of)
			if found == of {
				fmt.Fprint(out, "\r\x1b[K")
			}
		case time.Since(last) > 10*time.Second:
			last = time.Now()
			fmt.Fprintf(out, "%5.0f s  %d of %d events found\n", time.Since(begin).Seconds(), found, of)
		}
	}
}
