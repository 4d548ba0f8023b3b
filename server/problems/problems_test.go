package problems

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every kind is whole, and no two have a type in common.
func TestEntries(t *testing.T) {
	name := regexp.MustCompile(`^/problems/[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, k := range All() {
		if !name.MatchString(k.Type()) || k.Title() == "" || seen[k.Type()] {
			t.Errorf("kind %d: type %q, title %q", k, k.Type(), k.Title())
		}
		seen[k.Type()] = true
		if k.Status() < 400 || k.Status() > 599 {
			t.Errorf("%s: status %d", k.Type(), k.Status())
		}
		mayRetry := k.Status() == http.StatusTooManyRequests || k.Status() == http.StatusServiceUnavailable
		if (k.Retry() > 0) != mayRetry {
			t.Errorf("%s: status %d and Retry-After %v", k.Type(), k.Status(), k.Retry())
		}
	}
}

// The table of problems in the documentation is the code's.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/http-api.md")
	if err != nil {
		t.Fatal(err)
	}
	coded, documented := map[string]bool{}, map[string]bool{}
	for _, k := range All() {
		coded[fmt.Sprint(k.Status(), " ", k.Type())] = true
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\d+)` \\| `(/problems/[a-z-]+)` \\|").FindAllSubmatch(page, -1) {
		documented[string(row[1])+" "+string(row[2])] = true
	}
	if diff := cmp.Diff(coded, documented); diff != "" {
		t.Errorf("problems (-code +documentation):\n%s", diff)
	}
}
