// The attributes of a CloudEvent and the members of its data, as one event.

package cloudevents

import (
	"bytes"
	"slices"

	"parquay/schema"
)

// merge writes the event. What attributes and data both name has the attribute's
// value; where the data's is another, it is kept within the field data.
func (t *translator) merge() ([]byte, *schema.EventError) {
	t.event = append(t.event[:0], '{')
	for _, p := range t.fields {
		t.write(p.key, p.value)
	}
	t.beaten = t.beaten[:0]
	inner, refusal := t.mergeData()
	if refusal != nil {
		return nil, refusal
	}
	outer := len(t.beaten)
	if inner {
		if refusal := t.mergeInner(); refusal != nil {
			return nil, refusal
		}
	}
	t.writeBeaten(outer)
	switch {
	case t.base64:
		t.write([]byte(`"data_base64"`), t.value)
	case t.value != nil:
		t.write([]byte(`"data"`), t.value)
	}
	t.event = append(t.event, '}')
	return t.event, nil
}

// mergeData writes the members of the data that no attribute has taken the place of.
// It reports whether the attributes column is still to be written.
func (t *translator) mergeData() (inner bool, refusal *schema.EventError) {
	inner, met := len(t.pairs) > 0, false
	for _, m := range t.data {
		if !bytes.Equal(m.key, t.attributes) {
			if refusal := t.settle(t.fields, m); refusal != nil {
				return false, refusal
			}
			continue
		}
		switch {
		case met:
			return false, refuse(m.name(), schema.CodeDuplicateKey, "is named twice")
		case m.value[0] == '{':
			inner = true
		case !m.isNull():
			t.write(m.key, m.value) // the table refuses it
		}
		met = true
	}
	return inner, nil
}

// mergeInner writes the attributes column: the pairs of the data, then those of the
// CloudEvent.
func (t *translator) mergeInner() *schema.EventError {
	t.write(t.attributes, []byte("{"))
	for _, m := range t.inner {
		if refusal := t.settle(t.pairs, m); refusal != nil {
			refusal.Field = member{key: t.attributes}.name() + "." + refusal.Field
			return refusal
		}
	}
	for _, p := range t.pairs {
		t.write(p.key, nil)
		if p.bare {
			t.event = append(append(append(t.event, '"'), p.value...), '"')
		} else {
			t.event = append(t.event, p.value...)
		}
	}
	t.event = append(t.event, '}')
	return nil
}

// settle writes a member of the data, if no attribute has taken its place.
func (t *translator) settle(attributes []placed, m member) *schema.EventError {
	i, found := slices.BinarySearchFunc(attributes, m, func(p placed, m member) int { return bytes.Compare(p.key, m.key) })
	if !found {
		t.write(m.key, m.value)
		return nil
	}
	p := &attributes[i]
	if p.met {
		return refuse(m.name(), schema.CodeDuplicateKey, "is named twice")
	}
	p.met = true
	if !m.isNull() && !p.equals(m.value) {
		t.beaten = append(t.beaten, m)
	}
	return nil
}

// equals says whether the data says the same as the attribute.
func (p *placed) equals(value []byte) bool {
	if !p.bare {
		return equal(p.value, value)
	}
	s, ok := unquote(value)
	return ok && s == string(p.value)
}

// writeBeaten keeps what attributes have taken the place of: members of the data, of
// which there are so many, and then of its attributes.
func (t *translator) writeBeaten(outer int) {
	if len(t.beaten) == 0 {
		return
	}
	t.write([]byte(`"data"`), []byte("{"))
	for i, m := range t.beaten {
		if i == outer {
			t.write(t.attributes, []byte("{"))
		}
		t.write(m.key, m.value)
	}
	if outer < len(t.beaten) {
		t.event = append(t.event, '}')
	}
	t.event = append(t.event, '}')
}

// write writes a member. A brace can be last only where an object begins: whatever
// follows a value ends with something else.
func (t *translator) write(key, value []byte) {
	if t.event[len(t.event)-1] != '{' {
		t.event = append(t.event, ',')
	}
	t.event = append(append(append(t.event, key...), ':'), value...)
}
