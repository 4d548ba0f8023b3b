// The store against a plain map.

package idempotency

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is what a Store promises, in the plainest way.
type model struct {
	keys map[string]*remembered
	now  time.Time
}

type remembered struct {
	tenant      string
	fingerprint byte
	attempt     *Attempt[int] // while in progress
	answer      int
	expires     time.Time
	units       int
}

func (m *model) expire() {
	for k, r := range m.keys {
		if r.attempt == nil && !m.now.Before(r.expires) {
			delete(m.keys, k)
		}
	}
}

// held is what one tenant holds, or all do ("").
func (m *model) held(tenant string) (n int) {
	for _, r := range m.keys {
		if tenant == "" || r.tenant == tenant {
			n += r.units
		}
	}
	return n
}

func TestStoreModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{keys: map[string]*remembered{}, now: time.Unix(1795398330, 0)}
		bound := rapid.IntRange(1, 24).Draw(t, "keys")
		window := time.Duration(rapid.IntRange(1, 10).Draw(t, "window"))
		s := New[int](Options{Window: window, Keys: bound, Now: func() time.Time { return m.now }})
		answers := 0
		// inProgress picks one of the attempts.
		inProgress := func(t *rapid.T) (string, *remembered) {
			var names []string
			for tenant := range 4 {
				for key := range 8 {
					name := fmt.Sprintf("t%d/%d", tenant, key)
					if r := m.keys[name]; r != nil && r.attempt != nil {
						names = append(names, name)
					}
				}
			}
			if len(names) == 0 {
				t.Skip("none is in progress")
			}
			name := rapid.SampledFrom(names).Draw(t, "attempt")
			return name, m.keys[name]
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				tenant := fmt.Sprintf("t%d", rapid.IntRange(0, 3).Draw(t, "tenant"))
				key := fmt.Sprint(rapid.IntRange(0, 7).Draw(t, "key"))
				fingerprint := byte(rapid.IntRange(0, 1).Draw(t, "fingerprint"))
				name := tenant + "/" + key
				m.expire()
				var want error
				r := m.keys[name]
				switch {
				case r != nil && r.fingerprint != fingerprint:
					want = ErrMismatch
				case r != nil && r.attempt != nil:
					want = context.Canceled
				case r != nil:
				case m.held(tenant) >= max(bound/4, 1):
					want = ErrTenantFull
				case m.held("") >= bound:
					want = ErrFull
				}
				a, answer, err := s.Begin(ended(), tenant, key, [32]byte{fingerprint})
				if !errors.Is(err, want) || err != nil && (a != nil || answer != 0) {
					t.Fatalf("Begin(%s) = %v, %d, %v; want %v", name, a, answer, err, want)
				}
				switch {
				case err != nil:
				case r != nil && (a != nil || answer != r.answer):
					t.Fatalf("Begin(%s) = %v, %d; want the answer %d", name, a, answer, r.answer)
				case r == nil && a == nil:
					t.Fatalf("Begin(%s) = the answer %d; want an attempt", name, answer)
				case r == nil:
					m.keys[name] = &remembered{tenant: tenant, fingerprint: fingerprint, attempt: a, units: 1}
				}
			},
			"done": func(t *rapid.T) {
				_, r := inProgress(t)
				bytes := rapid.IntRange(0, 4*Unit).Draw(t, "bytes")
				answers++
				r.attempt.Done(answers, bytes)
				r.attempt, r.answer, r.expires = nil, answers, m.now.Add(window)
				r.units += bytes / Unit
			},
			"abandon": func(t *rapid.T) {
				name, r := inProgress(t)
				r.attempt.Abandon()
				delete(m.keys, name)
			},
			"pass": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "time")))
			},
			"": func(t *rapid.T) {
				s.mu.Lock()
				s.expireLocked()
				entries, tenants := len(s.mu.entries), len(s.mu.tenants)
				s.mu.Unlock()
				m.expire()
				owners := map[string]bool{}
				for _, r := range m.keys {
					owners[r.tenant] = true
				}
				if s.Held() != m.held("") || entries != len(m.keys) || tenants != len(owners) {
					t.Fatalf("held %d in %d entries of %d tenants; want %d, %d, %d",
						s.Held(), entries, tenants, m.held(""), len(m.keys), len(owners))
				}
			},
		})
	})
}
