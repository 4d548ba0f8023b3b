// What bodies are like: how many events they have, and whose they are.

package scenario

import (
	"math"
	"sort"
)

// Bodies picks the bodies of a traffic.
type Bodies struct {
	seed    uint64
	traffic *Traffic
	upTo    []float64 // the share of the tenants up to each
}

// Bodies returns the bodies of one of the plan's traffics. The k-th of its tenants
// has a share in proportion to 1/k^Zipf.
func (p *Plan) Bodies(t *Traffic) *Bodies {
	upTo := make([]float64, t.Tenants)
	sum := 0.0
	for k := range upTo {
		sum += math.Pow(float64(k+1), -t.Zipf)
		upTo[k] = sum
	}
	for k := range upTo {
		upTo[k] /= sum
	}
	upTo[t.Tenants-1] = 1
	return &Bodies{p.Seed, t, upTo}
}

// Next is the body of a worker that begins at this sequence number.
func (b *Bodies) Next(worker int, sequence int64) (events, tenant int) {
	r := randomOf(b.seed, uint64(worker), uint64(sequence), 'b')
	return b.traffic.Batch.pick(&r), b.traffic.First + b.tenant(&r)
}

func (b *Bodies) tenant(r *random) int {
	if len(b.upTo) == 1 {
		return 0
	}
	u := r.share()
	return sort.Search(len(b.upTo)-1, func(k int) bool { return b.upTo[k] > u })
}
