// Package report says what came of a run: as text, as JSON and as a page.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"parquay/loadtest/drive"
	"parquay/loadtest/prove"
	"parquay/loadtest/scenario"
)

// Report is all that is known of a run.
type Report struct {
	Tool     string         `json:"tool"` // its version
	CPUs     int            `json:"cpus"` // of the machine that it ran on
	Scenario string         `json:"scenario"`
	Targets  []string       `json:"targets"`
	Plan     *scenario.Plan `json:"plan"`
	Result   *drive.Result  `json:"result"`
	Proof    *prove.Proof   `json:"proof,omitempty"`
	Failure  string         `json:"failure,omitempty"` // why the run ended early, or was not verified
}

// OK is the verdict: every event was acknowledged, every answer was right, and the
// bucket, if it was read, has what it must have.
func (r *Report) OK() bool {
	total := r.Result.Total()
	return r.Failure == "" && total.Wrong == 0 && total.GivenUp == 0 && (r.Proof == nil || r.Proof.OK())
}

// JSON writes the report for other programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// Read reads what JSON has written.
func Read(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	r := new(Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read the report %s: %w", path, err)
	}
	if r.Plan == nil || r.Result == nil || len(r.Result.Fates) == 0 {
		return nil, fmt.Errorf("read the report %s: %w", path, errors.New("it is not one of a run"))
	}
	if s := r.Plan.Sample; s != nil {
		if r.Plan.Sample, err = scenario.ReadSample(s.Path); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Rate is how many events a second were acknowledged.
func (r *Report) Rate() float64 { return perSecond(r.Result.Total().Events, r.Result.Took) }

// Stored is how long it took from the begin until the last file was in the bucket, as
// far as that is known.
func (r *Report) Stored() (took time.Duration, known bool) {
	if r.Proof == nil || r.Proof.Stored == 0 {
		return 0, false
	}
	took = r.Proof.Last.Sub(r.Result.Begin)
	return took, took > 0
}

// CPU is how many seconds of CPU the gateways took for a million events, as far as
// that is known.
func (r *Report) CPU() (seconds float64, known bool) {
	events := r.Result.Total().Events
	if events == 0 || r.Result.Gateways.CPU == 0 {
		return 0, false
	}
	return r.Result.Gateways.CPU / float64(events) * 1e6, true
}

func perSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
