// What was found, and what it proves.

package prove

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Proof is what is in a bucket of a run.
type Proof struct {
	Objects int64         `json:"objects"` // that were read
	Bytes   int64         `json:"bytes"`   // of them
	Rows    int64         `json:"rows"`    // in them
	Others  int64         `json:"others"`  // of these, not of this run
	Acked   int64         `json:"acked"`   // events that must be there
	Stored  int64         `json:"stored"`  // of these, that are
	Refused int64         `json:"refused"` // of these, in the table rejected
	Unsure  int64         `json:"unsure"`  // found, of those that were sent and never acknowledged
	Repeats int64         `json:"repeats"` // rows of events that were sent again for want of an answer
	Last    time.Time     `json:"last"`    // when the last object was stored
	Took    time.Duration `json:"took_ns"` // reading them

	// What must not be.
	Lost       int64    `json:"lost"`       // acknowledged, and in no file
	Doubled    int64    `json:"doubled"`    // rows beyond those that were sent
	Altered    int64    `json:"altered"`    // rows that are not what was sent
	Misplaced  int64    `json:"misplaced"`  // rows of another tenant, hour or table
	Strangers  int64    `json:"strangers"`  // rows under this run's name that it has not sent, or that were answered as not kept
	Unreadable int64    `json:"unreadable"` // objects
	Examples   []string `json:"examples,omitempty"`
}

// OK is whether each acknowledged event is there exactly once, whole, where it
// belongs, and nothing else under the run's name.
func (p *Proof) OK() bool { return p.Failures() == 0 && p.Stored == p.Acked }

// Failures counts what must not be.
func (p *Proof) Failures() int64 {
	return p.Lost + p.Doubled + p.Altered + p.Misplaced + p.Strangers + p.Unreadable
}

// PerEvent is how many bytes of files an event takes; rows of others count too.
func (p *Proof) PerEvent() float64 {
	if p.Rows == 0 {
		return 0
	}
	return float64(p.Bytes) / float64(p.Rows)
}

// keptExamples is enough to see a pattern.
const keptExamples = 20

func (p *Proof) example(format string, args ...any) {
	if len(p.Examples) < keptExamples {
		p.Examples = append(p.Examples, fmt.Sprintf(format, args...))
	}
}

// String is the proof in lines.
func (p *Proof) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d acknowledged events are in the bucket", p.Stored, p.Acked)
	if p.Refused > 0 {
		fmt.Fprintf(&b, " (%d of them in the table rejected)", p.Refused)
	}
	fmt.Fprintf(&b, "\nlost %d, doubled %d, altered %d, misplaced %d, strangers %d", p.Lost, p.Doubled, p.Altered, p.Misplaced, p.Strangers)
	if p.Unreadable > 0 {
		fmt.Fprintf(&b, ", unreadable objects %d", p.Unreadable)
	}
	if p.Repeats+p.Unsure > 0 {
		fmt.Fprintf(&b, "\nof events without an answer: %d rows because they were sent again, %d stored and never acknowledged", p.Repeats, p.Unsure)
	}
	fmt.Fprintf(&b, "\nread %d rows in %d objects of %d bytes (%.1f a row) in %v", p.Rows, p.Objects, p.Bytes, p.PerEvent(), p.Took.Round(10*time.Millisecond))
	if p.Others > 0 {
		fmt.Fprintf(&b, "; %d rows are not of this run", p.Others)
	}
	for _, e := range slices.Sorted(slices.Values(p.Examples)) {
		b.WriteString("\n  " + e)
	}
	return b.String()
}
