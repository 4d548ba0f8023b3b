// Idempotency-Key: a request that is sent again is answered again, and not stored
// again.

package server

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"

	"parquay/schema"
	"parquay/server/cloudevents"
)

// maxKey is the most bytes of an idempotency key.
const maxKey = 255

// storeOnce is store, unless the tenant has sent the same body under the same key
// before: then the result is the first one's. While the first is under way it
// waits for it, and stores the body itself if the first has stored nothing.
func (s *Server) storeOnce(ctx context.Context, p *post, text *buffer) (result, error) {
	attempt, first, err := s.keys.Begin(ctx, p.account.tenant, p.key, p.fingerprint(text.bytes))
	if err != nil {
		return result{}, err
	}
	if attempt == nil {
		s.buffers.put(text)
		return first.replay(), nil
	}
	// Nothing is remembered of what stored nothing, or of an unknown outcome.
	defer attempt.Abandon()
	// The client may leave and come back with the key: so the outcome is waited for.
	res, err := s.store(context.WithoutCancel(ctx), p, text)
	if err == nil && res.stored() {
		attempt.Done(remembered{res.receipt, res.Accepted, res.Rejected, res.Errors}, int(res.size()))
	}
	return res, err
}

// remembered is what a result can be made from again. There are many, so it has no
// more than that.
type remembered struct {
	receipt            Receipt
	accepted, rejected int
	errors             []schema.EventError
}

func (r *remembered) replay() result {
	out := outcome{Accepted: r.accepted, Rejected: r.rejected, Errors: r.errors, Omitted: r.rejected - len(r.errors)}
	return result{outcome: out, receipt: r.receipt, replayed: true}
}

// fingerprint tells requests of one key apart: by the table, by what may be stored
// of the body, by the headers that are a part of an event, and by the body.
func (p *post) fingerprint(text []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	add := func(part string) { // its length goes first, so that no two lists are one text
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	add(p.table.Name())
	add(strconv.FormatBool(p.strict))
	add(strconv.Itoa(int(p.format)))
	if p.format == cloudevents.Binary {
		for _, name := range slices.Sorted(maps.Keys(p.header)) {
			if name == "Content-Type" || strings.HasPrefix(name, "Ce-") {
				add(name)
				add(strings.Join(p.header[name], ", "))
			}
		}
	}
	h.Write(text)
	h.Sum(sum[:0])
	return sum
}

// idempotencyKey reads the field: visible ASCII, with or without the quotes of the
// structured string that the IETF's draft wants.
func idempotencyKey(fields []string) (string, error) {
	if len(fields) == 0 {
		return "", nil
	}
	key := unquote(strings.Trim(fields[0], " \t"))
	if len(fields) > 1 || key == "" || len(key) > maxKey {
		return "", errKey
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return "", errKey
		}
	}
	return key, nil
}
