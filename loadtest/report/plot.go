// Plots, as SVG within a page.

package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// plot is some series over the seconds of a run.
type plot struct {
	title  string
	unit   string // after the numbers on the axis
	log    bool   // a logarithmic axis, for what spans decades
	at     []float64
	series []series
}

type series struct {
	name   string
	values []float64 // one for each of at; NaN where there is none
}

// The plot's size, and the room around it.
const (
	plotWidth, plotHeight     = 860.0, 260.0
	roomLeft, roomRight       = 70.0, 16.0
	roomTop, roomBottom       = 30.0, 26.0
	mostPoints            int = 430 // one for every two pixels
)

// svg draws the plot. Everything in it is a number or a constant text.
func (p *plot) svg() template.HTML {
	p.thin()
	least, most := p.span()
	last := 1.0
	if len(p.at) > 0 {
		last = max(p.at[len(p.at)-1], 1)
	}
	x := func(at float64) float64 { return roomLeft + at/last*(plotWidth-roomLeft-roomRight) }
	y := func(value float64) float64 {
		share := value / most
		if p.log {
			share = (math.Log10(max(value, least)) - math.Log10(least)) / (math.Log10(most) - math.Log10(least))
		}
		return plotHeight - roomBottom - share*(plotHeight-roomTop-roomBottom)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, plotWidth, plotHeight, p.title)
	fmt.Fprintf(&b, `<text x="%.0f" y="16" class="title">%s</text>`, roomLeft, p.title)
	for _, tick := range p.ticks(least, most) {
		fmt.Fprintf(&b, `<line x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f" class="grid"/>`, roomLeft, plotWidth-roomRight, y(tick), y(tick))
		fmt.Fprintf(&b, `<text x="%.0f" y="%.1f" class="tick" text-anchor="end">%s%s</text>`, roomLeft-6, y(tick)+4, short(tick), p.unit)
	}
	for i := range 6 {
		at := last * float64(i) / 5
		fmt.Fprintf(&b, `<text x="%.1f" y="%.0f" class="tick" text-anchor="middle">%.0f s</text>`, x(at), plotHeight-8, at)
	}
	for i, s := range p.series {
		b.WriteString(`<polyline class="s` + fmt.Sprint(i) + `" points="`)
		for n, value := range s.values {
			if !math.IsNaN(value) {
				fmt.Fprintf(&b, "%.1f,%.1f ", x(p.at[n]), y(value))
			}
		}
		b.WriteString(`"/>`)
		left := plotWidth - roomRight - float64(len(p.series)-i)*110
		fmt.Fprintf(&b, `<rect x="%.0f" y="8" width="10" height="10" class="s%d k"/><text x="%.0f" y="17" class="tick">%s</text>`, left, i, left+14, s.name)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// thin joins neighbouring points until there are few enough, and keeps the highest of
// each group: a peak must not vanish.
func (p *plot) thin() {
	group := (len(p.at) + mostPoints - 1) / mostPoints
	if group <= 1 {
		return
	}
	var at []float64
	for i := 0; i < len(p.at); i += group {
		at = append(at, p.at[min(i+group, len(p.at))-1])
	}
	for n := range p.series {
		var values []float64
		for i := 0; i < len(p.at); i += group {
			high := math.NaN()
			for _, value := range p.series[n].values[i:min(i+group, len(p.at))] {
				if math.IsNaN(high) || value > high {
					high = value
				}
			}
			values = append(values, high)
		}
		p.series[n].values = values
	}
	p.at = at
}

// span is the axis' ends: 0 or a power of ten, and something round above all values.
func (p *plot) span() (least, most float64) {
	least, most = math.Inf(1), 0
	for _, s := range p.series {
		for _, value := range s.values {
			if value > 0 {
				least = min(least, value)
			}
			if value > most {
				most = value
			}
		}
	}
	if most == 0 {
		return 1, 10
	}
	if p.log {
		least = math.Pow(10, math.Floor(math.Log10(least)))
		return least, max(math.Pow(10, math.Ceil(math.Log10(most))), least*10)
	}
	step := roundStep(most / 4)
	return 0, math.Ceil(most/step) * step
}

func (p *plot) ticks(least, most float64) (ticks []float64) {
	if p.log {
		for tick := least; tick <= most*1.001; tick *= 10 {
			ticks = append(ticks, tick)
		}
		return ticks
	}
	step := roundStep(most / 4)
	for tick := 0.0; tick <= most*1.001; tick += step {
		ticks = append(ticks, tick)
	}
	return ticks
}

// roundStep is the next of 1, 2, 5, 10, … that is not below x.
func roundStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, times := range []float64{1, 2, 5} {
		if times*power >= x {
			return times * power
		}
	}
	return 10 * power
}

// short is a number in a few characters.
func short(x float64) string {
	switch {
	case x >= 1e9:
		return fmt.Sprintf("%.3gG", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.3gM", x/1e6)
	case x >= 1e3:
		return fmt.Sprintf("%.3gk", x/1e3)
	}
	return fmt.Sprintf("%.3g", x)
}
