package schema

import "hash/maphash"

// keySet finds keys that an object names twice, for all objects of an event that
// are not checked by column. It holds at most MaxMembers keys, so it never fills.
type keySet struct {
	seed  maphash.Seed
	epoch uint64 // the event; slots of earlier ones are empty
	slots [2 * MaxMembers]struct {
		epoch uint64
		key   uint32 // index in keys
	}
	keys []scopedKey
}

// scopedKey is a key of one object. The text may alias the body.
type scopedKey struct {
	object uint32
	text   string
}

// clear empties the set for the next event.
func (s *keySet) clear() {
	s.epoch++
	s.keys = s.keys[:0]
}

// release drops what aliases the body.
func (s *keySet) release() {
	clear(s.keys[:cap(s.keys)])
	s.clear()
}

// add adds a key, and reports false if the object has it already.
func (s *keySet) add(object uint32, text string) bool {
	h := maphash.String(s.seed, text) + uint64(object)*0x9e3779b97f4a7c15
	for i := h % uint64(len(s.slots)); ; i = (i + 1) % uint64(len(s.slots)) {
		slot := &s.slots[i]
		if slot.epoch != s.epoch {
			slot.epoch, slot.key = s.epoch, uint32(len(s.keys))
			s.keys = append(s.keys, scopedKey{object, text})
			return true
		}
		if k := &s.keys[slot.key]; k.object == object && k.text == text {
			return false
		}
	}
}
