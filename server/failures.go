// The bound on failed credentials, by address.

package server

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

const (
	// failureBurst is how often an address may fail at once: a deployment with an
	// old key, or somebody at a shell, but no search.
	failureBurst = 10
	// failureInterval is how soon it may fail once more after that.
	failureInterval = time.Second
	// maxFailing is how many addresses are remembered, about 200 bytes each. More
	// at a time are an attack from everywhere, which no count by address bounds;
	// that a key has 260 random bits does.
	maxFailing = 8192
)

// failures remembers who has failed lately. It is safe for concurrent use.
type failures struct {
	mu struct {
		sync.Mutex
		byAddress map[netip.Addr]*list.Element
		order     list.List // of *failing, the one that failed last in front
	}
}

// failing is an address and when its failures will be forgotten: each adds an
// interval to it.
type failing struct {
	address netip.Addr
	until   time.Time
}

func newFailures() *failures {
	f := &failures{}
	f.mu.byAddress = map[netip.Addr]*list.Element{}
	return f
}

// allow counts a failure, and reports whether its address may fail that often.
func (f *failures) allow(client netip.Addr, now time.Time) bool {
	address := neighbourhood(client)
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.mu.byAddress[address]
	if e == nil {
		e = f.addLocked(address)
	}
	f.mu.order.MoveToFront(e)
	known := e.Value.(*failing)
	if known.until.Before(now) {
		known.until = now
	}
	if known.until.Sub(now) > (failureBurst-1)*failureInterval {
		return false
	}
	known.until = known.until.Add(failureInterval)
	return true
}

// addLocked remembers an address, and forgets the one that failed longest ago if
// there are too many.
func (f *failures) addLocked(address netip.Addr) *list.Element {
	if len(f.mu.byAddress) >= maxFailing {
		oldest := f.mu.order.Back()
		delete(f.mu.byAddress, oldest.Value.(*failing).address)
		f.mu.order.Remove(oldest)
	}
	e := f.mu.order.PushFront(&failing{address: address})
	f.mu.byAddress[address] = e
	return e
}

// neighbourhood is what one client can choose its address from: with IPv6 that is
// at least a whole /64.
func neighbourhood(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
