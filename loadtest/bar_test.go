package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"parquay/loadtest/drive"
)

// Elsewhere than on a terminal a line every ten seconds is enough; on one, the bar
// grows on one line.
func TestBar(t *testing.T) {
	second := func(at float64) drive.Sample {
		return drive.Sample{At: at, Seconds: 1, Events: 500, Total: int64(at * 500), Traffic: []drive.TrafficTime{{Latency: drive.Latency{P99: 2500}}}}
	}
	for _, terminal := range []bool{false, true} {
		var out bytes.Buffer
		b := &bar{out: &out, terminal: terminal, events: 20000, duration: time.Hour}
		for at := 1.0; at <= 40; at++ {
			b.sample(second(at))
		}
		b.end()
		lines := strings.Count(out.String(), "\n")
		if want := map[bool]int{false: 4, true: 1}[terminal]; lines != want {
			t.Errorf("terminal %v: %d lines, not %d:\n%s", terminal, lines, want, out.String())
		}
		for _, want := range []string{" 50 %", "100 %", "500/s", "p99 2.5ms"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("terminal %v: no %q in\n%s", terminal, want, out.String())
			}
		}
		if full := strings.Contains(out.String(), "["+strings.Repeat("=", barWidth)+"]"); full != terminal {
			t.Errorf("terminal %v: a full bar is there: %v", terminal, full)
		}
	}
}
