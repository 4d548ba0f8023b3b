// Package drive sends the events of a plan to one or several gateways, each until its
// fate is known, and measures how they answer.
//
// It is made to cost little, so that what is measured is the gateway: bodies are
// written straight into memory that is used again, and the HTTP of it is no more than
// is needed.
package drive
