package report

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parquay/loadtest/peers/rows"
)

func TestSpread(t *testing.T) {
	tests := []struct {
		name     string
		values   []float64
		want     Spread
		decimals int
		text     string
	}{
		{"none", nil, Spread{}, 2, "–"},
		{"one", []float64{4.25}, Spread{4.25, 4.25, 4.25, 1}, 1, "4.2"},
		{"three, unsorted", []float64{9, 1, 2}, Spread{2, 1, 9, 3}, 0, "2 (1–9)"},
		{"four", []float64{4, 1, 2, 100}, Spread{3, 1, 100, 4}, 1, "3.0 (1.0–100.0)"},
		{"alike when written", []float64{1.001, 1.002}, Spread{1.0015, 1.001, 1.002, 2}, 2, "1.00"},
		{"large", []float64{1234567.6, 999, 55555}, Spread{55555, 999, 1234567.6, 3}, -1, "55,555 (999–1,234,568)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			values := append([]float64(nil), test.values...)
			got := spread(values, func(v float64) float64 { return v })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the spread differs (-want +got):\n%s", diff)
			}
			if text := got.Format(test.decimals); text != test.text {
				t.Errorf("it is written %q, want %q", text, test.text)
			}
		})
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 12: "12", 123: "123", 1234: "1,234", -123456: "-123,456", 1000000: "1,000,000"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

// measure is a round with even figures: events at 100,000 a second for 10 s.
func measure(round int, cpu, seconds float64, bytes int64) Measure {
	return Measure{
		Round: round, Events: 1_000_000, Took: time.Duration(seconds * 1e9), CPU: time.Duration(cpu * 1e9), Peak: 100 << 20,
		Client: time.Second, Tally: rows.Tally{Files: 1, Bytes: bytes, Rows: 1_000_000},
	}
}

// example is a report with each kind of row: a good one, one that lost rows and failed
// once, a converter, one that could not be had, and one that could not even start.
func example() *Report {
	r := &Report{
		Began: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), Took: 9 * time.Minute,
		Machine: Machine{Cores: 2, CPU: "a processor", Memory: 24 << 30, Kernel: "6.1.0", FileSystem: "ext4", Go: "go1.26", Load: "0.12"},
		Events:  1_000_000, JSON: 450_000_000, Batch: 500, Connections: 8, Rounds: 3,
		Subjects: []*Subject{
			{
				Facts: Facts{Key: Disk, Name: "Parquay, ack=disk", Config: "defaults"}, Version: "v1",
				Start:  &Measure{Events: Few, CPU: 100 * time.Millisecond},
				Rounds: []Measure{measure(1, 3.1, 2, 40_000_000), measure(2, 4.1, 4, 42_000_000), measure(3, 3.6, 2.5, 41_000_000)},
			},
			{
				Facts: Facts{Key: Bento, Name: "Bento", Config: "bento.yaml"}, Version: "v2",
				Start:  &Measure{Events: Few},
				Rounds: []Measure{measure(1, 30, 20, 60_000_000), {Round: 2, Failed: "it | broke\nin two"}, measure(3, 40, 30, 60_000_000)},
			},
			{
				Facts: Facts{Key: DuckDB, Name: "DuckDB", Offline: true}, Version: "v3",
				Start:  &Measure{Events: Few, Took: time.Second, CPU: 500 * time.Millisecond},
				Rounds: []Measure{measure(1, 4.5, 5, 40_000_000), measure(2, 4.5, 5, 40_000_000), measure(3, 4.5, 5, 40_000_000)},
			},
			{Facts: Facts{Key: Flink, Name: "Flink"}, Missing: "there is no Java that works"},
			{Facts: Facts{Key: Memory, Name: "Parquay, ack=memory"}, Version: "v1", Start: &Measure{Failed: "start: no such file"}},
		},
		Single: Single{
			Connections: 10, Duration: 5 * time.Second,
			Handlers: []*Handler{
				{Key: Bare, Name: "a bare chi handler", Rounds: []Answer{{Round: 1, Requests: 1000, Took: time.Second}, {Round: 2, Requests: 1000, Took: time.Second}}},
				{Key: Memory, Name: "memory", Rounds: []Answer{{Round: 1, Requests: 800, Took: time.Second}, {Round: 2, Requests: 600, Took: time.Second}}},
				{Key: Disk, Name: "disk", Rounds: []Answer{{Round: 1, Requests: 500, Took: time.Second, P99: 4 * time.Millisecond}, {Round: 2, Failed: "gone"}}},
			},
			Syncs: []*SyncSeries{{Key: Append, Name: "append", Rounds: []Syncs{{Round: 1, Count: 200, Took: time.Second, P99: time.Millisecond}}}},
		},
	}
	r.Subjects[1].Rounds[0].Lost = 1500
	r.Subjects[1].Rounds[2].Doubled = 2
	return r
}

func TestFigures(t *testing.T) {
	r := example()
	disk, duckdb := r.subject(Disk), r.subject(DuckDB)
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > want*0.001 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("the CPU, less that of starting", disk.cost(disk.Rounds[0]), 3)
	near("the throughput of a server", disk.throughput(disk.Rounds[0]), 500_000)
	near("the throughput of a converter, less its start", duckdb.throughput(duckdb.Rounds[0]), 250_000)
	near("the size", disk.size(disk.Rounds[1]), 42)
	near("the client's CPU", disk.Rounds[0].client(), 1)
}

func TestBars(t *testing.T) {
	type verdict struct {
		Median float64
		Rounds int
		Status string
	}
	var got []verdict
	for _, b := range example().Bars() {
		got = append(got, verdict{math.Round(b.Ratio.Median*1000) / 1000, b.Ratio.Rounds, b.Status})
	}
	want := []verdict{
		{0.875, 3, reached}, // CPU: 3.0, 4.0, 3.5 beside 4
		{11, 2, reached},    // throughput: 10 and 12, the second round has no other side
		{1.025, 3, missed},  // bytes
		{0.7, 2, reached},   // single, memory: 0.8 and 0.6
		{0.25, 1, "missed; the bare handler has 0.50"}, // single, disk: 500 of 200 × 10, which the handler can't reach either
		{4, 1, reached}, // p99
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the bars differ (-want +got):\n%s", diff)
	}
	for _, b := range new(Report).Bars() {
		if b.Status != unmeasured {
			t.Errorf("in an empty report %q is %s", b.What, b.Status)
		}
	}
}

func TestBarLimits(t *testing.T) {
	at := func(v float64) Bar { return Bar{Ratio: Spread{Median: v, Rounds: 1}} }
	for v, want := range map[float64]string{0.7: aimed, 0.71: reached, 1: reached, 1.01: missed} {
		if got := at(v).atMost(1, 0.7).Status; got != want {
			t.Errorf("%v at most 1, better 0.7: %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{12: aimed, 11.9: reached, 8: reached, 7.9: missed} {
		if got := at(v).atLeast(8, 12).Status; got != want {
			t.Errorf("%v at least 8, better 12: %s, want %s", v, got, want)
		}
	}
}

// contains checks that a text has all of some parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in:\n%s", part, text)
		}
	}
}

func TestTexts(t *testing.T) {
	r := example()
	var text, page bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.Page(&page); err != nil {
		t.Fatal(err)
	}
	contains(t, text.String(), "400,000 (250,000–500,000)", "3.50 (3.00–4.00)", "all, once",
		"1,500 LOST, 2 doubled, 0 foreign; 1 of 3 rounds FAILED", "no figures: there is no Java that works", "no figures: start: no such file",
		"missed; the bare handler has 0.50")
	contains(t, page.String(),
		"| Parquay, ack=disk | 400,000 (250,000–500,000) | 3.50 (3.00–4.00) | 100 | 41.0 (40.0–42.0) | 1 | all, once |",
		"| Bento | 41,667 (33,333–50,000) |", "LOST", "In this run Flink is missing: there is no Java that works.",
		"| Flink | no figures: there is no Java that works |", "2 cores of a processor, 24 GiB", "load average 0.12", "took 9 minutes", "1,000,000", "2026-11-23")
	for _, bad := range []string{"<no value>", "%!", "NaN", "Inf", "\n\n\n"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the page has %q:\n%s", bad, page.String())
		}
	}
	for i, line := range strings.Split(page.String(), "\n") {
		if columns := strings.Count(strings.ReplaceAll(line, "\\|", ""), "|"); strings.HasPrefix(line, "|") && columns < 3 {
			t.Errorf("line %d is no row: %s", i+1, line)
		}
	}
}

// A page that is made again from the kept report is the same.
func TestPageOfKeptReport(t *testing.T) {
	r, again := example(), new(Report)
	kept, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(kept, again)
	}
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := r.Page(&first); err != nil {
		t.Fatal(err)
	}
	if err := again.Page(&second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.String(), second.String()); diff != "" {
		t.Errorf("the page differs (-first +again):\n%s", diff)
	}
}

func TestMarkdownEscapes(t *testing.T) {
	got := table{head: []string{"a", "b", "c"}, rows: [][]string{{"x", "it | broke\nin two"}}}.markdown()
	want := "| a | b | c |\n|---|---|---|\n| x | it \\| broke in two |  |"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
