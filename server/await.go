// Prefer: wait=N: an answer that waits for the bucket.

package server

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// waiting is about what a request takes while it waits, beside its header and what
// it is answered with: two goroutines and, over HTTP/2, net/http's part of a stream.
const waiting = 24 << 10

// await waits until the rows are in the bucket, at most as long as the client would
// like, and adds their state to the answer. It hurries nothing, and ends early when
// the client leaves or the server stops. The rows are durable all the while.
func (s *Server) await(w http.ResponseWriter, r *http.Request, p *post, res *result) {
	if !res.stored() || res.Accepted == 0 {
		return // there is nothing that anybody waits for
	}
	// What the body needed is given back, and what is held from here on is counted
	// anew (I6): there may be as many who wait as there are streams.
	p.account.close()
	p.account = account{intake: p.account.intake, tenant: p.account.tenant, share: p.account.share}
	if err := p.account.open(waiting + headerSize(r.Header) + res.size()); err != nil {
		return
	}

	began := time.Now()
	s.metrics.waiting.Inc()
	defer func() {
		s.metrics.waiting.Dec()
		notesOf(w).waited = time.Since(began)
	}()

	ctx, cancel := context.WithTimeout(r.Context(), p.wait)
	var stop sync.WaitGroup
	stop.Go(func() {
		select {
		case <-s.stopped:
			cancel()
		case <-ctx.Done():
		}
	})
	defer stop.Wait()
	defer cancel()

	found, err := s.cfg.Receipts.Await(ctx, p.account.tenant, res.receipt)
	if err != nil {
		return // of an earlier request's rows nothing may be known any more
	}
	res.State, res.Objects = stateOf(found)
	p.applied = append(p.applied, "wait="+strconv.Itoa(int(p.wait/time.Second)))
}

// headerSize is about how many bytes of memory a header holds.
func headerSize(h http.Header) (size int64) {
	const perField = 128 // an entry of the map, and its slice
	for name, values := range h {
		size += int64(perField + len(name))
		for _, v := range values {
			size += int64(len(v))
		}
	}
	return size
}

// size is about how many bytes of memory a result holds.
func (r *result) size() int64 {
	const perError = 64 // an entry without its texts
	size := int64(perError * len(r.Errors))
	for i := range r.Errors {
		size += int64(len(r.Errors[i].Field) + len(r.Errors[i].Message))
	}
	return size
}
