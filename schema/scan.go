package schema

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// What the common road looks for in a text: the ends of tokens, and the key that is
// expected. Offsets may lie beyond the text, or be aside; what is there is no token.

// opening is a key as it usually stands, with its quotes and colon.
type opening struct {
	text        string
	words, mask [3]uint64 // its bytes, and which of the 24 it has
	room        int       // how much text is to be left where it is looked for
}

func newOpening(key string) opening {
	o := opening{text: `"` + key + `":`, room: 24}
	if len(o.text) > o.room {
		o.room = math.MaxInt // never
	}
	var bytes, mask [24]byte
	for i := range copy(bytes[:], o.text) {
		mask[i] = math.MaxUint8
	}
	for i := range o.words {
		o.words[i] = binary.LittleEndian.Uint64(bytes[8*i:])
		o.mask[i] = binary.LittleEndian.Uint64(mask[8*i:])
	}
	return o
}

// begins says whether the text goes on with it at p. It may say no where it does, if
// the text ends soon, or if the key is long.
func (o *opening) begins(text []byte, p int) bool {
	if len(text)-p < o.room {
		return false
	}
	s := text[p : p+24 : p+24]
	return (binary.LittleEndian.Uint64(s)^o.words[0])&o.mask[0]|
		(binary.LittleEndian.Uint64(s[8:])^o.words[1])&o.mask[1]|
		(binary.LittleEndian.Uint64(s[16:])^o.words[2])&o.mask[2] == 0
}

// wordAt is the eight bytes from p on, which the text has. The third index spares the
// code that keeps an empty slice from pointing beyond its array.
func wordAt(text []byte, p int) uint64 { return binary.LittleEndian.Uint64(text[p : p+8 : p+8]) }

const ones, tops = 0x0101010101010101, 0x8080808080808080

// scanString looks from p on for the first byte of a string that is not its plain
// text: a quote, a backslash or a control character. seen has a bit set that any
// byte up to there has, and perhaps some that those right after it have.
func scanString(text []byte, p int) (at int, seen uint64) {
	for ; p+8 <= len(text); p += 8 {
		w := wordAt(text, p)
		seen |= w
		if found := special(w); found != 0 {
			return p + bits.TrailingZeros64(found)/8, seen
		}
	}
	for ; p < len(text); p++ {
		c := text[p]
		if c == '"' || c == '\\' || c < ' ' {
			break
		}
		seen |= uint64(c)
	}
	return p, seen
}

// special has the top bit of each byte set that is a quote, a backslash or a control
// character. A quote and what is below a space are what is below '!' once bit 1 is turned.
// Of the sums the top bit of such a byte, or of a backslash, is 0.
func special(w uint64) uint64 {
	low := w &^ tops
	return ^(((low^ones*2)+ones*(0x80-'!'))&((low^ones*'\\')+ones*0x7f) | w) & tops
}

// plainBytes is how many bytes of two words stand before a special one, 16 if all do.
func plainBytes(first, second uint64) int {
	if found := special(first); found != 0 {
		return bits.TrailingZeros64(found) / 8
	}
	return 8 + bits.TrailingZeros64(special(second))/8
}

// numberEnd returns where the number ends that begins at p, or aside.
func numberEnd(text []byte, p int) int {
	if byteAt(text, p) == '-' {
		p++
	}
	first := byteAt(text, p)
	from := p
	if p = digits(text, p); p == from || first == '0' && p > from+1 {
		return aside
	}
	if byteAt(text, p) == '.' {
		from = p + 1
		if p = digits(text, from); p == from {
			return aside
		}
	}
	if byteAt(text, p)|0x20 == 'e' {
		if p++; byteAt(text, p) == '+' || byteAt(text, p) == '-' {
			p++
		}
		from = p
		if p = digits(text, p); p == from {
			return aside
		}
	}
	return p
}

// digits returns the offset of the next byte that is no digit.
func digits(text []byte, p int) int {
	for byteAt(text, p)-'0' <= 9 {
		p++
	}
	return p
}

// literal returns where the word ends that stands at p, or aside.
func literal(text []byte, p int, word string) int {
	if end := p + len(word); end <= len(text) && string(text[p:end]) == word {
		return end
	}
	return aside
}

// space returns the offset of the next byte that is no white space.
func space(text []byte, p int) int {
	for byteAt(text, p) <= ' ' && isSpace(byteAt(text, p)) {
		p++
	}
	return p
}

// byteAt is the byte at p, 0 beyond the text and at aside: no token has it.
func byteAt(text []byte, p int) byte {
	if uint(p) < uint(len(text)) {
		return text[p]
	}
	return 0
}
