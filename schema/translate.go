package schema

// Events of another form, such as CloudEvents: each is turned into the text of an
// event of the table, and then decoded like one.

// Translator turns an event of another form, whose text it is given, into the text
// of one of the table: one object, of JSON that is valid but for what Decode refuses
// in an event. The text is valid until the next call. A refusal rejects the event;
// its Index says nothing.
//
// It is given one JSON value, in UTF-8 and with the escapes of JSON. It keeps nothing
// of it.
type Translator func(text []byte) (event []byte, refusal *EventError)

// translated is the text of the table's event that a value stands for. What is
// wrong with the value's text goes before what its form lacks.
func (d *Decoder) translated(text []byte) ([]byte, fault) {
	if d.translate == nil {
		return text, fault{}
	}
	if f := checkText(text); f.code != "" {
		return nil, f
	}
	event, refusal := d.translate(text)
	if refusal != nil {
		return nil, fault{refusal.Field, refusal.Code, refusal.Message}
	}
	return event, fault{}
}
