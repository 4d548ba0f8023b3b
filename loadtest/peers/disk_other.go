//go:build !linux

// The disk, elsewhere than on Linux.

package main

import "os"

// settleDisk can't be had here.
func settleDisk() {}

// syncData syncs the file's length and times, too.
func syncData(f *os.File) error { return f.Sync() }

// fileSystem is not known here.
func fileSystem(string) string { return "unknown file system" }
