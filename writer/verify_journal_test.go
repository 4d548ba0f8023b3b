package writer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"parquay/schema"
	"parquay/writer"
	"parquay/writer/buckettest"
)

// journaled is a window of the journal that fileID's files are of.
func journaled(window uint64, files map[writer.FileID]int64) writer.Journaled {
	return writer.Journaled{Incarnation: fileID(0, "", 0, 0).Incarnation, Window: window, Files: files}
}

// TestVerifyWithJournals: rows are in files or pending, each once; and a window that
// is in both must be the same in both.
func TestVerifyWithJournals(t *testing.T) {
	stored, pending := fileID(1, "acme", 0, 0), fileID(1, "acme", 1, 0)
	other := fileID(2, "beta", 0, 0)
	for name, test := range map[string]struct {
		journals []writer.Journaled
		prefix   string
		open     bool
		want     []writer.Account
		kinds    string
		says     string
	}{
		"an empty journal": {
			journals: []writer.Journaled{},
			want:     []writer.Account{{Tenant: "acme", Stored: 3}, {Tenant: "beta", Stored: 2}}, kinds: "map[]",
		},
		"all of a window is in files": {
			journals: []writer.Journaled{journaled(1, map[writer.FileID]int64{stored: 3})},
			want:     []writer.Account{{Tenant: "acme", Stored: 3}, {Tenant: "beta", Stored: 2}}, kinds: "map[]",
		},
		"a part of a window is in files": {
			journals: []writer.Journaled{journaled(1, map[writer.FileID]int64{stored: 3, pending: 7})},
			want:     []writer.Account{{Tenant: "acme", Stored: 3, Pending: 7}, {Tenant: "beta", Stored: 2}}, kinds: "map[]",
		},
		"a tenant of which nothing is in files": {
			journals: []writer.Journaled{journaled(3, map[writer.FileID]int64{fileID(3, "gone", 0, 0): 4})},
			want:     []writer.Account{{Tenant: "acme", Stored: 3}, {Tenant: "beta", Stored: 2}, {Tenant: "gone", Pending: 4}}, kinds: "map[]",
		},
		"one table alone": {
			journals: []writer.Journaled{journaled(1, map[writer.FileID]int64{stored: 3, pending: 7})}, prefix: "rejected/",
			kinds: "map[]",
		},
		"a file lacks rows": {
			journals: []writer.Journaled{journaled(1, map[writer.FileID]int64{stored: 5})},
			want:     []writer.Account{{Tenant: "acme", Stored: 3}, {Tenant: "beta", Stored: 2}}, kinds: "map[journal:1]", says: "it has 3 rows, and its window in the journal has 5",
		},
		"a file has rows too many": {
			journals: []writer.Journaled{journaled(1, map[writer.FileID]int64{stored: 2})},
			want:     []writer.Account{{Tenant: "acme", Stored: 3}, {Tenant: "beta", Stored: 2}}, kinds: "map[journal:1]", says: "it has 3 rows, and its window in the journal has 2",
		},
		"a file that the journal does not make": {
			journals: []writer.Journaled{journaled(2, map[writer.FileID]int64{pending: 1})},
			want:     []writer.Account{{Tenant: "acme", Stored: 3, Pending: 1}, {Tenant: "beta", Stored: 2}}, kinds: "map[journal:1]", says: "has no rows for it",
		},
		"an open window has grown": {
			journals: []writer.Journaled{journaled(1, map[writer.FileID]int64{stored: 2}), journaled(2, nil)}, open: true,
			want: []writer.Account{{Tenant: "acme", Stored: 3}, {Tenant: "beta", Stored: 2}}, kinds: "map[]",
		},
		"an open window has shrunk": {
			journals: []writer.Journaled{journaled(1, map[writer.FileID]int64{stored: 4})}, open: true,
			want: []writer.Account{{Tenant: "acme", Stored: 3}, {Tenant: "beta", Stored: 2}}, kinds: "map[journal:1]",
		},
		"a damaged window": {
			journals: []writer.Journaled{{Incarnation: "x", Window: 9, Problem: "it is in pieces"}},
			want:     []writer.Account{{Tenant: "acme", Stored: 3}, {Tenant: "beta", Stored: 2}}, kinds: "map[journal:1]", says: "x-00000009: it is in pieces",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := buckettest.NewFake(t, nil)
			store(t, b, schema.Events(), stored, "1", "2", "3")
			store(t, b, schema.Events(), other, "1", "2")
			for i := range test.journals {
				test.journals[i].Open = test.open
			}
			report, text := verifyWith(t, b, writer.Verification{Journals: test.journals, Prefix: test.prefix})
			if diff := cmp.Diff(test.want, report.Accounts); diff != "" {
				t.Errorf("accounts (-want +got):\n%s", diff)
			}
			if kinds := fmt.Sprint(report.ByKind); kinds != test.kinds || !strings.Contains(text, test.says) {
				t.Errorf("problems %s, want %s; it says\n%s", kinds, test.kinds, text)
			}
		})
	}
}

// TestVerifyCutsUnderWay: of a window that is in the journal a later cut may be in the
// bucket before an earlier one, which is pending; of one that is not, the earlier is lost.
func TestVerifyCutsUnderWay(t *testing.T) {
	first, second := fileID(1, "acme", 0, 0), fileID(1, "acme", 0, 1)
	for window, want := range map[uint64]string{1: "map[]", 2: "map[cut:1]"} {
		b := buckettest.NewFake(t, nil)
		store(t, b, schema.Events(), second, "1", "2")
		report, text := verifyWith(t, b, writer.Verification{
			Journals: []writer.Journaled{journaled(window, map[writer.FileID]int64{first: 3, second: 2})},
		})
		if kinds := fmt.Sprint(report.ByKind); kinds != want {
			t.Errorf("problems %s with window %d in the journal, want %s; it says\n%s", kinds, window, want, text)
		}
		if window == 1 && report.Pending != 3 {
			t.Errorf("%d rows are pending, want those of the first cut", report.Pending)
		}
	}
}

// TestVerifyCutsOfNewWindows: so it is of a window that was begun after the journals were
// read. One that is in no journal any more is looked for, after that was asked.
func TestVerifyCutsOfNewWindows(t *testing.T) {
	first, second := fileID(5, "acme", 0, 0), fileID(5, "acme", 0, 1)
	failed := errors.New("the journal can't be read")
	for name, test := range map[string]struct {
		in     bool
		comes  bool // the first cut, before the window leaves the journal
		failed error
		want   string
	}{
		"in the journal":        {in: true, want: "map[]"},
		"put meanwhile":         {comes: true, want: "map[]"},
		"nowhere":               {want: "map[cut:1]"},
		"the journal is silent": {failed: failed},
	} {
		b := buckettest.NewFake(t, nil)
		store(t, b, schema.Events(), second, "1", "2")
		var lines strings.Builder
		report, err := writer.Verify(t.Context(), b, writer.Verification{
			Journals: []writer.Journaled{journaled(4, nil)}, Lines: &lines,
			InJournal: func(incarnation string, window uint64) (bool, error) {
				if incarnation != first.Incarnation || window != 5 {
					t.Errorf("asked for %s, %d", incarnation, window)
				}
				if test.comes {
					store(t, b, schema.Events(), first, "3", "4")
				}
				return test.in, test.failed
			},
		})
		if !errors.Is(err, test.failed) {
			t.Errorf("%s: %v", name, err)
		}
		if kinds := fmt.Sprint(report.ByKind); err == nil && kinds != test.want {
			t.Errorf("%s: problems %s, want %s; it says\n%s", name, kinds, test.want, &lines)
		}
	}
}

// TestVerifyClaims: what a process says of its events is proven or disproven (I7).
func TestVerifyClaims(t *testing.T) {
	stored, pending := fileID(1, "acme", 0, 0), fileID(2, "acme", 1, 0)
	foreign := fileID(1, "acme", 0, 0)
	foreign.Incarnation = strings.Repeat("f", 32)
	for name, test := range map[string]struct {
		least, most map[string]int64
		kinds, says string
	}{
		"all is there":             {map[string]int64{"acme": 10}, map[string]int64{"acme": 10}, "map[]", ""},
		"more came meanwhile":      {map[string]int64{"acme": 4}, map[string]int64{"acme": 99}, "map[]", ""},
		"an event is missing":      {map[string]int64{"acme": 11}, map[string]int64{"acme": 11}, "map[lost:1]", "has accepted 11 events, and 10 are in files or pending: 1 are missing"},
		"all of a tenant are":      {map[string]int64{"acme": 10, "beta": 2}, map[string]int64{"acme": 10, "beta": 2}, "map[lost:1]", "beta: "},
		"rows of nobody":           {map[string]int64{"acme": 3}, map[string]int64{"acme": 9}, "map[unknown:1]", "has received 9 events, and 10 are"},
		"rows of unknown a tenant": {map[string]int64{}, map[string]int64{}, "map[unknown:1]", "has received 0 events"},
	} {
		t.Run(name, func(t *testing.T) {
			b := buckettest.NewFake(t, nil)
			store(t, b, schema.Events(), stored, "1", "2", "3")
			store(t, b, schema.Events(), foreign, "4", "5") // of another process
			report, text := verifyWith(t, b, writer.Verification{
				Journals: []writer.Journaled{journaled(2, map[writer.FileID]int64{pending: 7})},
				Claims: &writer.Claims{
					Incarnation: stored.Incarnation, Least: test.least,
					Most: func(context.Context) (map[string]int64, error) { return test.most, nil },
				},
			})
			if kinds := fmt.Sprint(report.ByKind); kinds != test.kinds || !strings.Contains(text, test.says) {
				t.Errorf("problems %s, want %s; it says\n%s", kinds, test.kinds, text)
			}
		})
	}
	failed := errors.New("the process is gone")
	_, err := writer.Verify(t.Context(), buckettest.NewFake(t, nil), writer.Verification{
		Journals: []writer.Journaled{}, Lines: brokenPipe{},
		Claims: &writer.Claims{Most: func(context.Context) (map[string]int64, error) { return nil, failed }},
	})
	if !errors.Is(err, failed) {
		t.Errorf("a process that is gone: %v", err)
	}
}
