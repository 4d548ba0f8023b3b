package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"parquay/loadtest/report"
)

// tool runs the program, and returns its exit code and what it printed.
func tool(ctx context.Context, args ...string) (code int, out string) {
	var b bytes.Buffer
	code = run(ctx, args, &b, &b)
	return code, b.String()
}

// Each scenario, against the real gateway: what it acknowledges is proved to be there.
func TestScenarios(t *testing.T) {
	for _, test := range []struct {
		name    string
		tenants string
		args    []string
		events  int64
		wants   []string // in what is printed
	}{
		{"batch", "", []string{"-n", "50000"}, 50000, []string{"durability disk", "100 × 202"}},
		{"single", "", []string{"-n", "5000"}, 5000, []string{"5000 × 202"}},
		{"mixed", "", []string{"-n", "20000"}, 20000, nil},
		{"late", "", []string{"-n", "5000", "-late", "0.01"}, 5000, nil},
		{"invalid", "", []string{"-n", "20000", "-batch", "1-100"}, 20000, []string{"in the table rejected", "× 207"}},
		{"tenants", "20", []string{"-n", "20000", "-tenants", "20"}, 20000, []string{"20 tenants"}},
		{"noisy", "5", []string{"-duration", "2s", "-tenants", "5", "-rate", "1000", "-noisy-rate", "5000"}, 0, []string{"noisy", "others", "when it was due"}},
		{"day", "5", []string{"-n", "10000", "-duration", "2s", "-tenants", "5", "-connections", "4"}, 10000, []string{"when it was due"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			var env, args []string
			if test.tenants != "" {
				file, keys := filepath.Join(dir, "tenants.json"), filepath.Join(dir, "tenants.keys")
				if code, out := tool(t.Context(), "tenants", "-file", file, "-keys", keys, test.tenants); code != 0 {
					t.Fatal(out)
				}
				env, args = []string{"PARQUAY_TENANTS=" + file}, []string{"-keys", keys}
			}
			g := start(t, dir, env...)
			file, page := filepath.Join(dir, "report.json"), filepath.Join(dir, "report.html")
			args = append(args, "-scenario", test.name, "-targets", g.events, "-admin", g.admin, "-json", file, "-html", page,
				"-bucket", filepath.Join(dir, "parquay-data", "bucket"))
			code, out := tool(t.Context(), append(args, test.args...)...)
			if code != 0 {
				t.Fatalf("exit code %d:\n%s", code, out)
			}
			for _, want := range append(test.wants, "verified: PASSED", "lost 0, doubled 0, altered 0, misplaced 0, strangers 0") {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			r, err := report.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			if total := r.Result.Total(); total.Events == 0 || (test.events > 0 && total.Events != test.events) || r.Proof.Stored != total.Events {
				t.Errorf("%+v, stored %d", total, r.Proof.Stored)
			}
			if cpu, known := r.CPU(); !known || cpu <= 0 || r.Result.Gateways.Resident == 0 {
				t.Errorf("the gateway was not watched: %+v", r.Result.Gateways)
			}
			wellFormed(t, page)
		})
	}
}

// wellFormed reads the page's plots as XML.
func wellFormed(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	plots := strings.Split(string(text), "<svg")[1:]
	if len(plots) < 4 {
		t.Errorf("%d plots", len(plots))
	}
	for _, plot := range plots {
		plot, _, _ = strings.Cut("<svg"+plot, "</svg>")
		d := xml.NewDecoder(strings.NewReader(plot + "</svg>"))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%v in %.300s", err, plot)
			}
		}
		if strings.Contains(plot, "NaN") || strings.Contains(plot, "Inf") {
			t.Errorf("a number is none in %.300s", plot)
		}
	}
	if strings.Contains(string(text), "http://") && !strings.Contains(string(text), "http://127.") {
		t.Error("the page needs something else")
	}
}

// A user's own events, of the kinds of columns that there are, come back whole.
func TestSample(t *testing.T) {
	dir := t.TempDir()
	schemas := filepath.Join(dir, "schemas")
	if err := os.Mkdir(schemas, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("schemas/clicks.json", `{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["url"], "properties": {
		"id": {"type": "string", "x-role": "id"}, "time": {"type": ["string", "integer"], "format": "date-time", "x-role": "time"},
		"url": {"type": "string"}, "score": {"type": "number"}, "count": {"type": "integer"}, "bot": {"type": "boolean"},
		"cost": {"type": ["string", "number"], "x-decimal": "12,4"}, "seen": {"type": ["string", "integer"], "format": "date-time"},
		"labels": {"type": "array", "items": {"type": "string"}},
		"tags": {"type": "object", "additionalProperties": {"type": "string"}}}}`)
	sample := write("clicks.ndjson", `{"id":"1","url":"https://example.com/?a=\u00e9\n","score":0.1,"count":3e2,"bot":true,"cost":"1.25"}
{"url":"b","labels":["x","y",""],"tags":{"z":"1","a":"2"},"seen":"2026-11-23T08:15:30.123456+01:00","nested":{"b":1.50,"a":[null,true]},"why":"?"}

{"time":"2020-01-01T00:00:00Z","url":"c","score":null,"cost":-7,"seen":1795415730123,"labels":[],"unknown":null}
`)
	g := start(t, dir, "PARQUAY_SCHEMAS="+schemas)
	code, out := tool(t.Context(), "-targets", g.events, "-n", "5000", "-table", "clicks", "-sample", sample, "-batch", "1-100",
		"-invalid", "0.1", "-late", "0.01", "-admin", g.admin, "-bucket", filepath.Join(dir, "parquay-data", "bucket"))
	if code != 0 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// A gateway that is killed in the middle and comes back loses nothing that it has
// acknowledged, and the run goes on.
func TestKilledGateway(t *testing.T) {
	dir := t.TempDir()
	g := start(t, dir)
	second := start(t, t.TempDir(), "PARQUAY_BUCKET=file://"+filepath.Join(dir, "parquay-data", "bucket"))
	listen := strings.TrimPrefix(g.events, "http://")
	type outcome struct {
		code int
		out  string
	}
	done := make(chan outcome)
	go func() {
		code, out := tool(t.Context(), "-targets", g.events+","+second.events, "-n", "60000", "-batch", "100", "-rate", "20000",
			"-bucket", filepath.Join(dir, "parquay-data", "bucket"), "-settle", "3s")
		done <- outcome{code, out}
	}()
	for range 3 {
		time.Sleep(700 * time.Millisecond) // of the three seconds that the load takes
		g.kill()
		g = start(t, dir, "PARQUAY_LISTEN="+listen)
	}
	o := <-done
	if o.code != 0 {
		t.Errorf("exit code %d:\n%s", o.code, o.out)
	}
	if !strings.Contains(o.out, "sent again") {
		t.Errorf("nothing was sent again although the gateway was killed:\n%s", o.out)
	}
}

// What the gateway has stored is damaged by hand, and verify finds it.
func TestVerifyFindsDamage(t *testing.T) {
	dir := t.TempDir()
	bucket, file := filepath.Join(dir, "parquay-data", "bucket"), filepath.Join(dir, "report.json")
	g := start(t, dir)
	if code, out := tool(t.Context(), "-targets", g.events, "-admin", g.admin, "-n", "3000", "-bucket", bucket, "-json", file, "-invalid", "0.1"); code != 0 {
		t.Fatal(out)
	}
	g.kill()
	if code, out := tool(t.Context(), "cost", "-report", file, "-daily", "5e9"); code != 0 || !strings.Contains(out, "5000000000 events a day") {
		t.Errorf("cost: exit code %d:\n%s", code, out)
	}
	verify := func() (int, string) {
		return tool(t.Context(), "verify", "-report", file, "-bucket", bucket, "-wait", "0s", "-settle", "0s")
	}
	if code, out := verify(); code != 0 {
		t.Fatalf("undamaged, and exit code %d:\n%s", code, out)
	}
	for _, table := range []string{"events", "rejected"} {
		paths, err := filepath.Glob(filepath.Join(bucket, table, "*", "*", "*", "*.parquet"))
		if err != nil || len(paths) == 0 {
			t.Fatal(paths, err)
		}
		path := paths[0]
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := map[string]string{"events": "conversation_id", "rejected": "raw"}[table]
		for _, test := range []struct {
			name, want string
			damage     func(t *testing.T)
		}{
			{"lost", "lost 1, doubled 0, altered 0", func(t *testing.T) {
				rewrite(t, path, path, text, func(rows []parquet.Row, _ int) []parquet.Row { return rows[1:] })
			}},
			{"doubled", "lost 0, doubled 1, altered 0", func(t *testing.T) {
				rewrite(t, path, path, text, func(rows []parquet.Row, _ int) []parquet.Row { return append(rows, rows[3].Clone()) })
			}},
			{"altered", "lost 0, doubled 0, altered 1", func(t *testing.T) {
				rewrite(t, path, path, text, func(rows []parquet.Row, column int) []parquet.Row {
					for i, v := range rows[3] {
						if v.Column() == column {
							rows[3][i] = parquet.ByteArrayValue(append(bytes.Clone(v.ByteArray()), '!')).Level(0, v.DefinitionLevel(), column)
						}
					}
					return rows
				})
			}},
			{"misplaced", "misplaced 1", func(t *testing.T) {
				other := strings.Replace(path, "tenant=default", "tenant=another", 1)
				rewrite(t, path, other, text, func(rows []parquet.Row, _ int) []parquet.Row { return rows[3:4] })
				rewrite(t, path, path, text, func(rows []parquet.Row, _ int) []parquet.Row { return append(rows[:3], rows[4:]...) })
				t.Cleanup(func() { os.Remove(other) })
			}},
			{"a file is gone", "lost", func(t *testing.T) {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}},
			{"a file is damaged", "unreadable objects 1", func(t *testing.T) {
				if err := os.WriteFile(path, whole[:len(whole)/2], 0o644); err != nil {
					t.Fatal(err)
				}
			}},
		} {
			t.Run(table+" "+test.name, func(t *testing.T) {
				test.damage(t)
				code, out := verify()
				if code != exitFailed || !strings.Contains(out, test.want) || !strings.Contains(out, "verified: FAILED") {
					t.Errorf("exit code %d, and wanted %q:\n%s", code, test.want, out)
				}
				if err := os.WriteFile(path, whole, 0o644); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	if code, out := verify(); code != 0 {
		t.Errorf("mended, and exit code %d:\n%s", code, out)
	}
}

// rewrite writes the changed rows of a file into another, or the same. The change is
// told which of the leaves is the column.
func rewrite(t *testing.T, from, to, columnName string, change func(rows []parquet.Row, column int) []parquet.Row) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	leaf, ok := f.Schema().Lookup(columnName)
	if !ok {
		t.Fatalf("no column %s", columnName)
	}
	var rows []parquet.Row
	for _, g := range f.RowGroups() {
		in := g.Rows()
		for buffer := make([]parquet.Row, 100); ; {
			n, err := in.ReadRows(buffer)
			for _, row := range buffer[:n] {
				rows = append(rows, row.Clone())
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	w := parquet.NewWriter(&out, parquet.NewSchema("rows", plainNode{f.Schema()}))
	if _, err := w.WriteRows(change(rows, leaf.ColumnIndex)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// plainNode is a schema without the encodings of the file that it is from, some of
// which the library reads and does not write.
type plainNode struct{ parquet.Node }

func (n plainNode) Encoding() encoding.Encoding { return nil }
func (n plainNode) Fields() []parquet.Field     { return plainFields(n.Node.Fields()) }

type plainField struct{ parquet.Field }

func (f plainField) Encoding() encoding.Encoding { return nil }
func (f plainField) Fields() []parquet.Field     { return plainFields(f.Field.Fields()) }

func plainFields(fields []parquet.Field) (plain []parquet.Field) {
	for _, f := range fields {
		plain = append(plain, plainField{f})
	}
	return plain
}

// Events that are acknowledged and not in the bucket in time fail the run.
func TestLossIsFound(t *testing.T) {
	dir := t.TempDir()
	g := start(t, dir, "PARQUAY_FLUSH_INTERVAL=1h")
	bucket := filepath.Join(dir, "parquay-data", "bucket")
	code, out := tool(t.Context(), "-targets", g.events, "-n", "1000", "-bucket", bucket, "-wait", "10ms", "-settle", "0s")
	if code != exitFailed || !strings.Contains(out, "lost 1000") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range []string{
		"nonsense", "-no-such-flag", "-scenario nonsense", "-batch 0", "-late 2", "-tenants 2", "-n 0", "-table other", "-connections 0",
		"-encoding lz4", "-curve week", "-curve day", "-bucket ftp://a", "extra -n", "verify", "cost", "tenants", "tenants 0", "tenants x",
		"generate -at noon", "cost -report x -prices /nonexistent",
	} {
		if code, out := tool(t.Context(), strings.Fields(args)...); code != exitUsage {
			t.Errorf("%s: exit code %d, %s", args, code, out)
		}
	}
	for _, args := range []string{"-h", "verify -h", "cost -h", "tenants -h", "generate -h"} {
		if code, out := tool(t.Context(), strings.Fields(args)...); code != exitDone || !strings.Contains(out, "Usage: parquay-loadtest") {
			t.Errorf("%s: exit code %d, %s", args, code, out)
		}
	}
	if code, _ := tool(t.Context(), "verify", "-report", "/nonexistent"); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
}

func TestGenerate(t *testing.T) {
	args := []string{"generate", "-n", "1000", "-at", "2026-11-23T07:00:00Z"}
	code, first := tool(t.Context(), args...)
	if code != 0 {
		t.Fatal(first)
	}
	if _, second := tool(t.Context(), args...); first != second {
		t.Error("the same plan has made other events")
	}
	lines := strings.Split(strings.TrimSpace(first), "\n")
	for _, line := range lines {
		var event struct{ ID, Type, Time string }
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.ID == "" || event.Type == "" {
			t.Fatalf("%v: %s", err, line)
		}
		if event.Time < "2026-11-23T06:58:59" || event.Time > "2026-11-23T07:00:00.000Z" {
			t.Fatalf("time %s", event.Time)
		}
	}
	if len(lines) != 1000 {
		t.Errorf("%d lines", len(lines))
	}
}
