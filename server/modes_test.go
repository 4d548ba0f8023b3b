package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every way of taking a body, with every other: what is answered and what is
// stored follow from a few rules.
func TestModes(t *testing.T) {
	bodies := map[string]struct{ accepted, rejected int }{
		event + event: {2, 0},
		event + bad:   {1, 1},
		bad + bad:     {0, 2},
	}
	number := 0
	for body, events := range bodies {
		for _, strict := range []string{"", "?atomic=true", "Prefer"} {
			for _, dryRun := range []bool{false, true} {
				for _, wait := range []string{"", "wait=0", "wait=300"} {
					for _, key := range []string{"", "first", "again"} {
						number++
						name := fmt.Sprintf("%d of %d valid/strict %s/dry run %v/wait %s/key %s", events.accepted, events.accepted+events.rejected, strict, dryRun, wait, key)
						t.Run(name, func(t *testing.T) {
							checkModes(t, modesCase{body, events.accepted, events.rejected, strict, dryRun, wait, key})
						})
					}
				}
			}
		}
	}
	if number != 162 {
		t.Errorf("%d combinations", number)
	}
}

type modesCase struct {
	body               string
	accepted, rejected int
	strict             string // as a parameter, as a preference, or not
	dryRun             bool
	wait               string // a preference
	key                string // none, of a first request, of one that is sent again
}

func (c modesCase) send(s *running) reply {
	query := c.strict
	if c.strict == "Prefer" {
		query = "?"
	}
	if c.dryRun {
		query = strings.Replace(query+"&dry_run=1", "?&", "?", 1)
		if c.strict == "" {
			query = "?dry_run=true"
		}
	}
	var header []string
	var prefer []string
	if c.strict == "Prefer" {
		prefer = append(prefer, "handling=strict")
	}
	if c.wait != "" {
		prefer = append(prefer, c.wait)
	}
	if prefer != nil {
		header = append(header, "Prefer", strings.Join(prefer, ", "))
	}
	if c.key != "" {
		header = append(header, "Idempotency-Key", "k-1")
	}
	return s.do(http.MethodPost, s.url+"/v1/events"+strings.TrimSuffix(query, "?"), strings.NewReader(c.body), header...)
}

// answered is what a client sees.
type answered struct {
	status             int
	kind               string
	counts             string
	dryRun             bool
	state              string
	objects, errors    int
	durable, replayed  string
	receipt            bool
	preference         string
	rows, rejectedRows int
	commits            int
}

func (c modesCase) want() answered {
	refused := c.strict != "" && c.rejected > 0
	stores := !c.dryRun && !refused
	want := answered{counts: fmt.Sprintf("%d/%d", c.accepted, c.rejected), errors: c.rejected, dryRun: c.dryRun, receipt: stores}
	switch {
	case refused:
		want.status, want.kind = 422, "/problems/strict"
		want.counts = fmt.Sprintf("0/%d", c.rejected)
	case c.accepted == 0:
		want.status, want.kind = 422, "/problems/events-rejected"
	case c.rejected > 0:
		want.status = 207
	case c.dryRun || c.wait == "wait=300":
		want.status = 200
	default:
		want.status = 202
	}
	var applied []string
	if c.strict == "Prefer" {
		applied = append(applied, "handling=strict")
	}
	if stores && c.wait != "" && c.accepted > 0 {
		want.state = "pending"
		if c.wait == "wait=300" {
			want.state, want.objects = "stored", 1
		}
		applied = append(applied, c.wait)
	}
	want.preference = strings.Join(applied, ", ")
	if stores {
		want.durable, want.rows, want.rejectedRows, want.commits = "disk", c.accepted, c.rejected, 1
		if c.key == "again" {
			want.replayed = "true"
		}
	}
	return want
}

func checkModes(t *testing.T, c modesCase) {
	intake := newFakeIntake(t)
	intake.quick = c.wait == "wait=300"
	s := start(t, testConfig(intake))
	if c.key == "again" {
		first := c
		first.wait = ""
		first.send(s)
	}
	r := c.send(s)
	f := r.fields(t)
	rows := intake.rows()
	got := answered{
		status: r.status, kind: f.Type, counts: counts(f), dryRun: f.DryRun, state: f.State,
		objects: len(f.Objects), errors: len(f.Errors),
		durable: r.header.Get("Parquay-Durability"), replayed: r.header.Get("Idempotency-Replayed"),
		preference: r.header.Get("Preference-Applied"),
		rows:       rows["events"], rejectedRows: rows["rejected"], commits: intake.commits(),
	}
	if _, got.receipt = r.header["Parquay-Receipt"]; got.receipt {
		if _, err := ParseReceipt(r.header.Get("Parquay-Receipt")); err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(c.want(), got, cmp.AllowUnexported(answered{})); diff != "" {
		t.Errorf("%s\n(-want +got):\n%s", r.body, diff)
	}
}

func TestParameters(t *testing.T) {
	for query, want := range map[string]string{
		"":                             "",
		"atomic=true":                  "",
		"atomic=1&dry_run=1":           "",
		"atomic=false&dry_run=0":       "",
		"%61tomic=%74rue":              "",
		"dryrun=true":                  `"dryrun" is unknown`,
		"Atomic=true":                  `"Atomic" is unknown`,
		"atomic=true&b=1&a=1":          `"a" is unknown`,
		"atomic":                       `"atomic" must be true or false`,
		"atomic=":                      `"atomic" must be true or false`,
		"atomic=yes":                   `"atomic" must be true or false`,
		"dry_run=TRUE":                 `"dry_run" must be true or false`,
		"dry_run=true&dry_run=false":   `"dry_run" is given more than once`,
		"dry_run=true;atomic=true":     "can't be read",
		"dry_run=%zz":                  "can't be read",
		strings.Repeat("x", 300) + "=": `x…" is unknown`,
	} {
		t.Run(query, func(t *testing.T) {
			intake := newFakeIntake(t)
			s := start(t, testConfig(intake))
			r := s.do("POST", s.url+"/v1/events?"+query, strings.NewReader(event))
			f := r.fields(t)
			if want == "" && r.status/100 != 2 || want != "" && (r.status != 400 || f.Type != "/problems/parameter" || !strings.Contains(f.Detail, want)) {
				t.Errorf("%d %s, want %q", r.status, r.body, want)
			}
			if want != "" && (intake.reserves() > 0 || len(r.body) > 500) {
				t.Errorf("%d reservations, a problem of %d bytes", intake.reserves(), len(r.body))
			}
		})
	}
}

// A parameter is part of what is asked for; a preference gives way to it, and is
// named as applied only where it had its way.
func TestAtomicOverPreference(t *testing.T) {
	for _, test := range []struct {
		query, prefer string
		status        int
		applied       string
	}{
		{"atomic=false", "handling=strict", 207, ""},
		{"atomic=true", "handling=lenient", 422, ""},
		{"atomic=true", "handling=strict", 422, "handling=strict"},
		{"atomic=false", "handling=lenient", 207, "handling=lenient"},
		{"", "handling=lenient", 207, "handling=lenient"},
		{"", "handling=strict", 422, "handling=strict"},
	} {
		s := start(t, testConfig(newFakeIntake(t)))
		r := s.do("POST", s.url+"/v1/events?"+test.query, strings.NewReader(event+bad), "Prefer", test.prefer)
		if r.status != test.status || r.header.Get("Preference-Applied") != test.applied {
			t.Errorf("%s with %s: %d, applied %q; want %d, %q", test.query, test.prefer, r.status, r.header.Get("Preference-Applied"), test.status, test.applied)
		}
	}
}
