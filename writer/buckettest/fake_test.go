package buckettest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"parquay/writer"
	"parquay/writer/buckettest"
)

// recorder is a test whose failures are looked at.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// A key that is put with other bytes fails the test, though no object changes, and
// though the first Put failed.
func TestFakeEnforcesIdentity(t *testing.T) {
	for name, first := range map[string]buckettest.Verdict{
		"done": buckettest.Done, "failed": buckettest.Failed, "delayed": buckettest.Delayed,
	} {
		r := &recorder{TB: t}
		f := buckettest.NewFake(r, func(q buckettest.Request) buckettest.Verdict {
			if q.N == 0 {
				return first
			}
			return buckettest.Done
		})
		for i, content := range []string{"a", "a", "b"} {
			_ = f.Put(t.Context(), "key", strings.NewReader(content))
			if failed := len(r.errors) > 0; failed != (i == 2) {
				t.Errorf("first put %s: after putting %q the test's errors are %q", name, content, r.errors)
			}
		}
		if content, _ := f.Object("key"); string(content) != "a" {
			t.Errorf("first put %s: the object is %q", name, content)
		}
	}
}

func TestFakeVerdicts(t *testing.T) {
	for _, c := range []struct {
		verdict buckettest.Verdict
		kind    writer.Kind
		there   bool // at once
		lands   bool // later
	}{
		{buckettest.Done, writer.KindStored, true, true},
		{buckettest.Failed, writer.KindOther, false, false},
		{buckettest.AnswerLost, writer.KindOther, true, true},
		{buckettest.Delayed, writer.KindTimeout, false, true},
		{buckettest.Status(403), writer.KindDenied, false, false},
		{buckettest.Status(503), writer.KindThrottled, false, false},
	} {
		f := buckettest.NewFake(t, func(buckettest.Request) buckettest.Verdict { return c.verdict })
		if err := f.Put(t.Context(), "key", strings.NewReader("x")); writer.KindOf(err) != c.kind {
			t.Errorf("%+v: Put = %v (%s), want %s", c.verdict, err, writer.KindOf(err), c.kind)
		}
		_, there := f.Object("key")
		f.Land()
		if _, landed := f.Object("key"); there != c.there || landed != c.lands {
			t.Errorf("%+v: the object is there %v, after Land %v; want %v, %v", c.verdict, there, landed, c.there, c.lands)
		}
		if _, err := f.Get(t.Context(), "absent"); (err == nil) || c.kind == writer.KindStored != errors.Is(err, writer.ErrNotFound) {
			t.Errorf("%+v: Get of nothing = %v", c.verdict, err)
		}
		for _, err := range f.List(t.Context(), "") {
			if (err == nil) != (c.kind == writer.KindStored) {
				t.Errorf("%+v: List yields %v", c.verdict, err)
			}
		}
	}
}

// Whatever becomes of three attempts, the putter stores the object once, with one
// more attempt than failed, and removes nothing.
func TestPutterSurvivesEveryVerdict(t *testing.T) {
	all := buckettest.Verdicts()
	synctest.Test(t, func(t *testing.T) {
		for i := range len(all) * len(all) * len(all) {
			script := []buckettest.Verdict{all[i%len(all)], all[i/len(all)%len(all)], all[i/len(all)/len(all)]}
			f := buckettest.NewFake(t, func(q buckettest.Request) buckettest.Verdict {
				if q.N < len(script) {
					return script[q.N]
				}
				return buckettest.Done
			})
			want := 1
			for want <= len(script) && script[want-1] != buckettest.Done {
				want++
			}
			p := writer.NewPutter(f, 1, slog.New(slog.DiscardHandler), writer.NewPutMetrics(prometheus.NewRegistry()))
			if err := p.Put(context.Background(), "key", strings.NewReader("content")); err != nil {
				t.Fatal(err)
			}
			f.Land()
			content, _ := f.Object("key")
			if string(content) != "content" || f.Requests(buckettest.Put) != want || f.Requests(buckettest.Delete) != 0 {
				t.Fatalf("%+v: the object is %q after %d puts and %d deletes, want %d puts",
					script, content, f.Requests(buckettest.Put), f.Requests(buckettest.Delete), want)
			}
		}
	})
}
