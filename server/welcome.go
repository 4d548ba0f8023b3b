// What the gateway says of itself to people: GET /.

package server

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"parquay/schema"
)

// getWelcome says how to post an event to this very address, in ten lines. It needs
// no credential, and so names nothing that needs one.
func (s *Server) getWelcome(w http.ResponseWriter, r *http.Request) {
	key := ""
	if s.cfg.Tenants != nil {
		key = "-H 'Authorization: Bearer KEY' "
	}
	event := `'{"type":"message.sent"}'`
	if e := s.endpoints[schema.EventsName]; e == nil || !bytes.Equal(e.table.Document(), schema.Events().Document()) {
		event = "@event.json"
	}
	at := s.address(r)
	text := fmt.Sprintf(`Parquay takes JSON events and keeps them as Parquet files.

  curl %[1]s-d %[2]s %[3]s/v1/events

posts an event to the table events. Send one object, an array of them, or one a line; gzip and zstd
are taken. 202 means that all are kept; every other answer says in JSON what to do about it.

Schema of the events:  %[3]s/v1/events/schema
OpenAPI 3.1:           %[3]s/openapi.json
Documentation:         docs/http-api.md, which comes with the program
`, key, event, at)
	w.Header().Set("Cache-Control", "no-store") // it repeats the request's Host
	send(w, http.StatusOK, plainType, []byte(text))
}

// address is where the client has found us; a balancer of ours that ends TLS says
// so. Whoever pastes a line of the answer into a shell must get nothing else out of
// the Host field.
func (s *Server) address(r *http.Request) string {
	host := r.Host
	if host == "" || len(host) > 255 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") != "" {
		host = "localhost"
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	if r.TLS != nil || (r.Header.Get("X-Forwarded-Proto") == "https" && s.proxies.trust(plain(peer.Addr()))) {
		return "https://" + host
	}
	return "http://" + host
}
