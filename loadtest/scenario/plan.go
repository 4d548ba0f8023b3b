// The plan of a run: all that its events depend on.

package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Run tells the events of one run from all others: it begins each event's id.
type Run uint64

// String is the run as ids have it.
func (r Run) String() string { return fmt.Sprintf("%016x", uint64(r)) }

// MarshalText writes the run as ids have it.
func (r Run) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText has written.
func (r *Run) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	*r = Run(n)
	return err
}

// Plan is what the events of a run depend on, beside the clock. It is part of the
// report, so that a bucket can be checked again later.
type Plan struct {
	Run     Run      `json:"run"`
	Seed    uint64   `json:"seed"`
	Table   string   `json:"table"`
	Tenants []string `json:"tenants"` // an event's tenant is an index into these
	Late    float64  `json:"late"`    // share of events that happened one hour to six days ago
	Invalid float64  `json:"invalid"` // share of events that the schema refuses
	Sample  *Sample  `json:"sample,omitempty"`

	Traffic []Traffic `json:"traffic"` // that goes on at the same time
}

// Traffic is requests of one kind.
type Traffic struct {
	Name        string  `json:"name"`
	Connections int     `json:"connections"` // each has one request at a time
	Rate        float64 `json:"rate"`        // events a second; 0 sends the next request after each answer
	Curve       Curve   `json:"curve"`       // how the rate changes
	Batch       Sizes   `json:"batch"`       // events of a body
	Encoding    string  `json:"encoding"`    // identity, gzip, zstd, or mixed for all of them
	First       int     `json:"first"`       // the first of its tenants
	Tenants     int     `json:"tenants"`     // and how many they are
	Zipf        float64 `json:"zipf"`        // exponent of their shares; 0 gives all the same
}

// Most workers, sequence numbers and tenants that an id can tell apart, or that can
// be searched in reasonable time.
const (
	MaxWorkers  = 1 << 16
	MaxSequence = 1 << 36
	MaxTenants  = 100_000
)

// Validate says why a plan can't work.
func (p *Plan) Validate() error {
	switch {
	case p.Table == "":
		return errors.New("the plan names no table")
	case len(p.Tenants) == 0 || len(p.Tenants) > MaxTenants:
		return fmt.Errorf("%d tenants: there must be 1 to %d", len(p.Tenants), MaxTenants)
	case p.Late < 0 || p.Invalid < 0 || p.Late+p.Invalid > 1:
		return fmt.Errorf("shares of late (%v) and invalid (%v) events: they must be 0 to 1, together too", p.Late, p.Invalid)
	case p.Workers() > MaxWorkers:
		return fmt.Errorf("%d connections: there must be at most %d", p.Workers(), MaxWorkers)
	case len(p.Traffic) == 0:
		return errors.New("the plan has no traffic")
	}
	for i := range p.Traffic {
		if err := p.Traffic[i].validate(len(p.Tenants)); err != nil {
			return fmt.Errorf("traffic %s: %w", p.Traffic[i].Name, err)
		}
	}
	return nil
}

func (t *Traffic) validate(tenants int) error {
	switch {
	case t.Connections < 1:
		return fmt.Errorf("%d connections: there must be at least 1", t.Connections)
	case t.Rate < 0:
		return fmt.Errorf("%v events a second: it must be 0, for as many as the target takes, or more", t.Rate)
	case !slices.Contains(Encodings(), t.Encoding):
		return fmt.Errorf("encoding %q: it must be one of %s", t.Encoding, strings.Join(Encodings(), ", "))
	case t.Curve != Flat && t.Curve != Day:
		return fmt.Errorf("curve %q: it must be %s or %s", t.Curve, Flat, Day)
	case t.Curve == Day && t.Rate == 0:
		return errors.New("a curve needs a rate")
	case t.First < 0 || t.Tenants < 1 || t.First+t.Tenants > tenants:
		return fmt.Errorf("tenants %d to %d of %d", t.First, t.First+t.Tenants, tenants)
	case t.Zipf < 0 || t.Zipf > 10:
		return fmt.Errorf("exponent of Zipf %v: it must be 0 to 10", t.Zipf)
	}
	return t.Batch.validate()
}

// Encodings are those that a traffic may have.
func Encodings() []string { return []string{"identity", "gzip", "zstd", "mixed"} }

// Workers is how many connections all traffic has together.
func (p *Plan) Workers() (n int) {
	for _, t := range p.Traffic {
		n += t.Connections
	}
	return n
}
