// Accounts: what became of every tenant's events, in numbers that add up (I7).

package buffer

import (
	"cmp"
	"slices"
	"sync"

	"parquay/schema"
)

// Account is what became of one tenant's events since the process began. At every
// moment (I7)
//
//	Received                        = Committing + Accepted + Rejected + Failed
//	Accepted + Rejected + Recovered = Pending + Stored
type Account struct {
	Tenant     string
	Received   int64 // events whose commit was asked for
	Committing int64 // of those, waiting for the journal
	Accepted   int64 // durable, as rows of their table
	Rejected   int64 // durable, as rows of the table rejected
	Failed     int64 // refused by the journal: never acknowledged
	Late       int64 // of the accepted, those of an hour that had ended
	Recovered  int64 // found in the journal of an earlier process
	Pending    int64 // in the journal, or in its quarantine, and not in the bucket
	Stored     int64 // in the bucket
	Held       int64 // bytes of memory that the tenant has reserved at the moment
}

// otherTenants is the account of all tenants beyond maxAccounts. It is no name
// that a tenant can have.
const otherTenants = "_other"

// maxAccounts bounds the accounts. They are kept for the life of the process,
// since counters that vanish don't add up, and a file of tenants holds no more.
const maxAccounts = 100_000

// account is an Account that changes. Each change keeps both equations, under the
// lock, so whoever looks sees numbers that add up.
type account struct {
	mu     sync.Mutex
	counts Account
}

// tally is the events of one request.
type tally struct{ accepted, rejected, late int64 }

func (n tally) events() int64 { return n.accepted + n.rejected }

// count counts batches by what they will be. hour is that of the receipt.
func count(batches []*schema.Batch, hour int64) (n tally) {
	for _, b := range batches {
		switch {
		case b.Table.Name() == schema.RejectedName:
			n.rejected += int64(b.Rows)
			continue
		case b.Hour < hour:
			n.late += int64(b.Rows)
		}
		n.accepted += int64(b.Rows)
	}
	return n
}

// receive counts events whose commit is asked for.
func (a *account) receive(n tally) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Received += n.events()
	a.counts.Committing += n.events()
}

// commit counts events that are durable now.
func (a *account) commit(n tally) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Committing -= n.events()
	a.counts.Accepted += n.accepted
	a.counts.Rejected += n.rejected
	a.counts.Late += n.late
	a.counts.Pending += n.events()
}

// fail counts events that the journal has refused.
func (a *account) fail(n tally) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Committing -= n.events()
	a.counts.Failed += n.events()
}

// recover counts rows found in the journal of an earlier process.
func (a *account) recover(rows int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Recovered += rows
	a.counts.Pending += rows
}

// store counts rows that are in the bucket now.
func (a *account) store(rows int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Pending -= rows
	a.counts.Stored += rows
}

func (a *account) snapshot() Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts
}

// accounts finds an account by the tenant's name.
type accounts struct {
	mu    sync.RWMutex
	by    map[string]*account
	order []*account // by age
}

func (as *accounts) init() { as.by = map[string]*account{} }

// of returns the tenant's account, and opens it if there is none.
func (as *accounts) of(tenant string) *account {
	as.mu.RLock()
	a := as.by[tenant]
	as.mu.RUnlock()
	if a != nil {
		return a
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	if len(as.order) >= maxAccounts {
		tenant = otherTenants
	}
	if a = as.by[tenant]; a == nil {
		a = &account{counts: Account{Tenant: tenant}}
		as.by[tenant] = a
		as.order = append(as.order, a)
	}
	return a
}

// accountsByAge returns every account as it is, the oldest first.
func (b *Buffer) accountsByAge() []Account {
	b.accounts.mu.RLock()
	order := b.accounts.order // to which others append, beyond its end
	b.accounts.mu.RUnlock()
	held := b.tenants.held()
	list := make([]Account, len(order))
	for i, a := range order {
		list[i] = a.snapshot()
		list[i].Held = held[a]
	}
	return list
}

// Accounts returns the account of every tenant that this process has met, by name.
// Each of them adds up; they are not taken at one moment.
func (b *Buffer) Accounts() []Account {
	list := b.accountsByAge()
	slices.SortFunc(list, func(x, y Account) int { return cmp.Compare(x.Tenant, y.Tenant) })
	return list
}
