// Package idempotency remembers the first answer to an Idempotency-Key, so that a
// request that is sent again is answered again and not carried out again, also
// while the first is still being carried out.
//
// It knows one process's requests since its start and nothing else: what it
// can't know (another replica, a restart) is told apart by the events' ids.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	// ErrMismatch is returned when the key was used with another fingerprint.
	ErrMismatch = errors.New("the idempotency key belongs to another request")
	// ErrTenantFull is returned when the tenant holds a quarter of the store.
	ErrTenantFull = errors.New("the tenant's idempotency keys are used up")
	// ErrFull is returned when the store holds as many keys as it may.
	ErrFull = errors.New("the idempotency keys are used up")
)

// Options are the bounds of a Store.
type Options struct {
	// Window is how long an answer is remembered, counted from the answer.
	Window time.Duration
	// Keys is the most keys that are held at a time, those in progress included.
	// A key takes about 110 bytes and an A, however long it is, and every whole
	// Unit bytes of an answer count as one key more. A tenant may hold a quarter.
	Keys int
	// Now is the clock; time.Now if nil. It must not go back.
	Now func() time.Time
}

// Unit is how many bytes of an answer count as one key.
const Unit = 256

// Store holds answers of type A by tenant and key. It is safe for concurrent use.
// It has no goroutine: what has expired is let go by the next Begin.
type Store[A any] struct {
	window time.Duration
	keys   int
	share  int // the most of one tenant
	now    func() time.Time
	began  time.Time

	mu struct {
		sync.Mutex
		entries map[half]*entry[A]
		peak    int // the most entries since the map was made: its size
		tenants map[string]*tenant
		held    int // the sum of the tenants'

		// The answered entries in the order of their answers, and so of their
		// expiry.
		oldest, newest *entry[A]
	}
}

// half of a SHA-256 is enough: to be answered with what is another tenant's (I8), or
// another request's, one would have to find a second text with a given half.
type half [sha256.Size / 2]byte

type entry[A any] struct {
	id          half // of a tenant and its key
	fingerprint half
	tenant      *tenant
	units       int32
	done        bool
	settled     chan struct{} // closed when the attempt ends; nil until somebody waits

	// Once done:
	answer  A
	expires time.Duration // after the store began
	next    *entry[A]     // answered after this one
}

// tenant is what one tenant holds; it is forgotten when that is nothing.
type tenant struct {
	name string
	held int
}

// New returns an empty store.
func New[A any](o Options) *Store[A] {
	s := &Store[A]{window: o.Window, keys: max(o.Keys, 1), share: max(o.Keys/4, 1), now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	s.began = s.now()
	s.mu.entries = map[half]*entry[A]{}
	s.mu.tenants = map[string]*tenant{}
	return s
}

// Held is how many keys are held, large answers counted as several.
func (s *Store[A]) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.held
}

// Begin says what to do with a request that has a key: with an Attempt, carry it
// out and end the attempt; without one, send the answer that is returned. The
// fingerprint tells requests of the same key apart, such as the SHA-256 of their
// body and table.
//
// While the key's first request is still being carried out, Begin waits for its
// end. If that was no answer, one of those who wait gets the next attempt. When
// ctx ends first its error is returned.
func (s *Store[A]) Begin(ctx context.Context, tenant, key string, fingerprint [sha256.Size]byte) (*Attempt[A], A, error) {
	name := identify(tenant, key)
	for {
		e, settled, err := s.begin(name, tenant, half(fingerprint[:len(half{})]))
		switch {
		case err != nil:
			var none A
			return nil, none, err
		case settled == nil && e.done:
			return nil, e.answer, nil
		case settled == nil:
			return &Attempt[A]{store: s, entry: e}, e.answer, nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			var none A
			return nil, none, fmt.Errorf("wait for the first answer to an idempotency key: %w", ctx.Err())
		}
	}
}

// begin returns the key's entry: an answered one, or a new one that is the
// caller's to carry out. If somebody else carries it out, settled is closed when
// that ends.
func (s *Store[A]) begin(name half, tenantName string, fingerprint half) (e *entry[A], settled <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireLocked()
	if e = s.mu.entries[name]; e != nil {
		if e.fingerprint != fingerprint {
			return nil, nil, ErrMismatch
		}
		if !e.done && e.settled == nil {
			e.settled = make(chan struct{})
		}
		return e, e.settled, nil
	}
	t := s.mu.tenants[tenantName]
	if t == nil {
		t = &tenant{name: tenantName}
	}
	if t.held >= s.share {
		return nil, nil, ErrTenantFull
	}
	if s.mu.held >= s.keys {
		return nil, nil, ErrFull
	}
	e = &entry[A]{id: name, fingerprint: fingerprint, tenant: t}
	s.mu.entries[name] = e
	s.mu.peak = max(s.mu.peak, len(s.mu.entries))
	s.holdLocked(e, 1)
	return e, nil, nil
}

// Attempt is the right to carry out a request. It must be ended, once; after that
// its methods do nothing, so Abandon can be deferred. It is used by one goroutine
// at a time.
type Attempt[A any] struct {
	store *Store[A]
	entry *entry[A]
}

// Done remembers the answer for the store's window, of which so many bytes lie
// behind pointers. An answer is remembered even if it takes the tenant or the
// store over its bound, since its request has been carried out: then there is no
// room for new keys until enough have expired. It is not changed from now on.
func (a *Attempt[A]) Done(answer A, bytes int) {
	s, e := a.store, a.entry
	if e == nil {
		return
	}
	a.entry = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	e.answer, e.done, e.expires = answer, true, s.now().Sub(s.began)+s.window
	s.holdLocked(e, bytes/Unit)
	if s.mu.newest == nil {
		s.mu.oldest = e
	} else {
		s.mu.newest.next = e
	}
	s.mu.newest = e
	e.wakeLocked()
}

// Abandon forgets the key: the request was not carried out, or nobody knows.
func (a *Attempt[A]) Abandon() {
	s, e := a.store, a.entry
	if e == nil {
		return
	}
	a.entry = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked(e)
	e.wakeLocked()
}

// wakeLocked lets those who wait look again.
func (e *entry[A]) wakeLocked() {
	if e.settled != nil {
		close(e.settled)
		e.settled = nil
	}
}

// expireLocked forgets the answers whose window has passed.
func (s *Store[A]) expireLocked() {
	if s.mu.oldest == nil {
		return
	}
	now := s.now().Sub(s.began)
	for e := s.mu.oldest; e != nil && e.expires <= now; e = s.mu.oldest {
		if s.mu.oldest = e.next; e.next == nil {
			s.mu.newest = nil
		}
		s.forgetLocked(e)
	}
}

// smallMap is the size up to which a map is not worth making smaller.
const smallMap = 1024

// forgetLocked removes an entry. A map never shrinks by itself, so one that has
// become mostly empty is made anew: each entry moved stands for three removed.
func (s *Store[A]) forgetLocked(e *entry[A]) {
	s.holdLocked(e, -int(e.units))
	delete(s.mu.entries, e.id)
	if s.mu.peak <= smallMap || len(s.mu.entries) > s.mu.peak/4 {
		return
	}
	entries := make(map[half]*entry[A], len(s.mu.entries))
	for id, e := range s.mu.entries {
		entries[id] = e
	}
	s.mu.entries, s.mu.peak = entries, len(entries)
}

// holdLocked counts units that the entry takes, or gives back.
func (s *Store[A]) holdLocked(e *entry[A], units int) {
	t := e.tenant
	e.units += int32(units)
	t.held += units
	s.mu.held += units
	if t.held == 0 {
		delete(s.mu.tenants, t.name)
	} else {
		s.mu.tenants[t.name] = t
	}
}

// identify hashes a tenant's key; the tenant's length goes first, so that no two
// pairs are one text.
func identify(tenant, key string) half {
	b := make([]byte, 0, 512)
	b = binary.AppendUvarint(b, uint64(len(tenant)))
	b = append(append(b, tenant...), key...)
	sum := sha256.Sum256(b)
	return half(sum[:len(half{})])
}
