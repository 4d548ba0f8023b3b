package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/schema"
)

const bad = `{"type":"no dots","message_id":"m-2"}` // against the pattern of type

// fields are the members of an answer that the tests look at.
type fields struct {
	Type, Title, Detail        string
	Status, Accepted, Rejected *int
	Errors                     []schema.EventError
	Omitted                    int `json:"errors_omitted"`
	Offset, Index              *int
	Tables                     []string
	DryRun                     bool `json:"dry_run"`
	State                      string
	Objects                    []string
}

func (r reply) fields(t testing.TB) fields {
	t.Helper()
	var f fields
	if err := json.Unmarshal([]byte(r.body), &f); err != nil {
		t.Fatalf("%v in the answer %q", err, r.body)
	}
	return f
}

func counts(f fields) string {
	show := func(n *int) string {
		if n == nil {
			return "-"
		}
		return strconv.Itoa(*n)
	}
	return show(f.Accepted) + "/" + show(f.Rejected)
}

func TestPost(t *testing.T) {
	lines := strings.Repeat(event+"\n", 3)
	for name, test := range map[string]struct {
		body   string
		header []string
		status int
		counts string
		rows   map[string]int
	}{
		"one object":          {body: event, status: 202, counts: "1/0", rows: map[string]int{"events": 1}},
		"array":               {body: "[" + event + "," + event + "]", status: 202, counts: "2/0", rows: map[string]int{"events": 2}},
		"NDJSON":              {body: lines, status: 202, counts: "3/0", rows: map[string]int{"events": 3}},
		"one after the other": {body: event + event, status: 202, counts: "2/0", rows: map[string]int{"events": 2}},
		"gzip": {
			body: string(gzipped(t, []byte(lines))), header: []string{"Content-Encoding", "gzip"},
			status: 202, counts: "3/0", rows: map[string]int{"events": 3},
		},
		"zstd": {
			body: string(zstded(t, []byte(lines))), header: []string{"Content-Encoding", "zstd"},
			status: 202, counts: "3/0", rows: map[string]int{"events": 3},
		},
		"any content type":     {body: event, header: []string{"Content-Type", "text/nonsense"}, status: 202, counts: "1/0", rows: map[string]int{"events": 1}},
		"one rejected of two":  {body: event + bad, status: 207, counts: "1/1", rows: map[string]int{"events": 1, "rejected": 1}},
		"all rejected":         {body: "[" + bad + "," + bad + "]", status: 422, counts: "0/2", rows: map[string]int{"rejected": 2}},
		"value is no object":   {body: "[1," + event + "]", status: 207, counts: "1/1", rows: map[string]int{"events": 1, "rejected": 1}},
		"empty":                {body: "", status: 400, counts: "0/0"},
		"only white space":     {body: " \n\t", status: 400, counts: "0/0"},
		"no JSON":              {body: "hello=world", status: 400, counts: "0/0"},
		"broken at the end":    {body: lines + `{"type":`, status: 400, counts: "0/0"},
		"garbage at the end":   {body: "[" + event + "]x", status: 400, counts: "0/0"},
		"too large":            {body: strings.Repeat(" ", 1<<20) + event, status: 413, counts: "-/-"},
		"corrupt gzip":         {body: event, header: []string{"Content-Encoding", "gzip"}, status: 400, counts: "-/-"},
		"unknown encoding":     {body: event, header: []string{"Content-Encoding", "br"}, status: 415, counts: "-/-"},
		"encoded twice":        {body: event, header: []string{"Content-Encoding", "gzip, gzip"}, status: 415, counts: "-/-"},
		"more events than MTU": {body: strings.Repeat(event, 5000), status: 202, counts: "5000/0", rows: map[string]int{"events": 5000}},
	} {
		t.Run(name, func(t *testing.T) {
			intake := newFakeIntake(t)
			s := start(t, testConfig(intake))
			got := s.post(test.body, test.header...)
			f := got.fields(t)
			if got.status != test.status || counts(f) != test.counts {
				t.Fatalf("%d %s, want %d with counts %s", got.status, got.body, test.status, test.counts)
			}
			if diff := cmp.Diff(test.rows, intake.rows()); diff != "" && len(test.rows)+len(intake.rows()) > 0 {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			wantType := "application/problem+json"
			if got.status < 400 {
				wantType = "application/json"
			} else if f.Status == nil || *f.Status != got.status || !strings.HasPrefix(f.Type, "/problems/") || f.Title == "" || f.Detail == "" {
				t.Errorf("a problem without type, title, status and detail: %s", got.body)
			}
			if got := got.header.Get("Content-Type"); got != wantType {
				t.Errorf("Content-Type %q, want %q", got, wantType)
			}
			durable := ""
			if test.rows != nil {
				durable = "disk"
			}
			if got := got.header.Get("Parquay-Durability"); got != durable {
				t.Errorf("Parquay-Durability %q, want %q", got, durable)
			}
			if got, want := got.header.Get("Accept-Encoding"), ""; test.status == 415 {
				if want = "gzip, zstd"; got != want {
					t.Errorf("Accept-Encoding %q, want %q", got, want)
				}
			}
		})
	}
}

func TestAnswerBytes(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	if got, want := s.post(event+event).body, `{"accepted":2,"rejected":0}`+"\n"; got != want {
		t.Errorf("answer %q, want %q", got, want)
	}
}

func TestRejectedEventsAreNamed(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	f := s.post(event + bad + `{"type":"a.b","channel":7}`).fields(t)
	got := fmt.Sprint(f.Errors[0].Index, f.Errors[0].Field, f.Errors[0].Code, f.Errors[1].Index, f.Errors[1].Field, f.Errors[1].Code)
	if want := fmt.Sprint(1, "type", schema.CodePattern, 2, "channel", schema.CodeWrongType); got != want || f.Errors[0].Message == "" {
		t.Errorf("errors %+v, want %s with messages", f.Errors, want)
	}
}

func TestManyRejectedEventsAreCounted(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	n := schema.MaxErrors + 5
	f := s.post(event + strings.Repeat(bad, n) + `{"message_id":"m-2"}`).fields(t)
	if counts(f) != "1/"+strconv.Itoa(n+1) || len(f.Errors) != schema.MaxErrors || f.Omitted != 6 {
		t.Errorf("counts %s, %d errors, %d omitted", counts(f), len(f.Errors), f.Omitted)
	}
	if intake.rows()["rejected"] != n+1 {
		t.Errorf("rows %v", intake.rows())
	}
	metrics := s.do("GET", s.admin+"/metrics", nil).body
	for _, want := range []string{
		`parquay_events_rejected_total{code="pattern",table="events"} 1005`,
		`parquay_events_rejected_total{code="required",table="events"} 1`,
		`parquay_events_accepted_total{table="events"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

// What an answer repeats of one request must not change with the next.
func TestErrorsAreNotShared(t *testing.T) {
	s := newServer(t, testConfig(newFakeIntake(t)))
	decode := func(body string) outcome {
		p := post{endpoint: s.endpoints["events"], tenant: s.everybody, account: account{intake: s.cfg.Intake, tenant: DefaultTenant}}
		if err := p.account.open(minBuffer); err != nil {
			t.Fatal(err)
		}
		defer p.account.close()
		text := s.buffers.get(minBuffer)
		text.bytes = append(text.bytes, body...)
		bytes := text.bytes
		_, out, err := s.decode(&p, text)
		if err != nil {
			t.Fatal(err)
		}
		clear(bytes) // as the next request's body would
		return out
	}
	first := decode(event + `{"type":"a.b","unknown_field":"\u0000\ud800","x":"` + "\x01" + `"}` + bad)
	said := string(marshal(first))
	for range 10 {
		decode(`{"type":"b.c","sender":7}` + `{"type":"???","recipient":[]}`)
	}
	if now := string(marshal(first)); now != said {
		t.Errorf("an outcome changed from %s to %s", said, now)
	}
}

// A large body of common events is taken where there is room for it and once more as
// much, and refused before it is read where there is less.
func TestLargeBodyFits(t *testing.T) {
	body := strings.Repeat(one+"\n", 5000)
	for room, want := range map[int]struct{ status, read int }{
		2 * len(body):   {202, len(body)},
		2*len(body) - 1: {503, 0},
	} {
		intake := newFakeIntake(t)
		intake.limit = int64(room)
		cfg := testConfig(intake)
		cfg.MaxBody, cfg.MaxDecoded = int64(len(body)), int64(len(body))
		src := strings.NewReader(body)
		w := httptest.NewRecorder()
		newServer(t, cfg).events.Handler.ServeHTTP(w, httptest.NewRequest("POST", "/v1/events", src))
		if w.Code != want.status || len(body)-src.Len() != want.read {
			t.Errorf("%d bytes with room for %d: status %d, %d read; want %+v", len(body), room, w.Code, len(body)-src.Len(), want)
		}
	}
}

func TestSyntaxErrorsHaveAnAddress(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	got := s.post(event + "\n" + `{"type" "x"}`)
	f := got.fields(t)
	if got.status != 400 || f.Type != "/problems/syntax" || f.Index == nil || *f.Index != 1 || f.Offset == nil || *f.Offset <= len(event) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if len(intake.rows()) != 0 {
		t.Errorf("rows of a broken body: %v", intake.rows())
	}
}

func TestRoutes(t *testing.T) {
	s := start(t, testConfig(newFakeIntake(t)))
	for _, test := range []struct {
		method, path string
		status       int
		kind, allow  string
	}{
		{"POST", "/v1/nope", 404, "/problems/unknown-table", ""},
		{"POST", "/v1/rejected", 404, "/problems/unknown-table", ""},
		{"POST", "/v1/" + strings.Repeat("x", 5000), 404, "/problems/unknown-table", ""},
		{"POST", "/v1/%2e%2e%2f", 404, "/problems/unknown-table", ""},
		{"POST", "/v1/%65vents", 404, "/problems/unknown-table", ""},
		{"POST", "/v1/events/", 404, "/problems/not-found", ""},
		{"POST", "/v1", 404, "/problems/not-found", ""},
		{"GET", "/v1", 404, "/problems/not-found", ""},
		{"GET", "/v1/events", 405, "/problems/method-not-allowed", "OPTIONS, POST"},
		{"HEAD", "/v1/events", 405, "", "OPTIONS, POST"},
		{"PUT", "/v1/events", 405, "/problems/method-not-allowed", "OPTIONS, POST"},
		{"BREW", "/v1/events", 405, "/problems/method-not-allowed", "OPTIONS, POST"},
		{"OPTIONS", "/v1/events", 204, "", "OPTIONS, POST"},
		{"POST", "/healthz", 405, "/problems/method-not-allowed", "OPTIONS, GET, HEAD"},
		{"OPTIONS", "/readyz", 204, "", "OPTIONS, GET, HEAD"},
		{"OPTIONS", "/nowhere", 404, "/problems/not-found", ""},
	} {
		got := s.do(test.method, s.url+test.path, nil)
		kind := ""
		if got.body != "" {
			kind = got.fields(t).Type
		}
		if got.status != test.status || kind != test.kind || got.header.Get("Allow") != test.allow {
			t.Errorf("%s %.40s: %d %s %q, want %d %s %q", test.method, test.path, got.status, kind, got.header.Get("Allow"), test.status, test.kind, test.allow)
		}
		if len(got.body) > 1000 {
			t.Errorf("%s %.40s: an answer of %d bytes", test.method, test.path, len(got.body))
		}
	}
	f := s.do("POST", s.url+"/v1/nope", nil).fields(t)
	if !cmp.Equal(f.Tables, []string{"events"}) || !strings.Contains(f.Detail, `"nope"`) || !strings.Contains(f.Detail, "events") {
		t.Errorf("an unknown table is answered with %+v", f)
	}
}

// Every error of an Intake has its answer, whichever call returns it.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		err        error
		status     int
		kind       string
		retryAfter bool
	}{
		{ErrTenantFull, 429, "/problems/tenant-full", true},
		{ErrTooLarge, 413, "/problems/request-too-large", false},
		{ErrBusy, 503, "/problems/busy", true},
		{ErrJournalFull, 503, "/problems/journal-full", true},
		{ErrFailed, 503, "/problems/journal-failed", true},
		{ErrStopping, 503, "/problems/stopping", true},
		{errBoom, 500, "/problems/internal", false},
	} {
		refuse := func(int64) error { return fmt.Errorf("wrapped: %w", test.err) }
		for call, set := range map[string]func(*fakeIntake){
			"reserve": func(f *fakeIntake) { f.reserve = refuse },
			"grow":    func(f *fakeIntake) { f.grow = refuse },
			"commit":  func(f *fakeIntake) { f.commit = func(context.Context) error { return refuse(0) } },
		} {
			t.Run(fmt.Sprintf("%s/%v", call, test.err), func(t *testing.T) {
				intake := newFakeIntake(t)
				set(intake)
				s := start(t, testConfig(intake))
				// The columns of such a body are far larger than its text.
				got := s.post(strings.Repeat(`{"type":"a.b"}`, 2000))
				f := got.fields(t)
				if got.status != test.status || f.Type != test.kind {
					t.Errorf("%d %s, want %d %s", got.status, f.Type, test.status, test.kind)
				}
				seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
				if (err == nil) != test.retryAfter || test.retryAfter && (seconds < 1 || seconds > 60) {
					t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
				}
				if got.header.Get("Parquay-Durability") != "" {
					t.Error("a refusal claims durability")
				}
				if test.status == 500 && strings.Contains(got.body, "boom") {
					t.Errorf("the cause is shown to the client: %s", got.body)
				}
			})
		}
	}
}

func TestRetryAfterVaries(t *testing.T) {
	seen := map[int]bool{}
	for range 1000 {
		n := jitter(10e9)
		if n < 10 || n > 30 {
			t.Fatalf("%d s for 10 s", n)
		}
		seen[n] = true
	}
	if len(seen) < 15 {
		t.Errorf("only %d different values", len(seen))
	}
}

// A request holds what it reserved until it is answered, and no more than the
// arithmetic of account allows: many at a time never exceed a budget.
func TestBudgetIsNeverExceeded(t *testing.T) {
	intake := newFakeIntake(t)
	intake.limit = 1 << 20
	s := start(t, testConfig(intake))
	body := strings.Repeat(one, 500)
	codes := make(chan int)
	for range 16 {
		go func() {
			for range 10 {
				codes <- s.post(body).status
			}
		}()
	}
	seen := map[int]int{}
	for range 160 {
		seen[<-codes]++
	}
	if seen[202]+seen[503] != 160 || seen[202] == 0 {
		t.Errorf("statuses %v", seen)
	}
	intake.idle()
	if intake.peak() > intake.limit {
		t.Errorf("%d bytes held of %d", intake.peak(), intake.limit)
	}
	if intake.rows()["events"] != 500*seen[202] {
		t.Errorf("%d rows of %d accepted bodies", intake.rows()["events"], seen[202])
	}
}

func TestAccount(t *testing.T) {
	for _, test := range []struct{ opened, text, others, columns, want int64 }{
		{opened: 12288, text: 4096, want: 12288},
		{opened: 12288, text: 4096, columns: 4096, want: 12288},
		{opened: 12288, text: 4096, columns: 6144, want: 12288},
		{opened: 12288, text: 4096, columns: 6145, want: 12290},
		{opened: 12288, text: 4096, columns: 100_000, want: 200_000},
		{opened: 12288, text: 8192, others: 4096, want: 12288},
		{opened: 12288, text: 16384, others: 8192, want: 24576},
		{opened: 4096, text: 16384, others: 4096, columns: 6000, want: 22384},
	} {
		intake := newFakeIntake(t)
		a := account{intake: intake, tenant: DefaultTenant}
		err := a.open(test.opened)
		err = errors.Join(err, a.growText(test.text, test.others))
		for left := test.columns; left > 0; left -= 1000 {
			err = errors.Join(err, a.growColumns(int(min(left, 1000))))
		}
		a.close()
		if err != nil || intake.peak() != test.want {
			t.Errorf("%+v: %d bytes reserved, error %v", test, intake.peak(), err)
		}
	}
}

// A decoder that a huge body has blown up is not kept.
func TestHugeDecodersAreDropped(t *testing.T) {
	s := newServer(t, testConfig(newFakeIntake(t)))
	e := s.endpoints["events"]
	e.decoders.New = nil // so that Get finds only what was put back
	for _, test := range []struct {
		columns int64
		kept    bool
	}{{maxIdleColumns, true}, {maxIdleColumns + 1, false}} {
		// The race detector has a Pool drop things at random.
		kept := false
		for range 100 {
			d := schema.NewDecoder(e.table, s.cfg.Limits)
			e.putBack(d, &account{columns: test.columns})
			kept = kept || e.decoders.Get() == d
		}
		if kept != test.kept {
			t.Errorf("%d bytes of columns: kept %v", test.columns, kept)
		}
	}
}

func TestBodiesDoNotMix(t *testing.T) {
	intake := newFakeIntake(t)
	s := start(t, testConfig(intake))
	done := make(chan error)
	for g := range 8 {
		go func() {
			for i := range 20 {
				id := fmt.Sprintf("id-%d-%d-%s", g, i, strings.Repeat("x", i*10))
				body := []byte(`{"type":"a.b","id":"` + id + `"}`)
				header := []string{}
				if i%2 == 0 {
					body, header = gzipped(t, body), []string{"Content-Encoding", "gzip"}
				}
				if got := s.post(string(body), header...); got.status != 202 {
					done <- fmt.Errorf("%d %s", got.status, got.body)
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, b := range intake.mu.stored {
		if bytes.Count(b.Bytes, []byte("id-")) != 1 {
			t.Errorf("a batch of one event holds %q", b.Bytes)
		}
	}
	if got := intake.rows()["events"]; got != 160 {
		t.Errorf("%d rows, want 160", got)
	}
}
