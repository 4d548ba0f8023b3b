//go:build !linux

package writer

import "syscall"

// controlDial has nothing to prepare here.
func controlDial(_, _ string, _ syscall.RawConn) error { return nil }
