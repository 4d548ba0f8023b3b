// Tenants: who they are as long as they have something in memory.

package buffer

import (
	"sync"
	"sync/atomic"

	"parquay/schema"
)

// tenant is one tenant's share of the memory, its ring and what was popped from
// it. It exists while anything refers to it, which pins count: were a second one of
// the name made meanwhile, both would make files of the same names.
type tenant struct {
	b       *Buffer
	name    string
	account *account

	used  atomic.Int64 // bytes reserved or held, of share
	share atomic.Int64 // bytes that the latest reservation allowed it
	pins  atomic.Int64 // reservations, commits and row groups under way, and windows whose end it has not seen

	ring    ring
	turn    turn
	pressed atomic.Bool // its share is short: make room
	shed    atomic.Bool // all memory is short: make room

	undrained int64 // committer's: bytes pushed since the drainer was last called

	parts map[partKey]*partition // drainer's
}

// partKey tells the files of one tenant apart.
type partKey struct {
	window *window
	table  *schema.Table
	hour   int64
}

func (t *tenant) take(n, limit int64) bool { return takeUpTo(&t.used, n, limit) }

func (t *tenant) give(n int64) { t.used.Add(-n) }

// unpin removes the tenant when nothing refers to it any more.
func (t *tenant) unpin() {
	if t.pins.Add(-1) == 0 {
		t.b.tenants.drop(t)
	}
}

// tenants finds a tenant by name. Idle ones cost nothing: they are not there.
type tenants struct {
	mu sync.RWMutex
	by map[string]*tenant
}

func (ts *tenants) init() { ts.by = map[string]*tenant{} }

// pin returns the tenant and keeps it until unpin.
func (ts *tenants) pin(b *Buffer, name string) *tenant {
	ts.mu.RLock()
	t := ts.by[name]
	if t != nil {
		t.pins.Add(1) // under the lock, so that drop sees it
	}
	ts.mu.RUnlock()
	if t != nil {
		return t
	}

	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t = ts.by[name]; t == nil {
		t = &tenant{b: b, name: name, account: b.accounts.of(name), parts: map[partKey]*partition{}}
		t.share.Store(b.cfg.RingBytes)
		t.ring.init()
		ts.by[name] = t
	}
	t.pins.Add(1)
	return t
}

func (ts *tenants) drop(t *tenant) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.pins.Load() == 0 && ts.by[t.name] == t {
		delete(ts.by, t.name)
	}
}

// len is the number of tenants in memory.
func (ts *tenants) len() int {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	return len(ts.by)
}

// held is how many bytes the tenants of each account hold at the moment.
func (ts *tenants) held() map[*account]int64 {
	held := map[*account]int64{}
	ts.each(func(t *tenant) { held[t.account] += t.used.Load() })
	return held
}

// fullest is the largest part of a share that a tenant has taken.
func (ts *tenants) fullest() (ratio float64) {
	ts.each(func(t *tenant) {
		ratio = max(ratio, float64(t.used.Load())/float64(t.share.Load()))
	})
	return ratio
}

// each calls f for every tenant.
func (ts *tenants) each(f func(*tenant)) {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	for _, t := range ts.by {
		f(t)
	}
}
