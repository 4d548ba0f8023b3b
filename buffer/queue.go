// A blocking queue with two lanes, for the work of drainers and uploaders.

package buffer

import "sync"

// lane orders what a queue hands out: everything in a lower lane goes first.
type lane int

const (
	first lane = iota
	second
	lanes
)

// queue is a FIFO for each lane. It has no bound of its own: what is queued holds
// memory that the budget has counted, or is a file, of which Config.Backlog has no more.
type queue[T any] struct {
	mu    sync.Mutex
	some  sync.Cond
	lanes [lanes][]T
	ended bool
}

func newQueue[T any]() *queue[T] {
	q := new(queue[T])
	q.some.L = &q.mu
	return q
}

// push adds v to a lane.
func (q *queue[T]) push(l lane, v T) {
	q.mu.Lock()
	q.lanes[l] = append(q.lanes[l], v)
	q.mu.Unlock()
	q.some.Signal()
}

// pop waits for an element; false once the queue is closed, whatever is left.
func (q *queue[T]) pop() (v T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ended {
		for l := range q.lanes {
			if len(q.lanes[l]) > 0 {
				v, q.lanes[l][0] = q.lanes[l][0], v
				q.lanes[l] = q.lanes[l][1:]
				return v, true
			}
		}
		q.some.Wait()
	}
	return v, false
}

// close wakes everyone who waits.
func (q *queue[T]) close() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.some.Broadcast()
}

// len is the number of elements in all lanes.
func (q *queue[T]) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for l := range q.lanes {
		n += len(q.lanes[l])
	}
	return n
}

// rest is what a closed queue still holds.
func (q *queue[T]) rest() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []T
	for l := range q.lanes {
		all = append(all, q.lanes[l]...)
	}
	return all
}
