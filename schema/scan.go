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
	text       string
	head, tail uint64 // the first and last eight bytes
	mask       uint64 // of the head: what a shorter text has of it
}

func newOpening(key string) opening {
	o := opening{text: `"` + key + `":`, mask: math.MaxUint64}
	word := []byte(o.text + "\x00\x00\x00\x00\x00\x00\x00\x00")
	o.head = binary.LittleEndian.Uint64(word)
	if n := len(o.text); n < 8 {
		o.mask >>= 8 * (8 - n)
	} else {
		o.tail = binary.LittleEndian.Uint64(word[n-8:])
	}
	return o
}

// begins says whether the text goes on with it at p. Most keys are compared as one
// word or two; at the text's end it may say no.
func (o *opening) begins(text []byte, p int) bool {
	end := p + len(o.text)
	if p+8 > len(text) || end > len(text) || binary.LittleEndian.Uint64(text[p:])&o.mask != o.head {
		return false
	}
	if len(o.text) <= 8 {
		return true
	}
	return binary.LittleEndian.Uint64(text[end-8:]) == o.tail &&
		(len(o.text) <= 16 || string(text[p+8:end-8]) == o.text[8:len(o.text)-8])
}

const ones, tops = 0x0101010101010101, 0x8080808080808080

// scanString looks from p on for the first byte of a string that is not its plain
// text: a quote, a backslash or a control character. seen has a bit set that any
// byte up to there has, and perhaps some that those right after it have.
func scanString(text []byte, p int) (at int, seen uint64) {
	for p+8 <= len(text) {
		w := binary.LittleEndian.Uint64(text[p:])
		seen |= w
		quote, slash := w^ones*'"', w^ones*'\\'
		// The top bit of the first byte that is 0, or below a space, is set; so may
		// be some after it.
		if found := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & tops; found != 0 {
			return p + bits.TrailingZeros64(found)/8, seen
		}
		p += 8
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
