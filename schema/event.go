package schema

import (
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/bytedance/sonic/ast"
)

// One event: a walk over its text, in one pass, calls the On methods, which put every
// value into its column at once. There are two walks, and they take the same events:
// read (walk.go), which most events go by, and sonic's, which says of any other what
// is wrong with it.

// event is the event being read. A row of it is whole after finish; before, undo
// removes it.
type event struct {
	table  *Table
	rows   *Columns
	limits Limits
	fields []field // by column
	timed  *field  // the one that files the event by hour, if the table has one

	moment   time.Time // of receipt
	received int64     // the same in microseconds
	earliest int64     // bounds of the event's time
	latest   int64
	ids      uuids
	moments  moments

	serial uint64 // the event's own number
	keys   keySet
	extra  jsonText
	fault  fault

	place   place
	at      *field  // the field that the next value is for, unless it is an unknown one
	next    **field // which field came after the last known one, last time
	first   *field  // which came first
	key     string  // the last key
	unknown string  // the last unknown field
	depth   int
	members int
	scopes  [MaxDepth + 1]uint32
	scope   uint32 // objects that have begun: each has a number, for its keys

	bytes    uint64 // the bits that any byte of a string has, eight bytes a word
	unquoted []byte // strings that had escapes
}

// field is a field that has a column.
type field struct {
	*Column
	rule    *rule
	opening opening
	vector  *Vector
	memo    *memo  // strings that the pattern has matched
	seen    uint64 // the last event that named it
	next    *field // which field came after it, last time

	digits int // of a whole number or decimal that is read as it is found; 0 for other kinds

	// A string of this many bytes satisfies the rule, whatever it says; others are
	// to be checked.
	least, most int
}

// place says what the next key or value is part of.
type place uint8

const (
	outside place = iota // nothing: the event itself has not begun
	inEvent              // the event: a key, or the value of a field that has a column
	inMap                // a pair of a StringMap
	inList               // an element of a StringList
	inExtra              // an unknown field, or anything within its value
)

// errRefused ends a walk: event.fault says why.
var errRefused = errors.New("event refused")

var visitorOptions = ast.VisitorOptions{OnlyNumber: true}

func (e *event) init(rows *Columns) {
	t := rows.table
	*e = event{table: t, rows: rows, ids: newUUIDs(), fields: make([]field, len(t.rules))}
	for i := range e.fields {
		e.fields[i] = field{
			Column: &t.columns[i], rule: &t.rules[i], vector: rows.Vector(i),
			opening: newOpening(t.columns[i].Name), next: &e.fields[(i+1)%len(e.fields)], // the document's order, to begin with
		}
		if t.rules[i].pattern != nil {
			e.fields[i].memo = new(memo)
		}
		switch c := &t.columns[i]; c.Kind {
		case Decimal:
			e.fields[i].digits = c.Precision
		case Int32, Int64:
			e.fields[i].digits = maxPrecision
		}
		e.fields[i].least, e.fields[i].most = t.rules[i].surelyRight()
	}
	e.first = &e.fields[0]
	if i := t.timeColumn; i < len(e.fields) {
		e.timed = &e.fields[i]
	}
	e.keys.seed = maphash.MakeSeed()
}

// startBody sets what all events of a body have in common.
func (e *event) startBody(received time.Time, limits Limits) {
	e.limits, e.moment = limits, received
	e.received = received.UnixMicro()
	e.earliest = received.Add(-limits.Late).UnixMicro()
	e.latest = received.Add(limits.Early).UnixMicro()
}

// endBody drops every reference to the body.
func (e *event) endBody() {
	e.keys.release()
	e.key, e.unknown, e.fault = "", "", fault{}
}

// walk has sonic read the value at the beginning of the text, which may go on after
// it.
func (e *event) walk(text []byte) error {
	e.begin()
	return ast.Preorder(view(text), e, &visitorOptions)
}

// begin forgets the last event.
func (e *event) begin() {
	e.serial++
	e.keys.clear()
	e.extra = e.extra[:0]
	if e.fault.code != "" {
		e.fault = fault{}
	}
	e.place, e.at, e.next = outside, nil, &e.first
	e.depth, e.members, e.scope = 0, 0, 0
	e.bytes, e.unquoted = 0, e.unquoted[:0]
}

// finish makes the event a row, or returns the name of a required field that it lacks.
func (e *event) finish() (missing string) {
	row := e.rows.rows
	for _, i := range e.table.required {
		if f := &e.fields[i]; !f.vector.Present(row) {
			return f.Name
		}
	}
	if i := e.table.idColumn; i >= 0 && !e.fields[i].vector.Present(row) {
		id := e.ids.next(e.moment)
		e.fields[i].vector.setString(row, view(id[:]))
	}
	if f := e.timed; f != nil && !f.vector.Present(row) {
		f.vector.setInt64(row, e.received)
	}
	if len(e.extra) > 0 {
		e.extra = append(e.extra, '}')
		e.rows.Vector(e.table.extraColumn()).setString(row, view(e.extra))
	}
	e.rows.rows++
	return ""
}

// undo removes what the event has put into the columns.
func (e *event) undo() {
	for i := range e.rows.vectors {
		e.rows.vectors[i].truncate(e.rows.rows)
	}
}

// refuse ends the walk for a reason that concerns the field at hand.
func (e *event) refuse(code Code, format string, args ...any) error {
	f := fault{code: code, message: fmt.Sprintf(format, args...)}
	switch {
	case e.place == outside, code == CodeTooManyFields:
	case code == CodeKeyTooLong && e.depth == 1:
		f.field = e.key
	case e.place == inExtra:
		f.field = e.unknown
	case e.place == inMap:
		f.field = e.at.Name + "." + e.key
	default:
		f.field = e.at.Name
	}
	f.field = cutText(f.field, maxField)
	e.fault = f
	return errRefused
}

// OnObjectKey is called for each key, before its value.
func (e *event) OnObjectKey(key string) error {
	e.key = key
	if e.members++; e.members > MaxMembers {
		return e.refuse(CodeTooManyFields, "must have at most %d fields, all objects together", MaxMembers)
	}
	if len(key) > MaxKey {
		return e.refuse(CodeKeyTooLong, "a key must have at most %d bytes", MaxKey)
	}
	if e.depth == 1 {
		return e.enterField(key)
	}
	if !e.keys.add(e.scopes[e.depth], key) {
		return e.refuse(CodeDuplicateKey, "names the key %q twice", cutText(key, maxField))
	}
	if e.place == inMap {
		e.at.vector.addElement(key)
	} else {
		e.extra = e.extra.key(key)
	}
	return nil
}

// enterField finds the column of one of the event's own fields. Fields usually
// come in the order of the event before, so the one that came next then is tried
// first.
func (e *event) enterField(key string) error {
	f := *e.next
	if f.Name != key {
		i, known := e.table.byName[key]
		if !known {
			return e.enterUnknown(key)
		}
		f = &e.fields[i]
		*e.next = f
	}
	e.place, e.at, e.next = inEvent, f, &f.next
	if f.seen == e.serial {
		return e.refuse(CodeDuplicateKey, "is named twice")
	}
	f.seen = e.serial
	return nil
}

// enterUnknown begins a field that no column is for.
func (e *event) enterUnknown(key string) error {
	e.place, e.unknown = inExtra, key
	if !e.table.keepExtra {
		return e.refuse(CodeUnknownField, "is no field of table %s", e.table.name)
	}
	if !e.keys.add(e.scopes[e.depth], key) {
		return e.refuse(CodeDuplicateKey, "is named twice")
	}
	if len(e.extra) == 0 {
		e.extra = append(e.extra, '{')
	}
	e.extra = e.extra.key(key)
	return nil
}

// OnObjectBegin is called for each opening brace.
func (e *event) OnObjectBegin(int) error {
	if err := e.enter(); err != nil {
		return err
	}
	e.scope++
	e.scopes[e.depth] = e.scope
	switch {
	case e.place == outside:
		e.place = inEvent
	case e.place == inExtra:
		e.extra = e.extra.raw("{")
	case e.place == inEvent && e.at.Kind == StringMap:
		e.place = inMap
	default:
		return e.wrongType("an object")
	}
	return nil
}

// OnObjectEnd is called for each closing brace.
func (e *event) OnObjectEnd() error {
	e.depth--
	if e.depth > 0 {
		e.leave('}')
	}
	return nil
}

// OnArrayBegin is called for each opening bracket.
func (e *event) OnArrayBegin(int) error {
	if err := e.enter(); err != nil {
		return err
	}
	switch {
	case e.place == inExtra:
		e.extra = e.extra.raw("[")
	case e.place == inEvent && e.at.Kind == StringList:
		e.place = inList
	default:
		return e.wrongType("an array")
	}
	return nil
}

// OnArrayEnd is called for each closing bracket.
func (e *event) OnArrayEnd() error {
	e.depth--
	e.leave(']')
	return nil
}

func (e *event) enter() error {
	if e.depth++; e.depth > MaxDepth {
		return e.refuse(CodeDepth, "must not be nested deeper than %d", MaxDepth)
	}
	return nil
}

// leave ends an object or array within the event.
func (e *event) leave(bracket byte) {
	if e.place == inExtra {
		e.extra = append(e.extra, bracket)
		return
	}
	e.at.vector.endElements(e.rows.rows)
	e.place = inEvent
}
