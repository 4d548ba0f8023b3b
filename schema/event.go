package schema

import (
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/bytedance/sonic/ast"
)

// One event: sonic walks its text in one pass and calls the On methods, which put
// every value into its column at once. Nothing is allocated but what sonic needs
// for a string with escapes.

// event is the event being read. A row of it is whole after finish; before, undo
// removes it.
type event struct {
	table  *Table
	rows   *Columns
	limits Limits

	received int64 // the moment of receipt in microseconds
	earliest int64 // bounds of the event's time
	latest   int64
	moment   time.Time
	ids      uuids
	memos    []*memo // by column: the strings that its pattern matched

	epoch uint64   // the event's number
	seen  []uint64 // by column: the last event that named it
	next  []int    // by column, and one for the start: which column came next last time
	keys  keySet
	extra jsonText
	fault fault

	place   place
	column  int    // the column that the next value is for, -1 for an unknown field
	last    int    // the known column before
	key     string // the last key
	field   string // the last key of an unknown field
	depth   int
	objects int // objects that have ended
	members int
	scopes  [MaxDepth + 1]uint32
	scope   uint32 // objects that have begun: each has a number, for its keys
}

// place says what the next key or value is part of.
type place uint8

const (
	outside place = iota // the event itself has not begun, or has ended
	inEvent              // a member of the event
	inMap                // a pair of a StringMap
	inList               // an element of a StringList
	inExtra              // a value within an unknown field
)

// errRefused ends a walk: event.fault says why.
var errRefused = errors.New("event refused")

var visitorOptions = ast.VisitorOptions{OnlyNumber: true}

func (e *event) init(rows *Columns) {
	t := rows.table
	*e = event{
		table: t, rows: rows, ids: newUUIDs(),
		memos: make([]*memo, len(t.rules)),
		seen:  make([]uint64, len(t.rules)),
		next:  make([]int, len(t.rules)+1),
	}
	for i := range t.rules {
		e.next[i] = i // the column after i-1, in the document's order
		if t.rules[i].pattern != nil {
			e.memos[i] = new(memo)
		}
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
	e.key, e.field, e.fault = "", "", fault{}
}

// walk reads the value at the beginning of the text, which may go on after it.
func (e *event) walk(text []byte) error {
	e.epoch++
	e.keys.clear()
	e.extra = e.extra[:0]
	e.fault = fault{}
	e.place, e.column, e.last = outside, -1, -1
	e.depth, e.objects, e.members, e.scope = 0, 0, 0, 0
	return ast.Preorder(view(text), e, &visitorOptions)
}

// finish makes the event a row, or says why it can't be one.
func (e *event) finish(text []byte) fault {
	if f := checkText(text); f.code != "" {
		return f
	}
	row, t := e.rows.rows, e.table
	for _, i := range t.required {
		if !e.rows.vectors[i].Present(row) {
			return fault{t.columns[i].Name, CodeRequired, "is required"}
		}
	}
	if i := t.idColumn; i >= 0 && !e.rows.vectors[i].Present(row) {
		id := e.ids.next(e.moment)
		e.rows.vectors[i].setString(row, view(id[:]))
	}
	if i := t.timeColumn; i < len(t.rules) && !e.rows.vectors[i].Present(row) {
		e.rows.vectors[i].setInt64(row, e.received)
	}
	if len(e.extra) > 0 {
		e.extra = append(e.extra, '}')
		e.rows.vectors[t.extraColumn()].setString(row, view(e.extra))
	}
	e.rows.rows++
	return fault{}
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
	case e.place == outside:
	case code == CodeTooManyFields:
	case code == CodeKeyTooLong && e.place == inEvent:
		f.field = cutText(e.key, maxField)
	case e.column < 0:
		f.field = cutText(e.field, maxField)
	case e.place == inMap:
		f.field = cutText(e.table.columns[e.column].Name+"."+e.key, maxField)
	default:
		f.field = e.table.columns[e.column].Name
	}
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
	if e.place == inEvent {
		return e.enterField(key)
	}
	if !e.keys.add(e.scopes[e.depth], key) {
		return e.refuse(CodeDuplicateKey, "names the key %q twice", cutText(key, maxField))
	}
	if e.place == inMap {
		e.rows.vectors[e.column].addElement(key)
	} else {
		e.extra = e.extra.key(key)
	}
	return nil
}

// enterField finds the column of one of the event's own fields. Fields usually
// come in the order of the event before, so the column that came next then is
// tried first.
func (e *event) enterField(key string) error {
	next := &e.next[e.last+1]
	i := *next
	if i >= len(e.table.rules) || e.table.columns[i].Name != key {
		known := false
		if i, known = e.table.byName[key]; !known {
			return e.enterUnknown(key)
		}
		*next = i
	}
	e.column, e.last = i, i
	if e.seen[i] == e.epoch {
		return e.refuse(CodeDuplicateKey, "is named twice")
	}
	e.seen[i] = e.epoch
	return nil
}

// enterUnknown begins a field that no column is for.

func (e *event) enterUnknown(key string) error {
	e.column, e.field = -1, key
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
	case e.place == inExtra, e.column < 0:
		e.place = inExtra
		e.extra = e.extra.raw("{")
	case e.place == inEvent && e.table.columns[e.column].Kind == StringMap:
		e.place = inMap
	default:
		return e.wrongType("an object")
	}
	return nil
}

// OnObjectEnd is called for each closing brace.
func (e *event) OnObjectEnd() error {
	e.depth--
	e.objects++
	switch e.place {
	case inMap:
		e.endCollection()
	case inExtra:
		e.leaveExtra('}')
	default:
		e.place = outside
	}
	return nil
}

// OnArrayBegin is called for each opening bracket.
func (e *event) OnArrayBegin(int) error {
	if err := e.enter(); err != nil {
		return err
	}
	switch {
	case e.place == outside:
		return e.wrongType("an array")
	case e.place == inExtra, e.column < 0:
		e.place = inExtra
		e.extra = e.extra.raw("[")
	case e.place == inEvent && e.table.columns[e.column].Kind == StringList:
		e.place = inList
	default:
		return e.wrongType("an array")
	}
	return nil
}

// OnArrayEnd is called for each closing bracket.
func (e *event) OnArrayEnd() error {
	e.depth--
	if e.place == inList {
		e.endCollection()
	} else {
		e.leaveExtra(']')
	}
	return nil
}

func (e *event) enter() error {
	if e.depth++; e.depth > MaxDepth {
		return e.refuse(CodeDepth, "must not be nested deeper than %d", MaxDepth)
	}
	return nil
}

func (e *event) leaveExtra(bracket byte) {
	e.extra = append(e.extra, bracket)
	if e.depth == 1 {
		e.place = inEvent
	}
}

func (e *event) endCollection() {
	e.rows.vectors[e.column].endElements(e.rows.rows)
	e.place = inEvent
}
