package schema

// Code is the closed set of reasons why an event is rejected
// (docs/schemas.md lists them; a test compares the two lists).
type Code string

// The reasons. Clients may rely on them; messages may change.
const (
	CodeNotAnObject      Code = "not_an_object"     // the value is JSON, but no object
	CodeInvalidUTF8      Code = "invalid_utf8"      // bytes, or the escape of half a surrogate pair, that are no text
	CodeInvalidEscape    Code = "invalid_escape"    // an escape in a string that JSON does not have
	CodeControlCharacter Code = "control_character" // a character below U+0020 stands unescaped in a string
	CodeDuplicateKey     Code = "duplicate_key"     // an object names a key twice
	CodeDepth            Code = "depth"             // values are nested deeper than MaxDepth
	CodeEventTooLarge    Code = "event_too_large"   // the text is longer than Limits.MaxEvent
	CodeTooManyFields    Code = "too_many_fields"   // more than MaxMembers members, all objects of the event together
	CodeKeyTooLong       Code = "key_too_long"      // a key has more than MaxKey bytes
	CodeNumberTooLong    Code = "number_too_long"   // a number's text has more than MaxNumber bytes
	CodeRequired         Code = "required"          // a required field is absent or null
	CodeUnknownField     Code = "unknown_field"     // the table does not keep fields that its schema does not name
	CodeWrongType        Code = "wrong_type"        // the value's JSON type is not the column's
	CodeFormat           Code = "format"            // the text is no date-time, UUID or decimal
	CodePrecision        Code = "precision"         // a decimal has more digits after the point than the column
	CodeTooSmall         Code = "too_small"         // a number below the minimum, or below the column's range
	CodeTooLarge         Code = "too_large"         // a number above the maximum, or above the column's range
	CodeTooShort         Code = "too_short"         // a string has fewer characters than minLength
	CodeTooLong          Code = "too_long"          // a string has more characters than maxLength
	CodePattern          Code = "pattern"           // a string does not match the pattern
	CodeNotInEnum        Code = "not_in_enum"       // a string is none of the values allowed
	CodeTooLate          Code = "too_late"          // the event's time lies too far before its receipt
	CodeTooEarly         Code = "too_early"         // the event's time lies too far after its receipt
	CodeNotACloudEvent   Code = "not_a_cloudevent"  // was sent as a CloudEvent, and is none of version 1.0
)

// The limits that no table changes. They bound what one event can cost whoever
// reads it next; each lies far above what the events at hand need.
const (
	MaxDepth   = 32    // objects and arrays within one another, the event itself included
	MaxMembers = 1024  // members of all objects of an event
	MaxKey     = 256   // bytes of a key
	MaxNumber  = 64    // bytes of a number's text: float64 needs 24, DECIMAL(38) 40
	MaxErrors  = 1_000 // entries of Decoder.Errors
)
