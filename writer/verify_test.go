package writer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/client_golang/prometheus"

	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
	"parquay/writer"
	"parquay/writer/buckettest"
	"parquay/writer/s3test"
)

// verifiedHour is 2027-01-15T08:00:00Z.
const (
	verifiedHour = 500_000
	hourMicros   = int64(time.Hour / time.Microsecond)
)

// fileID is the identity of a file of the events table.
func fileID(window uint64, tenant string, hour int64, cut int) writer.FileID {
	return writer.FileID{
		Incarnation: "0123456789abcdef0123456789abcdef", Window: window,
		Table: "events", Tenant: tenant, Hour: verifiedHour + hour, Cut: cut,
	}
}

// store puts a file that the writer has made, of two row groups if it has two rows
// or more.
func store(t *testing.T, b writer.Bucket, table *schema.Table, id writer.FileID, ids ...string) {
	t.Helper()
	registry, log := prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	w, err := writer.New(writer.Config{
		FS: crashfs.New(1), SpoolDir: "/spool", Putter: writer.NewPutter(b, 4, log, writer.NewPutMetrics(registry)),
		Encoders: 1, MemoryFile: 1 << 20, Memory: 1 << 20, Version: "test", Logger: log, Metrics: writer.NewMetrics(registry),
	})
	if err != nil {
		t.Fatal(err)
	}
	id.Table = table.Name()
	out, err := w.Create(id, table)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Discard()
	for group := range slices.Chunk(ids, (len(ids)+1)/2) {
		if err := out.Append(t.Context(), []*schema.Batch{batchOf(table, id, group)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := out.Put(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// batchOf makes a batch of rows with these ids, in the file's hour.
func batchOf(table *schema.Table, file writer.FileID, ids []string) *schema.Batch {
	c := schema.NewColumns(table)
	for i, id := range ids {
		for column, spec := range table.Columns() {
			switch {
			case column == table.IDColumn():
				c.SetString(column, id)
			case column == table.TimeColumn(), spec.Name == schema.ReceivedAt:
				c.SetInt64(column, file.Hour*hourMicros+int64(i))
			case spec.Required:
				c.SetString(column, "x")
			}
		}
		c.EndRow()
	}
	return &schema.Batch{Table: table, Tenant: file.Tenant, Hour: file.Hour, Rows: len(ids), Bytes: c.AppendTo(nil)}
}

// goodBucket has two tables, two tenants, two hours, three windows, cuts.
func goodBucket(t *testing.T, b writer.Bucket) {
	t.Helper()
	store(t, b, schema.Events(), fileID(1, "a", 0, 0), "1", "2", "3")
	store(t, b, schema.Events(), fileID(1, "a", 0, 1), "4", "5")
	store(t, b, schema.Events(), fileID(1, "a", 0, 2), "6")
	store(t, b, schema.Events(), fileID(1, "a", 1, 0), "7")
	store(t, b, schema.Events(), fileID(64, "a", 1, 0), "8")
	store(t, b, schema.Events(), fileID(1, "a-b", 0, 0), "1", "2") // another tenant's ids are its own
	store(t, b, schema.Rejected(), fileID(70, "a", 0, 0), "", "", "")
}

var goodReport = writer.Report{
	Files: 7, Rows: 13, Tables: 2, Tenants: 2, Windows: 3,
	ByKind: map[writer.ProblemKind]int64{}, Listed: []writer.Problem{},
}

func TestVerifyGoodBucket(t *testing.T) {
	gateway := s3test.Start(t)
	gateway.Setenv(t)
	for name, b := range map[string]writer.Bucket{
		"fake": buckettest.NewFake(t, nil),
		"dir":  open(t, "file://"+t.TempDir(), writer.S3Options{}),
		"s3":   open(t, gateway.URL("p"), writer.S3Options{Endpoint: gateway.Endpoint, PathStyle: true, Conditional: true}),
	} {
		goodBucket(t, b)
		report, text := verify(t, b, "")
		want := goodReport
		want.Bucket, want.Bytes = b.String(), report.Bytes
		if diff := cmp.Diff(want, report); diff != "" || report.Bytes == 0 {
			t.Errorf("%s: report differs (-want +got):\n%s\n%s", name, diff, text)
		}
		line := fmt.Sprintf("%s: files 7, rows 13, bytes %d, tables 2, tenants 2, windows 3, pending 0, problems 0\n", b, report.Bytes)
		if text != line {
			t.Errorf("%s: text is %q, want %q", name, text, line)
		}
		for prefix, files := range map[string]int64{"events/": 6, "events/tenant=a/": 5, "rejected/": 1, "other/": 0} {
			if report, text := verify(t, b, prefix); report.Files != files || !report.OK() {
				t.Errorf("%s: prefix %s has %d files, want %d:\n%s", name, prefix, report.Files, files, text)
			}
		}
	}
}

var verifiedTables = []*schema.Table{schema.Events(), schema.Rejected()}

func verify(t *testing.T, b writer.Bucket, prefix string) (writer.Report, string) {
	t.Helper()
	return verifyWith(t, b, writer.Verification{Prefix: prefix})
}

// verifyWith fills in the tables and where lines go.
func verifyWith(t *testing.T, b writer.Bucket, o writer.Verification) (writer.Report, string) {
	t.Helper()
	var text bytes.Buffer
	o.Tables, o.Lines = verifiedTables, &text
	report, err := writer.Verify(t.Context(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	counted, kinds := int64(0), map[writer.ProblemKind]int64{}
	for _, p := range report.Listed {
		kinds[p.Kind]++
		if !strings.Contains(text.String(), p.Key+": "+p.Detail+"\n") {
			t.Errorf("the text does not tell of %v:\n%s", p, text.String())
		}
	}
	for _, n := range report.ByKind {
		counted += n
	}
	if counted != report.Problems || report.OK() != (counted == 0) {
		t.Errorf("%d problems, by kind %v", report.Problems, report.ByKind)
	}
	if report.Problems <= 1000 && !maps.Equal(kinds, report.ByKind) {
		t.Errorf("problems by kind are %v, listed are %v", report.ByKind, kinds)
	}
	return report, text.String()
}

// forgery is a Parquet file that says what it likes.
type forgery struct {
	groups   [][]forgedRow
	metadata map[string]string // replaces what the identity and the rows give; "-" leaves it out
	unsorted bool
}

type forgedRow struct {
	ID   string `parquet:"id"`
	Time int64  `parquet:"time,timestamp(microsecond)"`
}

// rowsAt makes rows with ids from first and times a second apart.
func rowsAt(hour int64, first, n int) (rows []forgedRow) {
	for i := range n {
		rows = append(rows, forgedRow{strconv.Itoa(first + i), hour*hourMicros + int64(i)*1e6})
	}
	return rows
}

// honest is what a file of that identity has: two row groups with four rows.
func honest(id writer.FileID) forgery {
	return forgery{groups: [][]forgedRow{rowsAt(id.Hour, 100, 3), rowsAt(id.Hour, 103, 1)}}
}

// put stores the forgery under a key, with the metadata that id has.
func (f forgery) put(t *testing.T, b writer.Bucket, key string, id writer.FileID) {
	t.Helper()
	var options []parquet.WriterOption
	if !f.unsorted {
		options = append(options, parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("time"))))
	}
	const layout = "2006-01-02T15:04:05.000000Z"
	rows := slices.Concat(f.groups...)
	byTime := func(a, b forgedRow) int { return int(a.Time - b.Time) }
	metadata := map[string]string{
		"parquay.incarnation": id.Incarnation, "parquay.window": fmt.Sprint(id.Window), "parquay.table": id.Table,
		"parquay.tenant": id.Tenant, "parquay.hour": time.Unix(id.Hour*3600, 0).UTC().Format(time.RFC3339),
		"parquay.cut": fmt.Sprint(id.Cut), "parquay.rows": fmt.Sprint(len(rows)),
		"parquay.min_time": time.UnixMicro(slices.MinFunc(rows, byTime).Time).UTC().Format(layout),
		"parquay.max_time": time.UnixMicro(slices.MaxFunc(rows, byTime).Time).UTC().Format(layout),
		"parquay.schema":   "00000000000000ff", "parquay.version": "test",
	}
	maps.Copy(metadata, f.metadata)
	for name, value := range metadata {
		if value != "-" {
			options = append(options, parquet.KeyValueMetadata(name, value))
		}
	}
	var file bytes.Buffer
	w := parquet.NewGenericWriter[forgedRow](&file, options...)
	for _, group := range f.groups {
		if _, err := w.Write(group); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	putBytes(t, b, key, file.Bytes())
}

func putBytes(t *testing.T, b writer.Bucket, key string, content []byte) {
	t.Helper()
	if err := b.Put(t.Context(), key, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

// Each kind of lie is found, and as what it is.
func TestVerifyFindsLies(t *testing.T) {
	id := fileID(7, "liar", 0, 0)
	object := func(t *testing.T, b *buckettest.Fake, id writer.FileID) []byte {
		content, ok := b.Object(id.Key())
		if !ok {
			t.Fatal("no such object")
		}
		return slices.Clone(content)
	}
	says := func(name, value string) func(*testing.T, *buckettest.Fake) {
		return func(t *testing.T, b *buckettest.Fake) {
			f := honest(id)
			f.metadata = map[string]string{"parquay." + name: value}
			f.put(t, b, id.Key(), id)
		}
	}
	forge := func(change func(*forgery)) func(*testing.T, *buckettest.Fake) {
		return func(t *testing.T, b *buckettest.Fake) {
			f := honest(id)
			change(&f)
			f.put(t, b, id.Key(), id)
		}
	}
	renamed := func(to writer.FileID) func(*testing.T, *buckettest.Fake) {
		return func(t *testing.T, b *buckettest.Fake) { honest(id).put(t, b, to.Key(), id) }
	}
	for _, c := range []struct {
		name string
		lie  func(t *testing.T, b *buckettest.Fake)
		want string // kinds with counts
		says string // in a detail
	}{
		{"none", func(t *testing.T, b *buckettest.Fake) { honest(id).put(t, b, id.Key(), id) }, "map[]", ""},

		{"foreign file", func(t *testing.T, b *buckettest.Fake) {
			putBytes(t, b, "events/README", nil)
			putBytes(t, b, folder(id)+"/x/y.parquet", nil)
			putBytes(t, b, id.Key()+".tmp", nil)
		}, "map[foreign:3]", "Parquay"},
		{"object of a probe", func(t *testing.T, b *buckettest.Fake) {
			putBytes(t, b, writer.ProbePrefix+"x", nil)
			putBytes(t, b, "events/"+writer.ProbePrefix+"x", nil)
		}, "map[foreign:1]", ""},
		{"foreign file between cuts", func(t *testing.T, b *buckettest.Fake) {
			store(t, b, schema.Events(), id, "1")
			putBytes(t, b, strings.TrimSuffix(id.Key(), "0.parquet")+"0/x", nil)
			id := id
			id.Cut = 1
			store(t, b, schema.Events(), id, "2")
		}, "map[foreign:1]", ""},

		{"empty file", func(t *testing.T, b *buckettest.Fake) { putBytes(t, b, id.Key(), nil) }, "map[unreadable:1]", ""},
		{"truncated file", func(t *testing.T, b *buckettest.Fake) {
			truncated := object(t, b, fileID(1, "a", 0, 0))
			putBytes(t, b, id.Key(), truncated[:len(truncated)-1])
		}, "map[unreadable:1]", ""},
		{"flipped bit in a page", func(t *testing.T, b *buckettest.Fake) {
			// The ids come first in the file, and 300 take more than 2,000 bytes.
			var ids []string
			random := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				ids = append(ids, strconv.FormatUint(random.Uint64(), 16))
			}
			store(t, b, schema.Events(), id, ids...)
			spoilt := object(t, b, id)
			spoilt[1000] ^= 1
			drop(t, b, id)
			b.Same = func(string, []byte, []byte) error { return nil }
			putBytes(t, b, id.Key(), spoilt)
		}, "map[metadata:1 unreadable:1]", "checksum"},

		{"renamed to another window", renamed(fileID(8, "liar", 0, 0)), "map[metadata:1]", id.Key()},
		{"renamed to another tenant", renamed(fileID(7, "thief", 0, 0)), "map[metadata:1]", id.Key()},
		{"renamed to another cut", renamed(fileID(7, "liar", 0, 1)), "map[cut:1 metadata:1]", "cut 0"},
		{"moved to another hour", renamed(fileID(7, "liar", 1, 0)), "map[metadata:1 time:1]", "rows of another hour: 4; the first is row 0"},
		{"moved with its metadata", func(t *testing.T, b *buckettest.Fake) {
			honest(id).put(t, b, fileID(7, "liar", 1, 0).Key(), fileID(7, "liar", 1, 0))
		}, "map[time:1]", "of another hour: 4"},

		{"other incarnation", says("incarnation", "ffff"), "map[metadata:1]", "ffff-"},
		{"other window", says("window", "8"), "map[metadata:1]", "it says it is"},
		{"other table", says("table", "rejected"), "map[metadata:1]", "it says it is"},
		{"other tenant", says("tenant", "victim"), "map[metadata:1]", "it says it is"},
		{"other hour", says("hour", "2027-01-15T09:00:00Z"), "map[metadata:1]", "it says it is"},
		{"other cut", says("cut", "1"), "map[metadata:1]", "it says it is"},
		{"other number of rows", says("rows", "5"), "map[metadata:1]", "5"},
		{"other minimum", says("min_time", "2027-01-15T08:00:00.000001Z"), "map[metadata:1]", "08:00:00.000001Z to"},
		{"other maximum", says("max_time", "2027-01-15T08:00:01.999999Z"), "map[metadata:1]", "08:00:01.999999Z, and"},
		{"no metadata of a name", says("tenant", "-"), "map[metadata:1]", "parquay.tenant"},
		{"schema of another file's", says("schema", fmt.Sprintf("%016x", schema.Events().Fingerprint())), "map[schema:1]", "like that of events/tenant=a-b/"},

		{
			"one row of the next hour", forge(func(f *forgery) { f.groups[1][0].Time = (id.Hour + 1) * hourMicros }),
			"map[time:1]", "rows of another hour: 1; the first is row 3 of 2027-01-15T09:00:00.000000Z",
		},
		{
			"one row of the hour before", forge(func(f *forgery) { f.groups[0][0].Time = id.Hour*hourMicros - 1 }),
			"map[time:1]", "rows of another hour: 1; the first is row 0 of 2027-01-15T07:59:59.999999Z",
		},
		{
			"rows in disorder", forge(func(f *forgery) { f.groups[0][1].Time += 5e6 }),
			"map[time:1]", "rows earlier than the row before: 1; the first is row 2",
		},
		{"no declared order", forge(func(f *forgery) { f.unsorted = true }), "map[metadata:3]", "row group 1 is not sorted by a time"},

		{"dropped first cut", func(t *testing.T, b *buckettest.Fake) { drop(t, b, fileID(1, "a", 0, 0)) }, "map[cut:1]", "cut 0"},
		{"dropped middle cut", func(t *testing.T, b *buckettest.Fake) { drop(t, b, fileID(1, "a", 0, 1)) }, "map[cut:1]", "cut 1"},

		{
			"doubled id in a row group", forge(func(f *forgery) { f.groups[0][2].ID = "100" }),
			"map[duplicate:1]", `row 2 has the id "100" of row 0 of ` + id.Key(),
		},
		{
			"doubled id in a file", forge(func(f *forgery) { f.groups[1][0].ID = "102" }),
			"map[duplicate:1]", `row 3 has the id "102" of row 2 of ` + id.Key(),
		},
		{"doubled id in another window", func(t *testing.T, b *buckettest.Fake) {
			store(t, b, schema.Events(), fileID(9, "a", 0, 0), "new", "5", "6")
		}, "map[duplicate:2]", `has the id "6" of row 0 of ` + fileID(1, "a", 0, 2).Key()},
		{"doubled id in another hour", func(t *testing.T, b *buckettest.Fake) {
			store(t, b, schema.Events(), fileID(9, "a", 20, 0), "1")
		}, "map[duplicate:1]", `row 0 has the id "1" of row 0 of ` + fileID(1, "a", 0, 0).Key()},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := buckettest.NewFake(t, nil)
			goodBucket(t, b)
			c.lie(t, b)
			report, text := verify(t, b, "")
			if got := fmt.Sprint(report.ByKind); got != c.want || !strings.Contains(text, c.says) {
				t.Errorf("problems are %s, want %s and a text with %q:\n%s", got, c.want, c.says, text)
			}
		})
	}
}

// folder is where a file lies.
func folder(id writer.FileID) string { return id.Key()[:strings.LastIndex(id.Key(), "/")] }

func drop(t *testing.T, b writer.Bucket, id writer.FileID) {
	t.Helper()
	if err := b.Delete(t.Context(), id.Key()); err != nil {
		t.Fatal(err)
	}
}

// Ids are found under the name that the table gives them.
func TestVerifyIDColumn(t *testing.T) {
	orders, err := schema.Compile("orders", []byte(`{"type": "object", "properties": {
		"id": {"type": "string"}, "number": {"type": "string", "x-role": "id"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	tables := append(slices.Clone(verifiedTables), orders)
	b := buckettest.NewFake(t, nil)
	id := fileID(1, "a", 0, 0)
	store(t, b, orders, id, "1", "2", "1")
	report, err := writer.Verify(t.Context(), b, writer.Verification{Tables: tables, Lines: io.Discard})
	if err != nil || report.ByKind[writer.ProblemDuplicate] != 1 || report.Problems != 1 || !strings.Contains(report.Listed[0].Detail, `"1"`) {
		t.Errorf("a known table: %+v, %v", report, err)
	}
	// What an unknown table calls an id is absent here.
	if report, text := verify(t, b, ""); !report.OK() || report.Rows != 3 {
		t.Errorf("an unknown table: %s", text)
	}
}

// All problems are counted, a thousand are described.
func TestVerifyBoundsItsList(t *testing.T) {
	b := buckettest.NewFake(t, nil)
	for i := range 1100 {
		putBytes(t, b, fmt.Sprintf("foreign/%d", i), nil)
	}
	id := fileID(1, "a", 0, 0)
	f := forgery{groups: [][]forgedRow{rowsAt(id.Hour, 0, 10), rowsAt(id.Hour, 0, 10)}}
	f.put(t, b, id.Key(), id)
	id.Table = "zz" // after the foreign ones
	f.put(t, b, id.Key(), id)
	report, text := verify(t, b, "")
	if report.Problems != 1120 || len(report.Listed) != 1000 || !strings.Contains(text, "and 120 more\n") ||
		!strings.HasSuffix(text, "problems 1120 (duplicate 20, foreign 1100)\n") {
		t.Errorf("%d problems, %d listed; text ends %q", report.Problems, len(report.Listed), text[max(0, len(text)-300):])
	}
}

func TestVerifyReportAsJSON(t *testing.T) {
	b := buckettest.NewFake(t, nil)
	putBytes(t, b, "x", []byte("12"))
	report, _ := verify(t, b, "")
	got, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"bucket":"fake://","prefix":"","files":0,"rows":0,"bytes":0,"tables":0,"tenants":0,"windows":0,"pending":0,` +
		`"problems":1,"by_kind":{"foreign":1},"listed":[{"kind":"foreign","key":"x","detail":` +
		`"not a Parquay object key: \"x\": it has not five parts"}]}`
	if string(got) != want {
		t.Errorf("JSON is\n%s, want\n%s", got, want)
	}
}

// A file that is too large for memory is read from disk, and leaves nothing there.
func TestVerifyLargeFile(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	b := buckettest.NewFake(t, nil)
	id := fileID(1, "a", 0, 0)
	rows := rowsAt(id.Hour, 0, 180)
	text := make([]byte, 100_000)
	random := rand.NewChaCha8([32]byte{})
	for i := range rows {
		random.Read(text)
		rows[i].ID = string(text)
	}
	forgery{groups: [][]forgedRow{rows}}.put(t, b, id.Key(), id)
	if content, _ := b.Object(id.Key()); len(content) <= 16<<20 {
		t.Fatalf("the file has %d bytes only", len(content))
	}
	if report, text := verify(t, b, ""); report.Rows != 180 || !report.OK() {
		t.Errorf("%d rows:\n%s", report.Rows, text)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A store's bad moment does not spoil a verification; a long one ends it with an
// error, and no report says that all is well.
func TestVerifyRetriesDownloads(t *testing.T) {
	// Decompressors that were made on the fake clock can't be used off it, and
	// parquet-go pools them. Two collections empty a pool.
	defer func() { runtime.GC(); runtime.GC() }()
	synctest.Test(t, func(t *testing.T) {
		gets := map[string]int{}
		fails := 4
		b := buckettest.NewFake(t, func(r buckettest.Request) buckettest.Verdict {
			if r.Op == buckettest.Get {
				if gets[r.Key]++; gets[r.Key] <= fails {
					return buckettest.Status(503)
				}
			}
			return buckettest.Done
		})
		goodBucket(t, b)
		if report, text := verify(t, b, ""); report.Files != 7 || !report.OK() {
			t.Errorf("%d files:\n%s", report.Files, text)
		}
		clear(gets)
		fails = 100
		if report, err := writer.Verify(t.Context(), b, writer.Verification{Tables: verifiedTables, Lines: io.Discard}); writer.KindOf(err) != writer.KindThrottled {
			t.Errorf("Verify = %+v, %v, want the store's error", report, err)
		}
	})
}

func TestVerifyFailures(t *testing.T) {
	fake := func(fails buckettest.Op) *buckettest.Fake {
		begun := false
		b := buckettest.NewFake(t, func(r buckettest.Request) buckettest.Verdict {
			if begun && r.Op == fails {
				return buckettest.Failed
			}
			return buckettest.Done
		})
		goodBucket(t, b)
		begun = true
		return b
	}
	if _, err := writer.Verify(t.Context(), fake(buckettest.List), writer.Verification{Tables: verifiedTables, Lines: io.Discard}); err == nil {
		t.Error("a failed List is no error")
	}
	if _, err := writer.Verify(t.Context(), fake(""), writer.Verification{Tables: verifiedTables, Lines: brokenPipe{}}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a failed write is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := writer.Verify(ctx, fake(""), writer.Verification{Tables: verifiedTables, Lines: io.Discard}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context is %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }
