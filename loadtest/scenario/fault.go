// Events that a schema refuses.

package scenario

import "bytes"

// fault spoils an event. Its text changes, and its id stays readable.
type fault struct {
	code    string // by which the gateway refuses it
	builtIn bool   // for the table events alone
	spoil   func(text []byte) []byte
}

var (
	nested = append(append([]byte(`,"x":`), bytes.Repeat([]byte("["), 40)...), append(bytes.Repeat([]byte("]"), 40), '}')...)

	faults = []fault{
		{"duplicate_key", false, func(text []byte) []byte { return add(text, `,"x":1,"x":2}`) }},
		{"invalid_escape", false, func(text []byte) []byte { return add(text, `,"x":"\q"}`) }},
		{"depth", false, func(text []byte) []byte { return add(text, string(nested)) }},
		{"required", true, func(text []byte) []byte { return bytes.Replace(text, []byte(`"type":`), []byte(`"kind":`), 1) }},
		{"pattern", true, func(text []byte) []byte {
			return bytes.Replace(text, []byte(`"type":"message`), []byte(`"type":"Message`), 1)
		}},
		{"not_in_enum", true, func(text []byte) []byte {
			return bytes.Replace(text, []byte(`"direction":"out`), []byte(`"direction":"sideways`), 1)
		}},
		{"too_long", true, func(text []byte) []byte {
			return bytes.Replace(text, []byte(`"country":"`), []byte(`"country":"of `), 1)
		}},
		{"wrong_type", true, func(text []byte) []byte {
			return bytes.Replace(text, []byte(`"content_type":"template"`), []byte(`"content_type":["template"]`), 1)
		}},
	}
)

// add puts members before the end of an object.
func add(text []byte, members string) []byte {
	return append(text[:len(text)-1], members...)
}

// faultOf picks the fault of an invalid event.
func (p *Plan) faultOf(r *random) *fault {
	for {
		f := &faults[r.below(uint64(len(faults)))]
		if !f.builtIn || p.Sample == nil {
			return f
		}
	}
}
