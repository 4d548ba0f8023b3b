// Pseudo-random numbers: a function of a few integers, so that any event can be made
// again without those before it.

package scenario

import "math/bits"

// random is a sequence of numbers that depends on its seed alone (SplitMix64, by
// Steele, Lea and Flood).
type random uint64

// randomOf seeds a sequence with some integers, in which order matters.
func randomOf(values ...uint64) random {
	state := uint64(0x5851f42d4c957f2d)
	for _, v := range values {
		state = mix(state ^ v)
	}
	return random(state)
}

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// below is a number from 0 to n-1. The bias is n in 2^64.
func (r *random) below(n uint64) uint64 {
	high, _ := bits.Mul64(r.next(), n)
	return high
}

// share is a number from 0 to 1, without 1.
func (r *random) share() float64 { return float64(r.next()>>11) / (1 << 53) }

// mix spreads every bit of x over all of the result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
