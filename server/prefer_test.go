package server

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPrefer(t *testing.T) {
	type want struct {
		strict  bool
		waits   bool
		wait    time.Duration
		applied string
	}
	waits := func(seconds int) want { return want{waits: true, wait: time.Duration(seconds) * time.Second} }
	strict := want{strict: true, applied: "handling=strict"}
	for _, test := range []struct {
		fields []string
		want   want
	}{
		{nil, want{}},
		{[]string{""}, want{}},
		{[]string{"wait=10"}, waits(10)},
		{[]string{"WAIT=10"}, waits(10)},
		{[]string{`wait="10"`}, waits(10)},
		{[]string{`wait="\10"`}, waits(10)},
		{[]string{"wait = 10"}, waits(10)},
		{[]string{"\t wait\t=10 "}, waits(10)},
		{[]string{"wait=010"}, waits(10)},
		{[]string{"wait=0"}, waits(0)},
		{[]string{"wait=300"}, waits(300)},
		{[]string{"wait=301"}, waits(300)},
		{[]string{"wait=" + strings.Repeat("9", 100)}, waits(300)},
		{[]string{"wait"}, want{}},
		{[]string{"wait="}, want{}},
		{[]string{`wait=""`}, want{}},
		{[]string{"wait=-1"}, want{}},
		{[]string{"wait=+1"}, want{}},
		{[]string{"wait=1.5"}, want{}},
		{[]string{"wait=1_0"}, want{}},
		{[]string{"wait=10s"}, want{}},
		{[]string{"wait=10=20"}, want{}},
		{[]string{"waits=10"}, want{}},
		{[]string{"wait=10, wait=20"}, waits(10)},
		{[]string{"wait=10", "wait=20"}, waits(10)},
		{[]string{"wait=ten, wait=20"}, want{}}, // the first counts, even if it has no meaning
		{[]string{"wait=10; foo=bar; wait=20"}, waits(10)},
		{[]string{`foo; wait=20`}, want{}},
		{[]string{`foo="a, wait=5", wait=10`}, waits(10)},
		{[]string{`foo="a\", wait=5", wait=10`}, waits(10)},
		{[]string{`foo="a; b"; c="d, wait=5", wait=10`}, waits(10)},
		{[]string{`foo="no end, wait=5`, "wait=10"}, waits(10)},
		{[]string{`foo="no end\`}, want{}},
		{[]string{",, ;;, =, wait=10"}, waits(10)},
		{[]string{"respond-async, return=minimal, wait=10"}, waits(10)},
		{[]string{"handling=strict"}, strict},
		{[]string{"Handling=STRICT"}, strict},
		{[]string{`handling="strict"`}, strict},
		{[]string{"handling=strict, handling=lenient"}, strict},
		{[]string{"handling=lenient, handling=strict"}, want{applied: "handling=lenient"}},
		{[]string{"handling=harsh, handling=strict"}, want{}},
		{[]string{"handling"}, want{}},
		{[]string{"strict"}, want{}},
		{[]string{"handling=strict, wait=5", "wait=6"}, want{true, true, 5 * time.Second, "handling=strict"}},
	} {
		var m modes
		m.prefer(test.fields)
		got := want{m.strict, m.waits, m.wait, strings.Join(m.applied, ", ")}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(want{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.fields, diff)
		}
	}
}

// Whatever a client sends, the result is one of few, and what stands before it in
// a well-formed list counts.
func FuzzPrefer(f *testing.F) {
	for _, field := range []string{"", "wait=10", `foo="a, b\""; c=d, handling=strict`, `"`, `\`, "=,;", `wait="1\0"`} {
		f.Add(field)
	}
	f.Fuzz(func(t *testing.T, field string) {
		var alone, after, before modes
		alone.prefer([]string{field})
		if alone.wait < 0 || alone.wait > maxWait || alone.wait > 0 && !alone.waits || len(alone.applied) > 1 || alone.key != "" || alone.dryRun {
			t.Fatalf("%q: %+v", field, alone)
		}
		after.prefer([]string{`x="a, b"; y`, field})
		if diff := cmp.Diff(alone, after, cmp.AllowUnexported(modes{})); diff != "" {
			t.Fatalf("%q after another preference (-want +got):\n%s", field, diff)
		}
		before.prefer([]string{"wait=7, handling=strict," + field})
		if !before.strict || before.wait != 7*time.Second {
			t.Fatalf("%q overrules what stands before it: %+v", field, before)
		}
	})
}
