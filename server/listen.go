// Listeners, and the rule that nobody is served unasked from another machine.

package server

import (
	"fmt"
	"net"
)

// listen opens a TCP listener. Unless anywhere is true, the address must be a
// loopback one: an open gateway takes anybody's events and shows anybody's heap.
// variable is the setting that would make it true.
func listen(address, what string, anywhere bool, variable string) (*net.TCPListener, error) {
	// Resolved once, so that what was checked is what is listened on.
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("resolve the address for %s: %w", what, err)
	}
	if !anywhere && !addr.IP.IsLoopback() {
		return nil, fmt.Errorf("refusing to listen on %q for %s: other machines can reach it and no credentials are asked for; "+
			"use a loopback address such as 127.0.0.1, or set %s=true to allow it", address, what, variable)
	}
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", what, err)
	}
	return l, nil
}
