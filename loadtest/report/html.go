// The report as one page that needs nothing else.

package report

import (
	_ "embed" // for the page
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"parquay/loadtest/drive"
)

//go:embed page.html
var pageText string

// HTML writes the report as a page with plots.
func (r *Report) HTML(w io.Writer) error {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("parse the page: %w", err)
	}
	var text strings.Builder
	if err := r.Text(&text); err != nil {
		return err
	}
	var plots []template.HTML
	for _, p := range r.plots() {
		plots = append(plots, p.svg())
	}
	return page.Execute(w, struct {
		*Report
		Passed bool
		Text   string
		Plots  []template.HTML
	}{r, r.OK(), text.String(), plots})
}

// plots are those for which there are figures.
func (r *Report) plots() (list []*plot) {
	samples := r.Result.Samples
	at := make([]float64, len(samples))
	for i, s := range samples {
		at[i] = s.At
	}
	over := func(value func(drive.Sample) float64) []float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = value(s)
		}
		return values
	}
	throughput := &plot{title: "Acknowledged events a second", at: at}
	for i, t := range r.Plan.Traffic {
		throughput.series = append(throughput.series, series{plain(t.Name), over(func(s drive.Sample) float64 {
			return float64(s.Traffic[i].Events) / max(s.Seconds, 1e-3)
		})})
	}
	list = append(list, throughput)
	for i, t := range r.Plan.Traffic {
		percentile := func(name string, of func(drive.Latency) int64) series {
			return series{name, over(func(s drive.Sample) float64 {
				if s.Traffic[i].Latency.Count == 0 {
					return math.NaN()
				}
				return float64(of(s.Traffic[i].Latency)) / 1000
			})}
		}
		list = append(list, &plot{title: "Latency of a body, " + plain(t.Name), unit: " ms", log: true, at: at, series: []series{
			percentile("p50", func(l drive.Latency) int64 { return l.P50 }),
			percentile("p99", func(l drive.Latency) int64 { return l.P99 }),
			percentile("max", func(l drive.Latency) int64 { return l.Max }),
		}})
	}
	watched := func(title, unit, name string, value func(*drive.Usage) float64) {
		values := over(func(s drive.Sample) float64 {
			if s.Usage == nil {
				return math.NaN()
			}
			return value(s.Usage)
		})
		list = append(list, &plot{title: title, unit: unit, at: at, series: []series{{name, values}}})
	}
	if r.Result.Gateways.Resident > 0 {
		watched("Events that are not in the bucket yet", "", "pending", func(u *drive.Usage) float64 { return float64(u.Pending) })
		watched("Memory of the gateways", " MiB", "resident", func(u *drive.Usage) float64 { return float64(u.Resident) / (1 << 20) })
	}
	return append(list, &plot{title: "CPU of this tool, seconds a second", at: at, series: []series{{"CPU", over(func(s drive.Sample) float64 {
		return s.OwnCPU / max(s.Seconds, 1e-3)
	})}}})
}

// plain keeps what a traffic may be called out of the markup.
func plain(name string) string { return template.HTMLEscapeString(name) }
