package prove

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"parquay/loadtest/drive"
	"parquay/loadtest/scenario"
)

func TestVerifyWhole(t *testing.T) {
	w := newWorld(t)
	w.write(t)
	p := w.verify(t)
	refused := int64(0)
	for _, s := range w.rows {
		if s.rejected != nil {
			refused++
		}
	}
	if !p.OK() || p.Acked != 2*perWorker || p.Stored != p.Acked || p.Rows != p.Acked || p.Refused != refused || refused == 0 || p.Others != 0 {
		t.Errorf("%+v", p)
	}
}

// Whatever is wrong with a row is found, and counted as what it is.
func TestVerifyFinds(t *testing.T) {
	text := func(s string) *string { return &s }
	billed := func(s *stored) bool { return s.event.Price != nil }
	failed := func(s *stored) bool { return s.event.ErrorCode != nil }
	other := map[string]string{"acme": "globex", "globex": "acme"}
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, w *world)
		want  Proof
	}{
		{"a lost row", func(t *testing.T, w *world) { w.remove(w.row(t, "events", nil)) }, Proof{Lost: 1}},
		{"a lost row of rejected", func(t *testing.T, w *world) { w.remove(w.row(t, "rejected", nil)) }, Proof{Lost: 1}},
		{"the last row lost", func(_ *testing.T, w *world) { w.remove(w.rows[len(w.rows)-1]) }, Proof{Lost: 1}},
		{"a doubled row", func(t *testing.T, w *world) { w.add(w.row(t, "events", nil)) }, Proof{Doubled: 1}},
		{"a doubled row in one file", func(t *testing.T, w *world) { w.add(w.row(t, "events", nil)).file = "f" }, Proof{Doubled: 1}},
		{"a doubled row of rejected", func(t *testing.T, w *world) { w.add(w.row(t, "rejected", nil)) }, Proof{Doubled: 1}},
		{"a row three times", func(t *testing.T, w *world) {
			s := w.row(t, "events", nil)
			w.add(s)
			w.add(s).file = "h"
		}, Proof{Doubled: 2}},
		{"another text", func(t *testing.T, w *world) { w.row(t, "events", nil).event.Type = "message.other" }, Proof{Altered: 1}},
		{"another text in an optional column", func(t *testing.T, w *world) { w.row(t, "events", nil).event.Sender = text("+49") }, Proof{Altered: 1}},
		{"a text that is gone", func(t *testing.T, w *world) { w.row(t, "events", nil).event.Country = nil }, Proof{Altered: 1}},
		{"a text that was not there", func(t *testing.T, w *world) { w.row(t, "events", billed).event.ErrorCode = text("") }, Proof{Altered: 1}},
		{"texts of two columns exchanged", func(t *testing.T, w *world) {
			e := w.row(t, "events", failed).event
			e.ErrorCode, e.ErrorReason = e.ErrorReason, e.ErrorCode
		}, Proof{Altered: 1}},
		{"another integer", func(t *testing.T, w *world) { *w.row(t, "events", billed).event.Segments++ }, Proof{Altered: 1}},
		{"another decimal", func(t *testing.T, w *world) { *w.row(t, "events", billed).event.Price++ }, Proof{Altered: 1}},
		{"another value in a map", func(t *testing.T, w *world) {
			w.row(t, "events", billed).event.Attributes.KeyValue[1].Value = text("n99")
		}, Proof{Altered: 1}},
		{"a map's pairs in another order", func(t *testing.T, w *world) {
			pairs := w.row(t, "events", billed).event.Attributes.KeyValue
			pairs[0], pairs[1] = pairs[1], pairs[0]
		}, Proof{Altered: 1}},
		{"a map that is cut", func(t *testing.T, w *world) {
			a := w.row(t, "events", billed).event.Attributes
			a.KeyValue = a.KeyValue[:1]
		}, Proof{Altered: 1}},
		{"unknown fields", func(t *testing.T, w *world) { w.row(t, "events", nil).event.Extra = text("{}") }, Proof{Altered: 1}},
		{"another time", func(t *testing.T, w *world) { w.row(t, "events", nil).event.Time += 1000 }, Proof{Altered: 1}},
		{"a finer time", func(t *testing.T, w *world) { w.row(t, "events", nil).event.Time++ }, Proof{Altered: 1}},
		{"no time of receipt", func(t *testing.T, w *world) { w.row(t, "events", nil).event.ReceivedAt = 0 }, Proof{Altered: 1}},
		{"another code", func(t *testing.T, w *world) { w.row(t, "rejected", nil).rejected.Code = "other" }, Proof{Altered: 1}},
		{"refused of another table", func(t *testing.T, w *world) { w.row(t, "rejected", nil).rejected.Table = "other" }, Proof{Altered: 1}},
		{"a refused text that is cut", func(t *testing.T, w *world) {
			r := w.row(t, "rejected", nil).rejected
			r.Raw = r.Raw[:len(r.Raw)-1]
		}, Proof{Altered: 1}},
		{"another tenant", func(t *testing.T, w *world) {
			s := w.row(t, "events", nil)
			s.tenant = other[s.tenant]
		}, Proof{Misplaced: 1}},
		{"another tenant of rejected", func(t *testing.T, w *world) {
			s := w.row(t, "rejected", nil)
			s.tenant = other[s.tenant]
		}, Proof{Misplaced: 1}},
		{"an unknown tenant", func(t *testing.T, w *world) { w.row(t, "events", nil).tenant = "nobody" }, Proof{Misplaced: 1}},
		{"another hour", func(t *testing.T, w *world) { w.row(t, "events", nil).hour-- }, Proof{Misplaced: 1}},
		{"another hour of rejected", func(t *testing.T, w *world) { w.row(t, "rejected", nil).hour-- }, Proof{Misplaced: 1}},
		{"another table", func(t *testing.T, w *world) { w.row(t, "events", nil).table = "others" }, Proof{Misplaced: 1}},
		{"a valid event refused", func(t *testing.T, w *world) {
			s := w.row(t, "events", nil)
			id, _ := w.plan.ParseID([]byte(s.event.ID))
			raw, _ := w.maker.Again(id.Worker, id.Sequence, indexOf(w.plan.Tenants, s.tenant), s.event.Time/1000)
			s.table, s.hour = "rejected", s.event.ReceivedAt/microsPerHour
			s.rejected = &rejectedRow{Table: "events", Code: "other", Raw: string(raw), ReceivedAt: s.event.ReceivedAt}
			s.event = nil
		}, Proof{Misplaced: 1}},
		{"an invalid event accepted", func(t *testing.T, w *world) {
			s := w.row(t, "rejected", nil)
			_, at, _ := w.maker.ParseRaw([]byte(s.rejected.Raw))
			s.table, s.hour = "events", at/3_600_000
			s.event = &eventRow{ID: s.rejected.Raw[len(`{"id":"`):][:scenario.IDLength], Time: at * 1000, ReceivedAt: 1}
			s.rejected = nil
		}, Proof{Misplaced: 1}},
		{"an event that was never sent", func(_ *testing.T, w *world) {
			w.fates[1].Sent--
			w.fates[1].Acked[0].To--
		}, Proof{Strangers: 1}},
		{"a worker that there is not", func(_ *testing.T, w *world) { w.fates = w.fates[:1] }, Proof{Strangers: perWorker}},
		{"an event that was answered as not kept", func(_ *testing.T, w *world) { w.fates[0].Acked[0].From++ }, Proof{Strangers: 1}},
		{"noise in an id", func(t *testing.T, w *world) {
			e := w.row(t, "events", nil).event
			e.ID = e.ID[:30] + "f" + e.ID[31:]
		}, Proof{Strangers: 1, Lost: 1}},
		{"a file that is cut", func(t *testing.T, w *world) { w.after = func() { cut(t, w) } }, Proof{Unreadable: 1}},
		{"a file that is no file", func(t *testing.T, w *world) {
			path := filepath.Join(w.dir, "events", "stray.parquet")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}, Proof{Unreadable: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.spoil(t, w)
			w.write(t)
			p := w.verify(t)
			fields := cmp.FilterPath(func(p cmp.Path) bool {
				switch p.Last().String() {
				case ".Lost", ".Doubled", ".Altered", ".Misplaced", ".Strangers", ".Unreadable", "":
					return false
				}
				return len(p) > 1
			}, cmp.Ignore())
			got := *p
			if got.Unreadable > 0 {
				got.Lost = 0 // all that is in the file
			}
			if diff := cmp.Diff(test.want, got, fields, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s%s", diff, p)
			}
			if p.OK() {
				t.Error("it passes")
			}
			if len(p.Examples) == 0 {
				t.Error("there is no example")
			}
		})
	}
}

// cut shortens a file of events.
func cut(t *testing.T, w *world) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(w.dir, "events", "*", "*", "*", "*.parquet"))
	if err != nil || len(names) == 0 {
		t.Fatal("no files", err)
	}
	if err := os.Truncate(names[0], 1000); err != nil {
		t.Fatal(err)
	}
}

// An event whose fate was not known may be there as often as it was sent, and no
// oftener; and it need not be there unless it was acknowledged.
func TestVerifyUnsure(t *testing.T) {
	const attempts = 2
	for _, test := range []struct {
		name    string
		acked   bool
		rows    int // that there are
		ok      bool
		repeats int64
		unsure  int64
		doubled int64
		lost    int64
	}{
		{"acknowledged, once", true, 1, true, 0, 0, 0, 0},
		{"acknowledged, as often as sent", true, 3, true, 2, 0, 0, 0},
		{"acknowledged, too often", true, 4, false, 2, 0, 1, 0},
		{"acknowledged, not there", true, 0, false, 0, 0, 0, 1},
		{"given up, not there", false, 0, true, 0, 0, 0, 0},
		{"given up, once", false, 1, true, 0, 1, 0, 0},
		{"given up, as often as sent", false, 2, true, 1, 1, 0, 0},
		{"given up, too often", false, 3, false, 1, 1, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			body := drive.Range{From: perWorker - 1, To: perWorker}
			w.fates[1].Unsure = []drive.Unsure{{Range: body, Attempts: attempts}}
			if !test.acked {
				w.fates[1].Acked[0].To--
			}
			last := w.rows[len(w.rows)-1]
			if test.rows == 0 {
				w.remove(last)
			}
			for range test.rows - 1 {
				w.add(last)
			}
			w.write(t)
			p := w.verify(t)
			if p.OK() != test.ok || p.Repeats != test.repeats || p.Unsure != test.unsure || p.Doubled != test.doubled || p.Lost != test.lost {
				t.Errorf("want %+v, got\n%s", test, p)
			}
		})
	}
}

// Rows of others are counted and nothing else; files from before the run are not read.
func TestVerifyOthers(t *testing.T) {
	w := newWorld(t)
	w.add(w.row(t, "events", nil)).event.ID = "somebody else's"
	w.add(w.row(t, "rejected", nil)).rejected.Raw = `{"id":"somebody else's"}`
	w.write(t)
	if p := w.verify(t); !p.OK() || p.Others != 2 {
		t.Errorf("%s", p)
	}
	long := time.Now().Add(2 * clockSlack)
	p, err := Verify(t.Context(), Options{Plan: w.plan, Fates: w.fates, Bucket: directory(w.dir), Begin: long})
	if err != nil || p.Objects != 0 || p.OK() {
		t.Errorf("files from before the run: %v\n%s", err, p)
	}
}

// Files that were there before the run are not read.
func TestVerifyKnown(t *testing.T) {
	w := newWorld(t)
	w.write(t)
	known, err := directory(w.dir).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.rows = w.rows[:1]
	w.rows[0].file = "new"
	w.write(t)
	p, err := Verify(t.Context(), Options{Plan: w.plan, Fates: w.fates, Bucket: directory(w.dir), Known: known, Begin: time.Now()})
	if err != nil || p.Objects != 1 || p.Stored != 1 {
		t.Errorf("%v\n%s", err, p)
	}
}

// Files that come later are waited for.
func TestVerifyWaits(t *testing.T) {
	w := newWorld(t)
	passes := 0
	p, err := Verify(t.Context(), Options{
		Plan: w.plan, Fates: w.fates, Bucket: directory(w.dir), Begin: time.Now(), Wait: time.Hour, Settle: time.Hour,
		Idle: func() bool { passes++; return passes > 2 },
		Progress: func(found, of int64) {
			if passes == 1 {
				w.write(t)
			}
		},
	})
	if err != nil || !p.OK() || passes != 3 {
		t.Errorf("%v after %d passes\n%s", err, passes, p)
	}
}

func TestSeenCount(t *testing.T) {
	s := newSeen(300)
	for n := range int64(300) {
		if n%3 == 0 && !s.mark(n) || n%3 == 0 && s.mark(n) {
			t.Fatalf("mark %d", n)
		}
	}
	for from := int64(0); from < 300; from += 7 {
		for to := from; to <= 300; to += 11 {
			want := int64(0)
			for n := from; n < to; n++ {
				if n%3 == 0 {
					want++
				}
			}
			if got := s.count(drive.Range{From: from, To: to}); got != want {
				t.Errorf("%d to %d: %d, not %d", from, to, got, want)
			}
		}
	}
}

func TestParseAddress(t *testing.T) {
	got, err := parseAddress("events/tenant=a-1/dt=2026-11-23/hour=07/x-000000000001-0000.parquet")
	hour := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC).Unix() / 3600
	if err != nil || got != (address{"events", "a-1", hour}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, key := range []string{
		"", "events/x.parquet", "events/tenant=a/dt=2026-11-23/hour=24/x.parquet", "events/tenant=a/dt=2026-13-23/hour=07/x.parquet",
		"events/tenant=a/dt=2026-11-23/hour=07/x.csv", "events/tenant=/dt=2026-11-23/hour=07/x.parquet",
		"events/tenant=a/dt=2026-11-23/hour=07/y/x.parquet",
	} {
		if got, err := parseAddress(key); err == nil {
			t.Errorf("%q is %+v", key, got)
		}
	}
}
