package schema

import (
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// UUIDs: the check of a sender's, and the making of ours.

const uuidExample = "01890a5d-ac96-774b-bcce-b302099a8057"

// isUUID says whether s is a UUID in its usual form, in upper or lower case.
func isUUID(s string) bool {
	if len(s) != len(uuidExample) {
		return false
	}
	for i := range len(s) {
		switch c := s[i] | 0x20; {
		case uuidExample[i] == '-':
			if s[i] != '-' {
				return false
			}
		case '0' <= s[i] && s[i] <= '9':
		case c < 'a' || c > 'f':
			return false
		}
	}
	return true
}

// uuids makes UUIDs of version 7 (RFC 9562), each greater than the one before:
// within a millisecond the random part is counted up by random steps (the RFC's
// method 2).
type uuids struct {
	random *rand.ChaCha8
	millis uint64
	high   uint64 // 12 random bits
	low    uint64 // 62 random bits
}

// newUUIDs seeds a generator from the system's randomness.
func newUUIDs() uuids {
	var seed [32]byte
	crand.Read(seed[:]) // never fails: it ends the process instead
	return uuids{random: rand.NewChaCha8(seed)}
}

// next returns a UUID's text for an event received at that moment. The time in it
// runs ahead of the clock if the clock steps back.
func (u *uuids) next(now time.Time) (text [36]byte) {
	const lowBits = 1<<62 - 1
	r := u.random.Uint64()
	if millis := uint64(now.UnixMilli()); millis > u.millis {
		u.millis, u.high, u.low = millis, u.random.Uint64()&0xfff, r&lowBits
	} else if u.low += 1 + r>>32; u.low > lowBits {
		u.low &= lowBits
		if u.high++; u.high > 0xfff {
			u.high = 0
			u.millis++
		}
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], u.millis<<16|7<<12|u.high)
	binary.BigEndian.PutUint64(b[8:], 2<<62|u.low)
	hex.Encode(text[:8], b[:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return text
}
