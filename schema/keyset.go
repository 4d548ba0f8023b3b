package schema

import "hash/maphash"

// keySet finds keys that an object names twice, for all objects of an event that
// are not checked by column. It holds at most MaxMembers keys, so it never fills.
type keySet struct {
	seed  maphash.Seed
	epoch uint64                  // the event; slots of earlier ones are empty
	slots [2 * MaxMembers]keySlot // those of an event with many keys
	keys  []scopedKey
}

// keySlot is a slot of the hash table.
type keySlot struct {
	epoch uint64
	key   uint32 // index in keys
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

// fewKeys is how many keys of an event are looked through one by one: for a few, that
// is faster than to hash them.
const fewKeys = 8

// add adds a key, and reports false if the object has it already.
func (s *keySet) add(object uint32, text string) bool {
	if len(s.keys) >= fewKeys {
		return s.addHashed(object, text)
	}
	for i := range s.keys {
		if k := &s.keys[i]; k.object == object && k.text == text {
			return false
		}
	}
	s.keys = append(s.keys, scopedKey{object, text})
	return true
}

// addHashed adds a key to those that are many.
func (s *keySet) addHashed(object uint32, text string) bool {
	if len(s.keys) == fewKeys {
		for i := range s.keys {
			slot, _ := s.find(s.keys[i].object, s.keys[i].text)
			*slot = keySlot{s.epoch, uint32(i)}
		}
	}
	slot, found := s.find(object, text)
	if !found {
		*slot = keySlot{s.epoch, uint32(len(s.keys))}
		s.keys = append(s.keys, scopedKey{object, text})
	}
	return !found
}

// find returns the slot that a key has, or is to have.
func (s *keySet) find(object uint32, text string) (slot *keySlot, found bool) {
	h := maphash.String(s.seed, text) + uint64(object)*0x9e3779b97f4a7c15
	for i := h % uint64(len(s.slots)); ; i = (i + 1) % uint64(len(s.slots)) {
		slot = &s.slots[i]
		if slot.epoch != s.epoch {
			return slot, false
		}
		if k := &s.keys[slot.key]; k.object == object && k.text == text {
			return slot, true
		}
	}
}
