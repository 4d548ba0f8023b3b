package check

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"parquay/loadtest/e2e/ledger"
)

// bucket is what a gateway without faults makes of some bodies, before the test
// changes it.
type bucket struct {
	ledgerFile string
	rows       map[string][]Found           // by the file's name
	meta       map[string]map[string]string // changes to the files' metadata
	received   int64
	made       int
}

// choose picks three bodies: two with good and bad events, and a broken one.
func choose() (once, again, broken ledger.Name) {
	var mixed []ledger.Name
	for sequence := 0; len(mixed) < 2 || broken == (ledger.Name{}); sequence++ {
		body := ledger.NewBody(ledger.Name{Run: 7, Sequence: sequence}, time.Now())
		bad := slices.ContainsFunc(body.Entries(), func(e ledger.Entry) bool { return e.Table == rejected })
		switch {
		case body.Broken:
			broken = body.Name
		case bad && len(body.Entries()) > 20:
			mixed = append(mixed, body.Name)
		}
	}
	return mixed[0], mixed[1], broken
}

// newBucket sends three bodies: one is acknowledged at once, one after a first
// attempt without an answer, and one is broken and so refused.
func newBucket(t *testing.T, once, again, broken ledger.Name) *bucket {
	t.Helper()
	now := time.Now().Truncate(time.Microsecond)
	b := &bucket{
		ledgerFile: filepath.Join(t.TempDir(), "ledger"),
		rows:       map[string][]Found{}, meta: map[string]map[string]string{}, received: now.UnixMicro(),
	}
	l, err := ledger.Create(b.ledgerFile)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	send := func(name ledger.Name, statuses ...int) {
		body := ledger.NewBody(name, now)
		entries := body.Entries()
		for i, status := range statuses {
			err := l.Send(ledger.Sent{Name: name, Attempt: i + 1, At: now, Made: now, Broken: body.Broken, Entries: entries})
			if err == nil && status != 0 {
				err = l.Answer(ledger.Answer{Name: name, Attempt: i + 1, At: now.Add(time.Second), Status: status})
			}
			if err != nil {
				t.Fatal(err)
			}
			entries = nil
		}
		if !body.Broken {
			b.add(&body)
		}
	}
	send(once, 207)
	send(again, 0, 207)
	send(broken, 400)
	return b
}

// keys lists the keys of a body's events.
func keys(name ledger.Name) []string {
	body := ledger.NewBody(name, time.Now())
	var list []string
	for _, e := range body.Entries() {
		list = append(list, e.Key)
	}
	return list
}

// add files the rows of a body, as if it was received now.
func (b *bucket) add(body *ledger.Body) {
	b.received++
	for _, e := range body.Entries() {
		row, _ := body.Find(e.Key)
		found := Found{Row: maps.Clone(row), Received: b.received}
		if found.Row["id"] == ledger.MadeID {
			b.made++
			found.Row["id"] = fmt.Sprintf("01890a5d-ac96-774b-bcce-%012x", b.made)
		}
		hour := e.Hour
		if hour == ledger.Received {
			hour = floorHour(b.received)
		}
		if found.Row[eventTime] == ledger.MadeTime {
			found.Row[eventTime] = strconv.FormatInt(b.received, 10)
		}
		if e.Table == rejected {
			found.Row["message"] = "a reason"
		}
		name := fmt.Sprintf("%s/tenant=default/%s/7f3a9c-000000000042-0000.parquet", e.Table, hourText(hour))
		b.rows[name] = append(b.rows[name], found)
	}
}

// write makes the files below root.
func (b *bucket) write(t *testing.T, root string) {
	t.Helper()
	for name, rows := range b.rows {
		if err := b.writeFile(filepath.Join(root, name), name, rows); err != nil {
			t.Fatalf("write %s: %v", name, err)
		}
	}
}

func (b *bucket) writeFile(path, name string, rows []Found) error {
	if b.meta[name]["order"] == "" {
		slices.SortStableFunc(rows, func(x, y Found) int {
			tx, _ := x.filed()
			ty, _ := y.filed()
			return cmp.Compare(tx, ty)
		})
	}
	schema := eventsSchema
	if strings.HasPrefix(name, rejected) {
		schema = rejectedSchema
	}
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	var s span
	for _, row := range rows {
		for i, f := range schema.Fields() {
			text, ok := row.Row[f.Name]
			if f.Name == receivedAt {
				text, ok = strconv.FormatInt(row.Received, 10), true
			}
			if !ok {
				builder.Field(i).AppendNull()
			} else if err := appendCell(builder.Field(i), text); err != nil {
				return err
			}
		}
		filed, err := row.filed()
		if err != nil {
			return err
		}
		s.add(0, filed)
	}
	record := builder.NewRecordBatch()
	defer record.Release()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		return err
	}
	for key, value := range b.metadata(name, &s) {
		if err := w.AppendKeyValueMetadata(key, value); err != nil {
			return err
		}
	}
	if err := w.Write(record); err != nil {
		return err
	}
	return w.Close()
}

func (b *bucket) metadata(name string, s *span) map[string]string {
	k, err := parseKey(name)
	if err != nil { // a name that the test has spoilt
		k, _ = parseKey("events/tenant=default/dt=2026-01-01/hour=00/7f3a9c-000000000042-0000.parquet")
	}
	values := map[string]string{
		"parquay.incarnation": k.incarnation, "parquay.window": "42", "parquay.cut": "0",
		"parquay.table": k.table, "parquay.tenant": k.tenant,
		"parquay.hour": time.Unix(k.hour*3600, 0).UTC().Format(time.RFC3339),
		"parquay.rows": strconv.Itoa(s.rows), "parquay.min_time": micros(s.least), "parquay.max_time": micros(s.most),
	}
	maps.Copy(values, b.meta[name])
	return values
}

func appendCell(to array.Builder, text string) error {
	switch b := to.(type) {
	case *array.StringBuilder:
		b.Append(text)
	case *array.Int32Builder:
		n, err := strconv.ParseInt(text, 10, 32)
		b.Append(int32(n))
		return err
	case *array.TimestampBuilder:
		n, err := strconv.ParseInt(text, 10, 64)
		b.Append(arrow.Timestamp(n))
		return err
	case *array.Decimal128Builder:
		n, err := decimal128.FromString(text, 18, 6)
		b.Append(n)
		return err
	case *array.MapBuilder:
		b.Append(true)
		for i := 0; text != ""; i++ {
			quoted, err := strconv.QuotedPrefix(text)
			if err != nil {
				return err
			}
			value, err := strconv.Unquote(quoted)
			if err != nil {
				return err
			}
			text = strings.TrimPrefix(text[len(quoted):], " ")
			part := b.KeyBuilder()
			if i%2 == 1 {
				part = b.ItemBuilder()
			}
			part.(*array.StringBuilder).Append(value)
		}
	default:
		return fmt.Errorf("no test has a column of type %v", to.Type())
	}
	return nil
}

var (
	timestamp = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}

	eventsSchema = func() *arrow.Schema {
		var fields []arrow.Field
		for _, name := range []string{
			"id", "type", "message_id", "conversation_id", "channel", "direction", "sender", "recipient", "country",
			"error_code", "error_reason", "currency", extra,
		} {
			fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true})
		}
		return arrow.NewSchema(append(fields,
			arrow.Field{Name: eventTime, Type: timestamp},
			arrow.Field{Name: receivedAt, Type: timestamp},
			arrow.Field{Name: "segments", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
			arrow.Field{Name: "price", Type: &arrow.Decimal128Type{Precision: 18, Scale: 6}, Nullable: true},
			arrow.Field{Name: "attributes", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String), Nullable: true},
		), nil)
	}()

	rejectedSchema = arrow.NewSchema([]arrow.Field{
		{Name: "table", Type: arrow.BinaryTypes.String},
		{Name: "code", Type: arrow.BinaryTypes.String},
		{Name: "field", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "message", Type: arrow.BinaryTypes.String},
		{Name: "raw", Type: arrow.BinaryTypes.String},
		{Name: receivedAt, Type: timestamp},
	}, nil)
)
