package schema

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCodes(t *testing.T) {
	if d := cmp.Diff(declaredCodes(t), Codes()); d != "" {
		t.Errorf("Codes differs from the constants of code.go (-constants +codes):\n%s", d)
	}
}

// Every rejected event is counted, also where Errors has no room for it.
func TestCounts(t *testing.T) {
	d := NewDecoder(Events(), sampleLimits)
	body := strings.Repeat(`{"type":"a.b"} {"kind":1} 7 `, 2*MaxErrors) + `{"type":"UPPER"}`
	want := map[Code]int{CodeRequired: 2 * MaxErrors, CodeNotAnObject: 2 * MaxErrors, CodePattern: 1}
	for range 2 { // the second body counts from 0 again
		if err := d.Decode([]byte(body), receipt, noLimit); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, d.Counts()); diff != "" || d.Rejected() != 4*MaxErrors+1 {
			t.Fatalf("%d rejected, counts differ (-want +got):\n%s", d.Rejected(), diff)
		}
	}
	// Nothing is rejected of a body that is all accepted, or none.
	for _, body := range []string{`{"type":"a.b"}`, `{"kind":1} {`} {
		_ = d.Decode([]byte(body), receipt, noLimit)
		if len(d.Counts()) != 0 {
			t.Errorf("%s: %v", body, d.Counts())
		}
	}
}
