//go:build !linux

// Elsewhere than on Linux there is no account of processes.

package tree

import (
	"context"
	"os/exec"
	"syscall"
)

// Process can't be had on this system.
type Process struct{}

// Start returns ErrSystem.
func Start(*exec.Cmd, string) (*Process, error) { return nil, ErrSystem }

// PID is no process's.
func (*Process) PID() int { return 0 }

// Ended is never closed.
func (*Process) Ended() <-chan struct{} { return nil }

// Signal returns ErrSystem.
func (*Process) Signal(syscall.Signal) error { return ErrSystem }

// Tail is empty.
func (*Process) Tail() string { return "" }

// Kill does nothing.
func (*Process) Kill() {}

// Wait returns ErrSystem.
func (*Process) Wait(context.Context) (Usage, error) { return Usage{}, ErrSystem }
