//go:build !linux

package process

import "syscall"

// dieWithParent can't be had here: a killed test leaves its children.
func dieWithParent() *syscall.SysProcAttr { return nil }
