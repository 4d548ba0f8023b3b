//go:build !linux

// Sleeping, where it can't be done exactly.

package drive

import "time"

// nap sleeps for a short time.
func nap(d time.Duration) { time.Sleep(d) }
