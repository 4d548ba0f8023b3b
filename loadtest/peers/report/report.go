// What a comparison has measured.

package report

import (
	"slices"
	"time"

	"parquay/loadtest/peers/rows"
)

// Report is a whole comparison.
type Report struct {
	Began       time.Time     `json:"began"`
	Took        time.Duration `json:"took"`
	Machine     Machine       `json:"machine"`
	Events      int           `json:"events"`     // of each round and subject
	JSON        int64         `json:"json_bytes"` // of all of them together
	Batch       int           `json:"batch"`      // events of a body
	Connections int           `json:"connections"`
	Rounds      int           `json:"rounds"`
	Subjects    []*Subject    `json:"subjects"`
	Single      Single        `json:"single"`
}

// Machine is where it ran.
type Machine struct {
	Cores      int    `json:"cores"`
	CPU        string `json:"cpu"`
	Memory     int64  `json:"memory"`
	Kernel     string `json:"kernel"`
	FileSystem string `json:"file_system"`
	Go         string `json:"go"`
	Load       string `json:"load,omitempty"` // what else it had to do: the mean of the minute before
}

// Facts are what is known of a subject beforehand.
type Facts struct {
	Key     string `json:"key"` // as flags and bars name it
	Name    string `json:"name"`
	Offline bool   `json:"offline"` // it converts a file and takes no requests
	Config  string `json:"config"`  // its file in the repository, and what is set there
	// What does not compare, for whoever reads the figures.
	Durability string `json:"durability"`
	Order      string `json:"order"`
	Layout     string `json:"layout"` // partitions, types
}

// Subject is one of those that are compared, with its figures.
type Subject struct {
	Facts
	Version string `json:"version,omitempty"`
	Missing string `json:"missing,omitempty"` // why it could not be had
	// Start is a run of a few events: what starting and stopping alone costs.
	Start  *Measure  `json:"start,omitempty"`
	Rounds []Measure `json:"rounds,omitempty"`
}

// Measure is what one run has cost.
type Measure struct {
	Round   int           `json:"round"`
	Failed  string        `json:"failed,omitempty"` // why it did not come to an end
	Events  int           `json:"events"`
	Took    time.Duration `json:"took"`   // from the first event until the last file was whole
	CPU     time.Duration `json:"cpu"`    // of the process and all that came from it, from its start to its end
	Peak    int64         `json:"peak"`   // resident, of all of them together
	Client  time.Duration `json:"client"` // CPU of the load generator meanwhile
	Retries int64         `json:"retries"`
	rows.Tally
}

// Single is the comparison of requests with one event each.
type Single struct {
	Connections int           `json:"connections"`
	Handlers    []*Handler    `json:"handlers"`
	Syncs       []*SyncSeries `json:"syncs"`
	Duration    time.Duration `json:"duration"` // of each round of each handler
}

// Handler is one that answers single events.
type Handler struct {
	Key     string   `json:"key"`
	Name    string   `json:"name"`
	Missing string   `json:"missing,omitempty"`
	Rounds  []Answer `json:"rounds,omitempty"`
}

// Answer is what one round of single events has shown.
type Answer struct {
	Round    int           `json:"round"`
	Failed   string        `json:"failed,omitempty"`
	Requests int           `json:"requests"`
	Took     time.Duration `json:"took"`
	P50      time.Duration `json:"p50"`
	P99      time.Duration `json:"p99"`
	CPU      time.Duration `json:"cpu"`
	Peak     int64         `json:"peak"`
	Client   time.Duration `json:"client"`
	Retries  int64         `json:"retries"`
	Wrong    int64         `json:"wrong"` // answered events that are in no row, or in several
}

// SyncSeries is how fast the disk is under a loop of write and fdatasync.
type SyncSeries struct {
	Key    string  `json:"key"`
	Name   string  `json:"name"`
	Rounds []Syncs `json:"rounds"`
}

// Syncs is one round of it.
type Syncs struct {
	Round  int           `json:"round"`
	Failed string        `json:"failed,omitempty"`
	Count  int           `json:"count"`
	Took   time.Duration `json:"took"`
	P50    time.Duration `json:"p50"`
	P99    time.Duration `json:"p99"`
}

// What every comparison does alike.
const (
	Few     = 500             // events of a run that shows what starting and stopping alone costs
	SyncFor = 2 * time.Second // how long there are syncs in a round
)

// The keys of subjects, handlers and ways to sync.
const (
	Disk      = "disk"
	Memory    = "memory"
	Bento     = "bento"
	DuckDB    = "duckdb"
	DuckDBTwo = "duckdb2"
	Flink     = "flink"
	Bare      = "bare"
	Append    = "append"
	Ahead     = "ahead"
)

// started is what starting alone has taken, none where that is not known.
func (s *Subject) started() Measure {
	if s.Start == nil || s.Start.Failed != "" {
		return Measure{}
	}
	return *s.Start
}

// throughput is events a second until they are in files. Of a converter, the time
// that it takes to start is left out: a server was up before.
func (s *Subject) throughput(m Measure) float64 {
	took := m.Took
	if s.Offline {
		took -= s.started().Took
	}
	return float64(m.Events) / took.Seconds()
}

// cost is CPU seconds for a million events, without those of starting and stopping.
func (s *Subject) cost(m Measure) float64 {
	start := s.started()
	return (m.CPU - start.CPU).Seconds() / float64(m.Events-start.Events) * 1e6
}

func (s *Subject) size(m Measure) float64 { return float64(m.Bytes) / float64(m.Events) }

func (m Measure) client() float64 { return m.Client.Seconds() / float64(m.Events) * 1e6 }

func (s *Subject) good() []Measure {
	return whole(s.Rounds, func(m Measure) string { return m.Failed })
}

func (a Answer) rate() float64 { return float64(a.Requests) / a.Took.Seconds() }

func (a Answer) cost() float64 { return a.CPU.Seconds() / float64(a.Requests) * 1e6 }

func (h *Handler) good() []Answer {
	return whole(h.Rounds, func(a Answer) string { return a.Failed })
}

func (s Syncs) rate() float64 { return float64(s.Count) / s.Took.Seconds() }

func (s *SyncSeries) good() []Syncs {
	return whole(s.Rounds, func(m Syncs) string { return m.Failed })
}

// whole are the rounds that came to an end.
func whole[T any](rounds []T, failed func(T) string) []T {
	return slices.DeleteFunc(slices.Clone(rounds), func(round T) bool { return failed(round) != "" })
}
