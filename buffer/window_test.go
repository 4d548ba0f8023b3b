package buffer

import (
	"errors"
	"testing"

	"parquay/buffer/journal"
)

// TestSettle: a window may be deleted only if its flush had no failure and the
// files hold what the journal holds (I4).
func TestSettle(t *testing.T) {
	cases := []struct {
		name         string
		rows, stored int64
		err          error
		ok           bool
	}{
		{"all stored", 3, 3, nil, true},
		{"one missing", 3, 2, nil, false},
		{"one too many", 3, 4, nil, false},
		{"all stored and a failure", 3, 3, errors.New("put"), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWindow(journal.WindowID{}, 1, nil)
			w.rows = c.rows
			w.stored.Store(c.stored)
			if c.err != nil {
				w.fail(c.err)
			}
			if err := w.settle(); (err == nil) != c.ok {
				t.Errorf("settle: %v", err)
			}
		})
	}
}

// TestClaim: a window has one file of a name.
func TestClaim(t *testing.T) {
	w := newWindow(journal.WindowID{}, 1, nil)
	for _, id := range []FileID{{Tenant: "a"}, {Tenant: "b"}, {Tenant: "a", Cut: 1}, {Tenant: "a", Hour: 1}} {
		if err := w.claim(&file{id: id}); err != nil {
			t.Error(err)
		}
	}
	if w.claim(&file{id: FileID{Tenant: "a"}}) == nil {
		t.Error("two files of one name")
	}
}

// TestPutOfAFailedWindow: a put that begins while its window fails is given up, as those
// are that had begun (I8).
func TestPutOfAFailedWindow(t *testing.T) {
	w := newWindow(journal.WindowID{}, 1, nil)
	w.fail(errors.New("encode"))
	given := false
	w.putting(&file{}, func() { given = true })
	if !given {
		t.Error("nobody gives it up")
	}
}
