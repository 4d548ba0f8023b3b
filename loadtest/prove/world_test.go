package prove

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"parquay/loadtest/drive"
	"parquay/loadtest/scenario"
)

// world is what a run has sent, and the rows that it has become.
type world struct {
	plan  *scenario.Plan
	maker *scenario.Maker
	fates []drive.Fates
	dir   string
	rows  []*stored
	after func() // when the files are written
}

// stored is a row and where it is.
type stored struct {
	tenant   string
	hour     int64
	event    *eventRow    // of the table events
	rejected *rejectedRow // or of rejected
	table    string       // in whose folder it is
	file     string
}

// eventRow is a row of the table events as a gateway writes it.
type eventRow struct {
	ID             string      `parquet:"id" json:"id"`
	Type           string      `parquet:"type" json:"type"`
	Time           int64       `parquet:"time,timestamp(microsecond)" json:"-"`
	MessageID      *string     `parquet:"message_id,optional" json:"message_id"`
	ConversationID *string     `parquet:"conversation_id,optional" json:"conversation_id"`
	Channel        *string     `parquet:"channel,optional,dict" json:"channel"`
	Direction      *string     `parquet:"direction,optional,dict" json:"direction"`
	Sender         *string     `parquet:"sender,optional" json:"sender"`
	Recipient      *string     `parquet:"recipient,optional" json:"recipient"`
	Country        *string     `parquet:"country,optional,dict" json:"country"`
	Provider       *string     `parquet:"provider,optional" json:"provider"`
	TemplateID     *string     `parquet:"template_id,optional" json:"template_id"`
	CampaignID     *string     `parquet:"campaign_id,optional" json:"campaign_id"`
	ErrorCode      *string     `parquet:"error_code,optional" json:"error_code"`
	ErrorReason    *string     `parquet:"error_reason,optional" json:"error_reason"`
	ContentType    *string     `parquet:"content_type,optional" json:"content_type"`
	Segments       *int32      `parquet:"segments,optional" json:"segments"`
	Price          *int64      `parquet:"price,optional,decimal(6:18)" json:"-"`
	Currency       *string     `parquet:"currency,optional" json:"currency"`
	Attributes     *attributes `parquet:"attributes,optional" json:"attributes"`
	ReceivedAt     int64       `parquet:"received_at,timestamp(microsecond)" json:"-"`
	Extra          *string     `parquet:"_extra,optional" json:"-"`
}

type attributes struct {
	KeyValue []attribute `parquet:"key_value"`
}

type attribute struct {
	Key   string  `parquet:"key"`
	Value *string `parquet:"value,optional"`
}

func (a *attributes) UnmarshalJSON(text []byte) error {
	var both struct{ Plan, Node string }
	err := json.Unmarshal(text, &both)
	a.KeyValue = []attribute{{"plan", &both.Plan}, {"node", &both.Node}}
	return err
}

// rejectedRow is a row of the table rejected.
type rejectedRow struct {
	Table      string  `parquet:"table"`
	Code       string  `parquet:"code"`
	Field      *string `parquet:"field,optional"`
	Message    string  `parquet:"message"`
	Raw        string  `parquet:"raw"`
	ReceivedAt int64   `parquet:"received_at,timestamp(microsecond)"`
}

const perWorker = 150

// newWorld has two workers with some events each, of two tenants, some of
// them late and some invalid.
func newWorld(t *testing.T) *world {
	w := &world{dir: t.TempDir(), plan: &scenario.Plan{
		Run: 0xabcdef, Seed: 3, Table: "events", Tenants: []string{"acme", "globex"}, Late: 0.05, Invalid: 0.2,
	}}
	w.maker = scenario.NewMaker(w.plan)
	now := time.Now()
	for worker := range 2 {
		w.fates = append(w.fates, drive.Fates{Sent: perWorker, Acked: []drive.Range{{To: perWorker}}})
		for sequence := range int64(perWorker) {
			tenant := int(sequence/50+int64(worker)) % 2
			text, valid := w.maker.Append(nil, worker, sequence, tenant, now.UnixMilli())
			w.rows = append(w.rows, w.store(t, text, valid, w.plan.Tenants[tenant], now))
		}
	}
	return w
}

// store makes the row of an event as a gateway would.
func (w *world) store(t testing.TB, text []byte, valid bool, tenant string, now time.Time) *stored {
	t.Helper()
	s := &stored{tenant: tenant, table: "events", file: "f"}
	_, at, ok := w.maker.ParseRaw(text)
	if !ok {
		t.Fatalf("can't read %s", text)
	}
	if !valid {
		s.table, s.hour = "rejected", now.Unix()/3600
		id, _, _ := w.maker.ParseRaw(text)
		_, code := w.maker.Again(id.Worker, id.Sequence, indexOf(w.plan.Tenants, tenant), at)
		s.rejected = &rejectedRow{Table: "events", Code: code, Message: "because", Raw: string(text), ReceivedAt: now.UnixMicro()}
		return s
	}
	row := &eventRow{Time: at * 1000, ReceivedAt: now.UnixMicro()}
	if err := json.Unmarshal(text, row); err != nil {
		t.Fatalf("read %s: %v", text, err)
	}
	var bill struct{ Price string }
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	if bill.Price != "" {
		var units int64
		if _, err := fmt.Sscanf(bill.Price, "0.%d", &units); err != nil {
			t.Fatalf("price %s: %v", bill.Price, err)
		}
		units *= 100
		row.Price = &units
	}
	s.event, s.hour = row, at/3_600_000
	return s
}

func indexOf(list []string, text string) int {
	for i, one := range list {
		if one == text {
			return i
		}
	}
	return -1
}

// write puts all rows into files.
func (w *world) write(t *testing.T) {
	t.Helper()
	events, rejected := map[string][]eventRow{}, map[string][]rejectedRow{}
	for _, s := range w.rows {
		path := filepath.Join(w.dir, s.table, "tenant="+s.tenant, filepath.FromSlash(hourText(s.hour)), s.file+".parquet")
		if s.event != nil {
			events[path] = append(events[path], *s.event)
		} else {
			rejected[path] = append(rejected[path], *s.rejected)
		}
	}
	for path, rows := range events {
		writeFile(t, path, rows, 50)
	}
	for path, rows := range rejected {
		writeFile(t, path, rows, 50)
	}
	if w.after != nil {
		w.after()
	}
}

func writeFile[T any](t testing.TB, path string, rows []T, perGroup int64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := parquet.WriteFile(path, rows, parquet.MaxRowsPerRowGroup(perGroup), parquet.PageBufferSize(int(20*perGroup))); err != nil {
		t.Fatal(err)
	}
}

// verify reads the world back.
func (w *world) verify(t *testing.T) *Proof {
	t.Helper()
	p, err := Verify(t.Context(), Options{Plan: w.plan, Fates: w.fates, Bucket: directory(w.dir), Begin: time.Now().Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// row is the first row of the table for which ok is true.
func (w *world) row(t *testing.T, table string, ok func(*stored) bool) *stored {
	t.Helper()
	for _, s := range w.rows {
		if s.table == table && (ok == nil || ok(s)) {
			return s
		}
	}
	t.Fatalf("no such row of %s", table)
	return nil
}

// add puts another row with a copy of s's values into a file of its own.
func (w *world) add(s *stored) *stored {
	double := *s
	double.file = "g"
	if s.event != nil {
		e := *s.event
		double.event = &e
	} else {
		r := *s.rejected
		double.rejected = &r
	}
	w.rows = append(w.rows, &double)
	return &double
}

func (w *world) remove(s *stored) {
	for i, other := range w.rows {
		if other == s {
			w.rows = append(w.rows[:i], w.rows[i+1:]...)
			return
		}
	}
}
