// What became of the events that were sent.

package drive

// Fates is what became of a worker's events, as ranges of their sequence numbers. A
// worker has one request at a time, so ranges are few however long a run is.
type Fates struct {
	Sent   int64    `json:"sent"`             // so many sequence numbers are in use
	Acked  []Range  `json:"acked"`            // answered as kept: each must be there, and once
	Unsure []Unsure `json:"unsure,omitempty"` // sent without an answer: each may be there so many times besides
}

// Range is the sequence numbers from From to To-1.
type Range struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Unsure is a body of which some attempts ended without an answer, or with one that
// does not say whether it was kept.
type Unsure struct {
	Range
	Attempts int `json:"attempts"`
}

func (f *Fates) ack(r Range) {
	if last := len(f.Acked) - 1; last >= 0 && f.Acked[last].To == r.From {
		f.Acked[last].To = r.To
		return
	}
	f.Acked = append(f.Acked, r)
}

func (f *Fates) unsure(r Range) {
	if last := len(f.Unsure) - 1; last >= 0 && f.Unsure[last].Range == r {
		f.Unsure[last].Attempts++
		return
	}
	f.Unsure = append(f.Unsure, Unsure{r, 1})
}
