package schema

import (
	_ "embed" // for the documents
	"sync"
)

// The tables that every gateway has.

//go:embed events.json
var eventsDocument []byte

//go:embed rejected.json
var rejectedDocument []byte

// Names of the built-in tables. An operator may replace events, not rejected.
const (
	EventsName   = "events"
	RejectedName = "rejected"
)

// ReceiptsName is no table's: the path of a table of that name has another use.
const ReceiptsName = "receipts"

var (
	events   = sync.OnceValue(func() *Table { return mustCompile(EventsName, eventsDocument) })
	rejected = sync.OnceValue(func() *Table { return mustCompile(RejectedName, rejectedDocument) })
)

// Events returns the built-in table of message events.
func Events() *Table { return events() }

// Rejected returns the built-in table of events that a schema refused.
// Its columns are table, code, field, message, raw and received_at.
func Rejected() *Table { return rejected() }

// mustCompile compiles an embedded document, which only a fault of ours makes fail.
func mustCompile(name string, document []byte) *Table {
	t, err := Compile(name, document)
	if err != nil {
		panic(err)
	}
	return t
}
