// Parquay-Request-Id: one name of a request for its client, the log and whoever
// stands between.

package server

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
)

const (
	requestIDField = "Parquay-Request-Id"
	maxRequestID   = 64
)

// requestID is the client's own id, if it has sent a usable one, else a new one.
func requestID(h http.Header) string {
	if sent := h[requestIDField]; len(sent) == 1 && usableRequestID(sent[0]) {
		return sent[0]
	}
	// Not a secret, and told apart among the requests of some days: 64 bits do.
	var id [8]byte
	var text [16]byte
	binary.BigEndian.PutUint64(id[:], rand.Uint64())
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// usableRequestID reports whether an id can stand in a log: short, of letters that
// need no quoting, and no key that was sent by mistake.
func usableRequestID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return id != "" && len(id) <= maxRequestID && !strings.Contains(id, keyPrefix)
}
