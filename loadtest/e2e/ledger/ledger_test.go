package ledger

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRead sums up attempts and answers: an event may be there as often as it may
// have been taken, and must be there once it was acknowledged.
func TestRead(t *testing.T) {
	type attempt struct {
		status  int // 0: no answer
		problem string
	}
	for _, c := range []struct {
		name     string
		attempts []attempt
		acked    bool
		copies   int
	}{
		{"accepted", []attempt{{202, ""}}, true, 1},
		{"partly accepted", []attempt{{207, ""}}, true, 1},
		{"rejected, which is kept too", []attempt{{422, "/problems/events-rejected"}}, true, 1},
		{"no answer", []attempt{{0, ""}}, false, 1},
		{"no answer, then accepted", []attempt{{0, ""}, {0, ""}, {202, ""}}, true, 3},
		{"full, then accepted", []attempt{{429, "/problems/tenant-full"}, {202, ""}}, true, 1},
		{"busy, then accepted", []attempt{{503, "/problems/busy"}, {503, "/problems/journal-full"}, {202, ""}}, true, 1},
		{"journal failed: unknown", []attempt{{503, "/problems/journal-failed"}, {202, ""}}, true, 2},
		{"internal error: unknown", []attempt{{500, "/problems/internal"}}, false, 1},
		{"broken", []attempt{{400, "/problems/syntax"}}, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "ledger")
			l, err := Create(name)
			if err != nil {
				t.Fatal(err)
			}
			sent := Sent{Entries: []Entry{{Key: "k", Table: "events", Hash: "h"}}}
			for i, a := range c.attempts {
				sent.Attempt = i + 1
				if err := l.Send(sent); err != nil {
					t.Fatal(err)
				}
				sent.Entries = nil
				if a.status == 0 {
					continue
				}
				if err := l.Answer(Answer{Attempt: i + 1, At: time.Now(), Status: a.status, Problem: a.problem}); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			accounts, err := Read(name)
			if err != nil {
				t.Fatal(err)
			}
			a := accounts["k"]
			if a == nil || !a.Acked.IsZero() != c.acked || a.Copies != c.copies {
				t.Errorf("got %+v, want acked %v and %d copies", a, c.acked, c.copies)
			}
		})
	}
}

// TestBodies compares what the generator says of its events with what
// encoding/json reads in them, and makes every body twice.
func TestBodies(t *testing.T) {
	now := time.Now()
	seen := map[string]int{}
	for sequence := range 150 {
		name := Name{Run: 1, Connection: 2, Sequence: sequence}
		body, again := NewBody(name, now), NewBody(name, now)
		if !bytes.Equal(body.Bytes, again.Bytes) || !slices.Equal(body.Entries(), again.Entries()) {
			t.Fatalf("body %s is another one the second time", name)
		}
		seen[body.Encoding]++
		for _, e := range body.events {
			seen[e.row["code"]]++
			if key := RawKey(e.text); key != e.Key {
				t.Fatalf("the key %s is found as %q in %s", e.Key, key, e.text)
			}
			if e.Table != "rejected" {
				compare(t, e)
			}
		}
	}
	for _, f := range faults {
		if seen[f.code] == 0 {
			t.Errorf("no event is refused with %s", f.code)
		}
	}
	if seen["gzip"] == 0 || seen["zstd"] == 0 || seen[""] == 0 {
		t.Errorf("codes and encodings: %v", seen)
	}
}

// compare expects every string of an event in its row.
func compare(t *testing.T, e event) {
	t.Helper()
	in := json.NewDecoder(strings.NewReader(e.text))
	in.UseNumber()
	var members map[string]any
	if err := in.Decode(&members); err != nil {
		t.Fatalf("%v: %s", err, e.text)
	}
	for name, value := range members {
		text, ok := value.(string)
		switch {
		case !ok || strings.HasPrefix(name, "x_") || name == "time" || name == "price":
		case e.row[name] != text:
			t.Errorf("%s is %q in the row and %q in %s", name, e.row[name], text, e.text)
		}
	}
	if e.row["id"] == MadeID == (members["id"] != nil) {
		t.Errorf("the row has the id %q: %s", e.row["id"], e.text)
	}
}
