package api

import (
	"net/http"
	"testing"
)

func newCoverage() *coverage { return &coverage{answers: map[string]bool{}} }

// The description is valid, and what it says of the first requests is true.
func TestDescription(t *testing.T) {
	t.Parallel()
	g := start(t, newCoverage()).as("", "")
	for _, target := range []string{"/", "/openapi.json", "/v1/events/schema", "/healthz", "/readyz"} {
		if x := g.get(target); x.status != 200 {
			t.Error(&x)
		}
		if x := g.do(http.MethodHead, target, ""); x.status != 200 {
			t.Error(&x)
		}
		g.do(http.MethodOptions, target, "")
		g.do(http.MethodDelete, target, "")
	}
	if x := g.post("/v1/events", `{"type":"message.sent"}`); x.status != 202 {
		t.Error(&x)
	}
}
