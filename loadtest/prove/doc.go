// Package prove reads what is in a bucket and compares it, row by row, with what a
// run has sent: each acknowledged event must be there exactly once, whole, under its
// tenant and its hour.
//
// It knows the gateway by its documentation alone: how files are named, and which
// columns a table has.
package prove
