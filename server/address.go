// The address of a client, also behind balancers.

package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// proxies are the networks of balancers that say for whom they ask.
type proxies []netip.Prefix

// client returns the address of whoever sent the request: the peer's or, if that is
// a balancer of ours, the last address in X-Forwarded-For that is not. What stands
// left of that one, the client may have made up. It is the zero address if there is
// none to be read.
func (p proxies) client(r *http.Request) netip.Addr {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	client := plain(peer.Addr())
	fields := r.Header["X-Forwarded-For"]
	for i := len(fields) - 1; i >= 0; i-- {
		for rest, more := fields[i], true; more; {
			if !p.trust(client) {
				return client
			}
			var hop string
			rest, hop, more = cutLast(rest)
			address, err := parseHop(hop)
			if err != nil {
				return client
			}
			client = address
		}
	}
	return client
}

func (p proxies) trust(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

// cutLast takes the last of a list's elements off; more is false at the first one.
func cutLast(text string) (rest, last string, more bool) {
	if i := strings.LastIndexByte(text, ','); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return "", text, false
}

// parseHop reads an address as balancers write it: bare, or with a port.
func parseHop(text string) (netip.Addr, error) {
	text = strings.Trim(text, " \t")
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return plain(withPort.Addr()), nil
	}
	if n := len(text); n > 1 && text[0] == '[' && text[n-1] == ']' {
		text = text[1 : n-1]
	}
	a, err := netip.ParseAddr(text)
	return plain(a), err
}

// plain is an address in the one form that it has in a configuration.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
