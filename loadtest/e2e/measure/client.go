package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"parquay/loadtest/e2e/wire"
)

// request is an HTTP request for a body of events, ready to be written.
func request(body []byte) []byte {
	return append(wire.AppendHead(nil, "/v1/events", "parquay", len(body)), body...)
}

// sending is what came of sending some requests.
type sending struct {
	took      time.Duration
	retries   int64           // requests that were answered 429 or 503 and sent again
	latencies []time.Duration // of the requests that were taken
}

// send sends every request once, over so many connections.
func send(ctx context.Context, address string, requests [][]byte, connections int) (sending, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next, retries atomic.Int64
	latencies := make([]time.Duration, len(requests))
	errs := make([]error, connections)
	var clients sync.WaitGroup
	begin := time.Now()
	for i := range connections {
		clients.Go(func() {
			c, err := wire.Dial(ctx, address)
			if err != nil {
				errs[i] = err
				cancel()
				return
			}
			defer c.Close()
			for errs[i] == nil && ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(requests) {
					return
				}
				began := time.Now()
				again, err := c.Deliver(ctx, http.StatusAccepted, requests[n])
				latencies[n] = time.Since(began)
				retries.Add(again)
				if err != nil {
					errs[i] = err
					cancel()
				}
			}
		})
	}
	clients.Wait()
	return sending{time.Since(begin), retries.Load(), latencies}, errors.Join(append(errs, context.Cause(ctx))...)
}
