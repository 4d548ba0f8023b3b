// A worker: one request at a time, each until its fate is known.

package drive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"parquay/loadtest/scenario"
)

// worker sends the bodies of a traffic over one connection to each target.
type worker struct {
	id       int
	traffic  *scenario.Traffic
	maker    *scenario.Maker
	bodies   *scenario.Bodies
	keys     []string // by tenant; nil for a gateway that asks for none
	targets  []target
	conns    []*conn // to each target, nil if there is none
	turn     int     // whose it is
	schedule *schedule
	budget   *budget
	meter    *meter
	options  *Options
	fates    Fates
}

// run sends bodies until the budget is used up or ctx ends. A body that is under way
// then has until hard ends.
func (w *worker) run(ctx, hard context.Context) error {
	defer func() {
		for _, c := range w.conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	var r request
	for ctx.Err() == nil {
		n, tenant := w.bodies.Next(w.id, r.To)
		if n = w.budget.take(n); n == 0 {
			return nil
		}
		intended := w.schedule.take(n)
		if err := r.write(w, n, tenant, intended.UnixMilli()); err != nil {
			return err
		}
		w.fates.Sent = r.To
		if !w.await(ctx, &intended) {
			w.fates.Sent = r.From // never sent
			return nil
		}
		if err := w.deliver(hard, &r, intended); err != nil {
			return err
		}
	}
	return nil
}

// await waits for the moment of a body. Without a schedule that is now.
func (w *worker) await(ctx context.Context, intended *time.Time) bool {
	if w.schedule.rate == 0 {
		*intended = time.Now()
		return true
	}
	wait := time.Until(*intended)
	if wait <= 0 {
		return true
	}
	const exact = 2 * time.Millisecond // the end is slept with a better clock
	if wait > exact && !sleep(ctx, wait-exact) {
		return false
	}
	if wait = time.Until(*intended); wait > 0 {
		nap(wait)
	}
	w.meter.left(time.Since(*intended))
	return true
}

// Between attempts without an answer, from the least to the most.
const (
	leastPause = 5 * time.Millisecond
	mostPause  = time.Second
)

// deliver sends a body until it is acknowledged, always the same bytes.
func (w *worker) deliver(ctx context.Context, r *request, intended time.Time) error {
	pause := leastPause
	for {
		a, sent, err := w.attempt(ctx, r)
		wait := pause
		switch {
		case err != nil && !sent:
			w.meter.count(Counts{Failed: 1})
		case err != nil:
			w.fates.unsure(r.Range)
			w.meter.count(Counts{Unanswered: 1})
		default:
			w.meter.status(&a)
			switch judge(&a) {
			case kept:
				w.fates.ack(r.Range)
				w.meter.acked(r, &a, time.Since(intended), r.check(&a))
				return nil
			case refused:
				wait = max(wait, a.retryAfter)
				w.meter.count(Counts{Refused: 1})
			case unknown:
				w.fates.unsure(r.Range)
				wait = max(wait, a.retryAfter)
				w.meter.count(Counts{Unanswered: 1})
			case hopeless:
				return fmt.Errorf("a body of %d events is refused for good: %d %.500s", r.To-r.From, a.status, a.body)
			}
		}
		if a.retryAfter == 0 {
			// Not all workers at once, and less and less often.
			wait = wait/2 + rand.N(wait)
			pause = min(2*pause, mostPause)
		}
		if !sleep(ctx, wait) {
			w.meter.count(Counts{GivenUp: r.To - r.From})
			return nil
		}
	}
}

// address puts the beginning of the header, which each target has its own of, before
// the rest of a request.
func (w *worker) address(r *request, i int) []byte {
	head := w.targets[i].head
	begin := headRoom - len(head)
	copy(r.bytes[begin:], head)
	return r.bytes[begin:]
}

// attempt sends a body to the next target. Sent is whether any of it has left.
func (w *worker) attempt(ctx context.Context, r *request) (a answer, sent bool, err error) {
	i := w.turn % len(w.targets)
	w.turn++
	if w.conns[i] == nil {
		if w.conns[i], err = w.targets[i].dial(ctx); err != nil {
			return a, false, err
		}
	}
	c := w.conns[i]
	if err := c.SetDeadline(time.Now().Add(w.options.Timeout)); err != nil {
		return a, false, w.drop(i, err)
	}
	if n, err := c.Write(w.address(r, i)); err != nil {
		return a, n > 0, w.drop(i, err)
	}
	if a, err = c.read(); err != nil {
		return a, true, w.drop(i, err)
	}
	if a.close {
		w.drop(i, nil)
	}
	return a, true, nil
}

func (w *worker) drop(i int, err error) error {
	w.conns[i].Close()
	w.conns[i] = nil
	return err
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
