// The report for a terminal.

package report

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Text writes the tables with aligned columns.
func (r *Report) Text(out io.Writer) error {
	fmt.Fprintf(out, "%s events, %.0f bytes of JSON each, bodies of %d, %d connections; medians of up to %d rounds (least–most)\n%s\n\n",
		grouped(int64(r.Events)), r.jsonSize(), r.Batch, r.Connections, r.Rounds, r.Machine)
	for _, t := range []table{r.subjectTable(), r.singleTable(), r.syncTable(), r.barTable()} {
		if err := t.text(out); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	fmt.Fprintf(out, "took %v\n", r.Took.Round(time.Second))
	return nil
}

// table is cells of text; a row with one cell says why there are no others.
type table struct {
	head []string
	rows [][]string
}

func (t table) text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func (r *Report) jsonSize() float64 { return float64(r.JSON) / float64(max(r.Events, 1)) }

// String is the machine on one line.
func (m Machine) String() string {
	text := fmt.Sprintf("%d cores of %s, %.0f GiB, Linux %s, %s; %s", m.Cores, m.CPU, float64(m.Memory)/(1<<30), m.Kernel, m.FileSystem, m.Go)
	if m.Load != "" {
		text += "; load average before " + m.Load
	}
	return text
}

func (r *Report) subjectTable() table {
	t := table{head: []string{
		"", "events/s", "CPU s/M events", "peak MiB", "bytes/event", "files", "rows", "start CPU s", "client CPU s/M",
	}}
	for _, s := range r.Subjects {
		t.rows = append(t.rows, s.row())
	}
	return t
}

func (s *Subject) row() []string {
	good := s.good()
	if len(good) == 0 {
		return []string{s.Name, "no figures: " + s.why()}
	}
	return []string{
		s.Name,
		spread(good, s.throughput).Format(-1),
		spread(good, s.cost).Format(2),
		spread(good, func(m Measure) float64 { return float64(m.Peak) / (1 << 20) }).Format(-1),
		spread(good, s.size).Format(1),
		spread(good, func(m Measure) float64 { return float64(m.Files) }).Format(-1),
		s.verdict(),
		spread([]Measure{s.started()}, func(m Measure) float64 { return m.CPU.Seconds() }).Format(2),
		spread(good, Measure.client).Format(2),
	}
}

// why is the reason for which there are no figures.
func (s *Subject) why() string {
	switch {
	case s.Missing != "":
		return s.Missing
	case s.Start != nil && s.Start.Failed != "":
		return s.Start.Failed
	}
	for _, m := range s.Rounds {
		if m.Failed != "" {
			return m.Failed
		}
	}
	return "it was not run"
}

// verdict says whether every event was in the files once, in all rounds together.
func (s *Subject) verdict() string {
	var lost, doubled, foreign int64
	failed := 0
	for _, m := range s.Rounds {
		if m.Failed != "" {
			failed++
			continue
		}
		lost, doubled, foreign = lost+m.Lost, doubled+m.Doubled, foreign+m.Foreign
	}
	text := "all, once"
	if lost+doubled+foreign > 0 {
		text = fmt.Sprintf("%s LOST, %s doubled, %s foreign", grouped(lost), grouped(doubled), grouped(foreign))
	}
	if failed > 0 {
		text += fmt.Sprintf("; %d of %d rounds FAILED", failed, len(s.Rounds))
	}
	return text
}

func (r *Report) singleTable() table {
	t := table{head: []string{"single events", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "peak MiB", "rows", "client µs/request"}}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	for _, h := range r.Single.Handlers {
		good := h.good()
		if len(good) == 0 {
			t.rows = append(t.rows, []string{h.Name, "no figures: " + h.why()})
			continue
		}
		t.rows = append(t.rows, []string{
			h.Name,
			spread(good, Answer.rate).Format(-1),
			spread(good, func(a Answer) float64 { return ms(a.P50) }).Format(2),
			spread(good, func(a Answer) float64 { return ms(a.P99) }).Format(2),
			spread(good, Answer.cost).Format(1),
			spread(good, func(a Answer) float64 { return float64(a.Peak) / (1 << 20) }).Format(-1),
			h.verdict(),
			spread(good, func(a Answer) float64 { return a.Client.Seconds() / float64(a.Requests) * 1e6 }).Format(1),
		})
	}
	return t
}

func (h *Handler) why() string {
	for _, a := range h.Rounds {
		if a.Failed != "" {
			return a.Failed
		}
	}
	if h.Missing != "" {
		return h.Missing
	}
	return "it was not run"
}

func (h *Handler) verdict() string {
	wrong := int64(0)
	for _, a := range h.good() {
		wrong += a.Wrong
	}
	switch {
	case h.Key == Bare:
		return "keeps none"
	case wrong > 0:
		return fmt.Sprintf("%s WRONG", grouped(wrong))
	}
	return "all, once"
}

func (r *Report) syncTable() table {
	t := table{head: []string{"the disk", "syncs/s", "p50 ms", "p99 ms"}}
	for _, s := range r.Single.Syncs {
		good := s.good()
		t.rows = append(t.rows, []string{
			s.Name,
			spread(good, Syncs.rate).Format(-1),
			spread(good, func(m Syncs) float64 { return m.P50.Seconds() * 1e3 }).Format(3),
			spread(good, func(m Syncs) float64 { return m.P99.Seconds() * 1e3 }).Format(3),
		})
	}
	return t
}

func (r *Report) barTable() table {
	t := table{head: []string{"bar", "asked for", "ratio", ""}}
	for _, b := range r.Bars() {
		t.rows = append(t.rows, []string{b.What, b.Limit, b.Ratio.Format(2), b.Status})
	}
	return t
}
