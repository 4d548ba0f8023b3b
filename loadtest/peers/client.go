// Sending bodies.

package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parquay/loadtest/e2e/wire"
)

// endpoint is where bodies go, and which answer takes them.
type endpoint struct {
	address, path string
	taken         int
}

// sending is what came of sending bodies.
type sending struct {
	requests  int // that were taken
	took      time.Duration
	retries   int64 // answers that said to come back
	latencies []time.Duration
}

// send sends each body once, over so many connections, until there is no further one
// or, if it is not zero, a duration has passed.
func (p endpoint) send(ctx context.Context, e *events, connections int, atMost time.Duration) (sending, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, retries atomic.Int64
	each := make([][]time.Duration, connections)
	var clients sync.WaitGroup
	begin := time.Now()
	for i := range connections {
		clients.Go(func() {
			c, err := wire.Dial(ctx, p.address)
			if err != nil {
				cancel(err)
				return
			}
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })() // whoever waits for an answer waits no longer
			var head []byte
			for ctx.Err() == nil && (atMost == 0 || time.Since(begin) < atMost) {
				n := int(next.Add(1)) - 1
				if n >= e.bodies() {
					return
				}
				began := time.Now()
				body := e.body(n)
				head = wire.AppendHead(head[:0], p.path, p.address, len(body))
				again, err := c.Deliver(ctx, p.taken, head, body)
				if err != nil {
					cancel(err)
					return
				}
				each[i] = append(each[i], time.Since(began))
				retries.Add(again)
			}
		})
	}
	clients.Wait()
	s := sending{took: time.Since(begin), retries: retries.Load(), latencies: slices.Concat(each...)}
	s.requests = len(s.latencies)
	return s, context.Cause(ctx)
}
