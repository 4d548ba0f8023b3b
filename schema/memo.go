package schema

import "regexp"

// memo remembers short strings that a pattern has matched. A column with a
// pattern holds few distinct values as a rule, and comparing a string with one
// seen before costs a tenth of matching it. It belongs to one decoder, is fixed
// in size and allocates nothing; without one (nil) every string is matched.
type memo struct {
	slots [64]struct {
		size uint8 // 0: unused
		text [63]byte
	}
}

// matches says whether the pattern matches s.
func (m *memo) matches(pattern *regexp.Regexp, s string) bool {
	if m == nil || len(s) == 0 || len(s) > len(m.slots[0].text) {
		return pattern.MatchString(s)
	}
	h := uint(len(s)) + 31*uint(s[0]) + 17*uint(s[len(s)/2]) + 7*uint(s[len(s)-1])
	slot := &m.slots[h%uint(len(m.slots))]
	if string(slot.text[:slot.size]) == s {
		return true
	}
	if !pattern.MatchString(s) {
		return false
	}
	slot.size = uint8(copy(slot.text[:], s))
	return true
}
