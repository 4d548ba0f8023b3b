// Package scenario says what a run sends: which events, in bodies of which sizes,
// for which tenants and at what rate.
//
// An event depends on nothing but the plan, its worker, its sequence number, its
// tenant and its time, all of which can be read from the row that it becomes. So
// whoever checks a hundred million rows makes each event again in place of
// remembering it.
package scenario
