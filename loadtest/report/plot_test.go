package report

import (
	"math"
	"strings"
	"testing"
)

// However many seconds a run has, a peak of one of them is to be seen.
func TestPlotKeepsPeaks(t *testing.T) {
	const seconds, peak = 10_000, 7777
	p := plot{title: "x", series: []series{{name: "y"}, {name: "z"}}}
	for i := range seconds {
		p.at = append(p.at, float64(i))
		value := 1.0
		if i == peak {
			value = 1000
		}
		p.series[0].values = append(p.series[0].values, value)
		p.series[1].values = append(p.series[1].values, math.NaN())
	}
	svg := string(p.svg())
	if len(p.at) > mostPoints || len(p.series[0].values) != len(p.at) {
		t.Errorf("%d points", len(p.at))
	}
	most := 0.0
	for _, value := range p.series[0].values {
		most = max(most, value)
	}
	if most != 1000 {
		t.Errorf("the highest point is %v", most)
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Error("a point is no number")
	}
}

// No figures, zeros and a single point can be drawn.
func TestPlotOfLittle(t *testing.T) {
	for _, values := range [][]float64{nil, {0}, {5}, {math.NaN()}, {0, 0, 0}, {1e-9}, {1e12}} {
		for _, log := range []bool{false, true} {
			p := plot{title: "x", log: log, series: []series{{"y", values}}}
			for i := range values {
				p.at = append(p.at, float64(i))
			}
			if svg := string(p.svg()); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || len(svg) > 1e5 {
				t.Errorf("%v, log %v: %.400s", values, log, svg)
			}
		}
	}
}

func TestPlotTicks(t *testing.T) {
	for _, test := range []struct {
		values      []float64
		log         bool
		least, most float64
	}{
		{[]float64{3, 97}, false, 0, 100},
		{[]float64{0.3, 97}, true, 0.1, 100},
		{[]float64{10, 10}, true, 10, 100},
	} {
		p := plot{log: test.log, series: []series{{"y", test.values}}}
		if least, most := p.span(); least != test.least || math.Abs(most-test.most) > 1e-9 {
			t.Errorf("%v: %v to %v", test.values, least, most)
		}
	}
	for x, want := range map[float64]string{0: "0", 0.25: "0.25", 1500: "1.5k", 2e6: "2M", 3e9: "3G"} {
		if got := short(x); got != want {
			t.Errorf("%v is %s", x, got)
		}
	}
}
