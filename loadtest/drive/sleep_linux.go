// Sleeping exactly, where that can be done.

package drive

import (
	"syscall"
	"time"
)

// nap sleeps for a short time to within some microseconds. The runtime's own timers
// are exact to a millisecond, which is more than a fast answer takes.
func nap(d time.Duration) {
	t := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&t, nil) // cut short by a signal, the body leaves somewhat early
}
