package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"parquay/loadtest/peers/report"
	"parquay/loadtest/peers/tree"
	"parquay/loadtest/scenario"
)

// fake is a subject in this process, which can fail in each of its steps.
type fake struct {
	key       string
	fail      map[string]int // in which step, in which run
	lose      int            // events that it keeps to itself
	run       int
	w         workplace
	kills     int
	order     *[]string
	installed error
}

func (f *fake) Facts() report.Facts { return report.Facts{Key: f.key, Name: f.key} }

func (f *fake) Install(context.Context) (string, error) { return "1", f.installed }

func (f *fake) failure(step string) error {
	if at, ok := f.fail[step]; ok && at == f.run {
		return fmt.Errorf("%s broke in %s", step, f.w.dir)
	}
	return nil
}

func (f *fake) Start(_ context.Context, w workplace) error {
	f.run++
	f.w = w
	*f.order = append(*f.order, f.key)
	return f.failure("start")
}

func (f *fake) Feed(_ context.Context, e *events, _ int) (sending, error) {
	return sending{}, errors.Join(f.failure("feed"), writeIDs(filepath.Join(f.w.out, "file.parquet"), e, e.count()-f.lose))
}

func (f *fake) Stop(ctx context.Context) (tree.Usage, error) {
	if f.fail["hang"] == f.run && f.run > 0 {
		<-ctx.Done()
		return tree.Usage{}, context.Cause(ctx)
	}
	return tree.Usage{CPU: time.Duration(f.run) * time.Second, Peak: 1 << 20}, f.failure("stop")
}

func (f *fake) Kill() { f.kills++ }

// writeIDs writes the ids of the first n events.
func writeIDs(path string, e *events, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	const before = len(`{"id":"`)
	for i := range n {
		b.Field(0).(*array.StringBuilder).Append(string(e.single().body(i)[before : before+scenario.IDLength]))
	}
	record := b.NewRecordBatch()
	defer record.Release()
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	return errors.Join(w.Write(record), w.Close())
}

// compareFakes makes a comparison of some, over three rounds.
func compareFakes(t *testing.T, timeout time.Duration, fakes ...*fake) (*report.Report, []string) {
	t.Helper()
	var order []string
	c := &comparison{
		settings: settings{rounds: 3, timeout: timeout, connections: 1}, root: "/nowhere", work: t.TempDir(),
		out: io.Discard, report: new(report.Report),
	}
	subjects := map[*report.Subject]Subject{}
	for _, f := range fakes {
		f.order = &order
		about := &report.Subject{Facts: f.Facts()}
		c.report.Subjects = append(c.report.Subjects, about)
		subjects[about] = f
	}
	all := generate(1000, 500, time.Now())
	c.begin(t.Context(), subjects, all)
	order = nil
	for round := 1; round <= 3; round++ {
		c.convert(t.Context(), round, subjects, all)
	}
	if left, err := os.ReadDir(c.work); err != nil || len(left) != 1 || left[0].Name() != "few" {
		t.Errorf("what is left of the rounds: %v, %v", left, err)
	}
	return c.report, order
}

func TestOneFailureLosesOneRound(t *testing.T) {
	for _, step := range []string{"start", "feed", "stop"} {
		t.Run(step, func(t *testing.T) {
			bad, good := &fake{key: "bad", fail: map[string]int{step: 3}}, &fake{key: "good"}
			r, order := compareFakes(t, time.Minute, bad, good)
			if got := strings.Join(order, " "); got != "bad good good bad bad good" {
				t.Errorf("the order is %s", got)
			}
			for i, s := range r.Subjects {
				if len(s.Rounds) != 3 || s.Start == nil || s.Start.Failed != "" {
					t.Fatalf("%s has %d rounds and starts with %+v", s.Name, len(s.Rounds), s.Start)
				}
				for _, m := range s.Rounds {
					failed := i == 0 && m.Round == 2
					if (m.Failed != "") != failed || failed == (m.Rows == 1000) {
						t.Errorf("%s, round %d: %q with %d rows", s.Name, m.Round, m.Failed, m.Rows)
					}
				}
			}
			if text := r.Subjects[0].Rounds[1].Failed; !regexp.MustCompile(`^` + step + `: ` + step + ` broke in TMP/round-\d+$`).MatchString(text) {
				t.Errorf("the reason is %q", text)
			}
			if bad.kills != 4 || good.kills != 4 {
				t.Errorf("they were killed %d and %d times after 4 runs", bad.kills, good.kills)
			}
		})
	}
}

func TestOneThatCanNotStartIsLeftOut(t *testing.T) {
	r, order := compareFakes(t, time.Minute, &fake{key: "bad", fail: map[string]int{"start": 1}}, &fake{key: "good"})
	if got := strings.Join(order, " "); got != "good good good" {
		t.Errorf("the order is %s", got)
	}
	if r.Subjects[0].Start.Failed == "" || len(r.Subjects[0].Rounds) != 0 {
		t.Errorf("it is reported as %+v", r.Subjects[0])
	}
}

func TestOneThatHangsIsEnded(t *testing.T) {
	r, _ := compareFakes(t, 500*time.Millisecond, &fake{key: "hangs", fail: map[string]int{"hang": 2}})
	if got := r.Subjects[0].Rounds[0].Failed; !strings.Contains(got, errTimeout.Error()) {
		t.Errorf("the reason is %q", got)
	}
}

func TestLostRowsAreTold(t *testing.T) {
	r, _ := compareFakes(t, time.Minute, &fake{key: "loses", lose: 3}, &fake{key: "keeps"})
	if m := r.Subjects[0].Rounds[0]; m.Lost != 3 || m.Rows != 997 || m.Failed != "" {
		t.Errorf("it is reported as %+v", m)
	}
	if m := r.Subjects[1].Rounds[0]; !m.Right() || m.CPU != 2*time.Second || m.Peak != 1<<20 || m.Took <= 0 {
		t.Errorf("the other is reported as %+v", m)
	}
}

func TestParse(t *testing.T) {
	if s, err := parse([]string{"-n", "5000", "-only", "disk,flink"}); err != nil || s.events != 5000 || !s.wanted("flink") || s.wanted("bento") {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := parse(nil); err != nil || !s.wanted("bento") || s.rounds != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range [][]string{{"-n", "10"}, {"-rounds", "0"}, {"-batch", "0"}, {"extra"}, {"-nothing"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// Every file that a page names is in the repository, and says what its subject is.
func TestFacts(t *testing.T) {
	keys := map[string]bool{}
	for _, s := range []Subject{&parquay{ack: report.Disk}, &parquay{ack: report.Memory}, &bento{}, &duckDB{threads: 1}, &duckDB{threads: 2}, &flink{}} {
		f := s.Facts()
		if keys[f.Key] || f.Name == "" || f.Durability == "" || f.Order == "" || f.Layout == "" {
			t.Errorf("%+v", f)
		}
		keys[f.Key] = true
		for _, link := range regexp.MustCompile(`\]\(\.\./([^)]*)\)`).FindAllStringSubmatch(f.Config, -1) {
			if _, err := os.Stat(filepath.Join("..", "..", link[1])); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
}

func TestWriteFileKeepsWhatThereIs(t *testing.T) {
	name := filepath.Join(t.TempDir(), "folder", "page.md")
	if err := writeFile(name, func(w io.Writer) error { _, err := io.WriteString(w, "first"); return err }); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := writeFile(name, func(w io.Writer) error { _, _ = io.WriteString(w, "sec"); return broken })
	text, _ := os.ReadFile(name)
	if !errors.Is(err, broken) || string(text) != "first" {
		t.Errorf("%v, and the file has %q", err, text)
	}
	if left, _ := os.ReadDir(filepath.Dir(name)); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestReadReportMakesTables(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "report.json")
	r := &report.Report{Events: 1000, Rounds: 1, Subjects: []*report.Subject{{Facts: report.Facts{Name: "somebody"}, Missing: "it is gone"}}}
	if err := writeFile(kept, func(w io.Writer) error { return keepReport(w, r) }); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-read", kept}, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "no figures: it is gone") {
		t.Errorf("it prints\n%s", out.String())
	}
}

func TestSyncs(t *testing.T) {
	if testing.Short() {
		t.Skip("it syncs for seconds")
	}
	c := &comparison{work: t.TempDir()}
	for _, way := range syncWays {
		var s report.Syncs
		if err := c.sync(way.ahead, &s); err != nil || s.Count == 0 || s.P50 <= 0 || s.P99 < s.P50 || s.Took <= 0 {
			t.Errorf("%s: %+v, %v", way.name, s, err)
		}
	}
}
