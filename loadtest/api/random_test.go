// Random requests must get no answer that is not described.

package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is sent, the answer is one of the described, and no fault of the
// gateway's.
func TestRandomRequests(t *testing.T) {
	t.Parallel()
	t.Run("of anybody", func(t *testing.T) {
		t.Parallel()
		randomRequests(t, start(t, newCoverage()).as("", ""))
	})
	t.Run("over HTTP/2", func(t *testing.T) {
		t.Parallel()
		randomRequests(t, start(t, newCoverage()).overHTTP2().as("", ""))
	})
	t.Run("of a tenant", func(t *testing.T) {
		t.Parallel()
		acme := newTenant("acme")
		acme.Limits = map[string]any{"events_per_second": 1000, "bytes_per_second": 100_000}
		randomRequests(t, startWith(t, newCoverage(), []tenant{acme}))
	})
}

func randomRequests(t *testing.T, g *gateway) {
	rapid.Check(t, func(t *rapid.T) {
		for range 4 {
			x := g.drawPost(t)
			mutate(t, x)
			g.send(x)
			if err := g.check(x); err != nil {
				t.Fatalf("%v\n%v", x, err)
			}
			if x.status >= 500 && x.status != http.StatusServiceUnavailable {
				t.Fatal(x)
			}
		}
	})
}

// What the description allows is accepted: every event of it.
func TestRandomEvents(t *testing.T) {
	t.Parallel()
	g := start(t, newCoverage()).as("", "")
	rapid.Check(t, func(t *rapid.T) {
		x := g.drawPost(t)
		g.send(x)
		if err := g.check(x); err != nil {
			t.Fatalf("%v\n%v", x, err)
		}
		var outcome struct{ Accepted, Rejected int }
		if err := json.Unmarshal(x.content, &outcome); err != nil || x.status > 202 || outcome.Accepted == 0 || outcome.Rejected > 0 {
			t.Fatal(x)
		}
	})
}
