package schema

import "slices"

// How often each reason was met: in one body by Counts, and which there are.

// codes are all reasons, in the order of their declaration.
var codes = [...]Code{
	CodeNotAnObject, CodeInvalidUTF8, CodeInvalidEscape, CodeControlCharacter, CodeDuplicateKey, CodeDepth,
	CodeEventTooLarge, CodeTooManyFields, CodeKeyTooLong, CodeNumberTooLong, CodeRequired, CodeUnknownField,
	CodeWrongType, CodeFormat, CodePrecision, CodeTooSmall, CodeTooLarge, CodeTooShort, CodeTooLong, CodePattern,
	CodeNotInEnum, CodeTooLate, CodeTooEarly, CodeNotACloudEvent,
}

// Codes lists all reasons.
func Codes() []Code { return slices.Clone(codes[:]) }

// Counts is how many events of the last body were rejected for each reason, those
// beyond MaxErrors included: their sum is Rejected. The map is valid until the next
// Decode.
func (d *Decoder) Counts() map[Code]int { return d.counts }

// countRejected notes one more event that is rejected.
func (d *Decoder) countRejected(c Code) {
	if d.counts == nil {
		d.counts = make(map[Code]int)
	}
	d.counts[c]++
}
