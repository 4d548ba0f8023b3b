package writer

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentBytes is how much of a body the kernel may hold that is not on its way yet. By
// itself it takes megabytes, which on a slow link are minutes without a beat of the
// [pulse]; the progress that it sees must be the link's.
const unsentBytes = 128 << 10

// controlDial prepares a connection to a store.
func controlDial(_, _ string, c syscall.RawConn) error {
	// Without the option, as in some sandboxes, all but very slow links are fine.
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
	})
}
