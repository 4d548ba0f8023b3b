package writer

// This file holds the files of a bucket against the journals that they came from,
// and both against what their processes say: accepted = in files + pending (I7).

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"parquay/schema"
)

// Verification is what a [Verify] looks at.
type Verification struct {
	// Tables tell which column is an id. A table that is not among them has the
	// column id, if any.
	Tables []*schema.Table
	// Prefix begins the keys that are looked at: a table, or a table's tenant, with
	// a slash after it; empty for all.
	Prefix string
	// Journals are the windows of journals, read before the bucket is: what goes into
	// the bucket meanwhile is then found in both, and counted once. nil is none.
	Journals []Journaled
	// InJournal says whether a window is in one of the journals now. nil is no journals.
	InJournal func(incarnation string, window uint64) (bool, error)
	// Claims is what the process of one of the journals says of its events. It needs
	// an empty Prefix.
	Claims *Claims
	// Lines is where problems and the summary are written.
	Lines io.Writer
}

// Journaled is a window that is in a journal.
type Journaled struct {
	Incarnation string
	Window      uint64
	// Open says that rows may have joined it after it was read.
	Open bool
	// Files are the rows of each file that a flush makes of it (I3).
	Files map[FileID]int64
	// Problem is what is wrong with it, for people; empty for nothing.
	Problem string
}

// Claims is how many rows a process's own events must have come to, by tenant. The
// process goes on meanwhile, so there are two counts.
type Claims struct {
	Incarnation string
	// Least had been accepted before the journal was read.
	Least map[string]int64
	// Most have been received by now. It is asked when all files have been read.
	Most func(context.Context) (map[string]int64, error)
}

// Account is where a tenant's rows are.
type Account struct {
	Tenant  string `json:"tenant"`
	Stored  int64  `json:"stored"`  // in files
	Pending int64  `json:"pending"` // in journals alone
}

// journalCheck compares while files are read. A nil one has no journals.
type journalCheck struct {
	windows  map[windowID]*Journaled
	pending  map[FileID]int64 // of files that were not met yet
	accounts map[string]*Account
	claims   *Claims
	own      map[string]int64 // rows of the process with the claims, by tenant
	problems []Problem
}

func newJournalCheck(o *Verification) *journalCheck {
	if o.Journals == nil {
		return nil
	}
	c := &journalCheck{
		windows: map[windowID]*Journaled{}, pending: map[FileID]int64{},
		accounts: map[string]*Account{}, claims: o.Claims, own: map[string]int64{},
	}
	for i := range o.Journals {
		w := &o.Journals[i]
		c.windows[windowID{w.Incarnation, w.Window}] = w
		for id, rows := range w.Files {
			if strings.HasPrefix(id.Key(), o.Prefix) {
				c.pending[id] = rows
			}
		}
		if w.Problem != "" {
			c.problems = append(c.problems, Problem{ProblemJournal, fmt.Sprintf("%s-%08d", w.Incarnation, w.Window), w.Problem})
		}
	}
	return c
}

func (c *journalCheck) account(tenant string) *Account {
	a := c.accounts[tenant]
	if a == nil {
		a = &Account{Tenant: tenant}
		c.accounts[tenant] = a
	}
	return a
}

// file counts a file's rows, and compares them with the journal's if its window is
// there still.
func (c *journalCheck) file(f *fileCheck) {
	if c == nil {
		return
	}
	c.account(f.id.Tenant).Stored += f.rows
	c.count(f.id, f.rows)
	w := c.windows[f.id.window()]
	if w == nil {
		return
	}
	rows, known := c.pending[f.id]
	delete(c.pending, f.id)
	switch {
	case f.columns == "": // it can't be read, which was told
	case rows == f.rows, w.Open && f.rows > rows:
	case !known:
		f.problem(ProblemJournal, "its window is in the journal, and has no rows for it")
	default:
		f.problem(ProblemJournal, "it has %d rows, and its window in the journal has %d for it", f.rows, rows)
	}
}

// has says that a window is in a journal, and its files may be on their way: a later cut
// may be put before an earlier one, which counts as pending.
func (c *journalCheck) has(w windowID) bool { return c != nil && c.windows[w] != nil }

// count adds rows of the process that has made claims.
func (c *journalCheck) count(id FileID, rows int64) {
	if c.claims != nil && id.Incarnation == c.claims.Incarnation {
		c.own[id.Tenant] += rows
	}
}

// end adds what is pending, and judges the claims.
func (c *journalCheck) end(ctx context.Context, r *reporter) error {
	if c == nil {
		return nil
	}
	for id, rows := range c.pending {
		c.account(id.Tenant).Pending += rows
		c.count(id, rows)
		r.Pending += rows
	}
	for _, a := range c.accounts {
		r.Accounts = append(r.Accounts, *a)
	}
	slices.SortFunc(r.Accounts, func(a, b Account) int { return cmp.Compare(a.Tenant, b.Tenant) })
	for _, p := range c.problems {
		r.problem(p.Kind, p.Key, "%s", p.Detail)
	}
	if c.claims == nil {
		return nil
	}
	most, err := c.claims.Most(ctx)
	if err != nil {
		return err
	}
	for tenant := range c.own {
		if _, known := c.claims.Least[tenant]; !known {
			c.claims.Least[tenant] = 0
		}
	}
	for _, tenant := range slices.Sorted(maps.Keys(c.claims.Least)) {
		least, most, found := c.claims.Least[tenant], most[tenant], c.own[tenant]
		switch {
		case found < least:
			r.problem(ProblemLost, tenant, "the process %s has accepted %d events, and %d are in files or pending: %d are missing",
				c.claims.Incarnation, least, found, least-found)
		case found > most:
			r.problem(ProblemUnknown, tenant, "the process %s has received %d events, and %d are in files or pending",
				c.claims.Incarnation, most, found)
		}
	}
	return nil
}
