package writer

// This file is what a verification found, for people and for programs.

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report is what [Verify] found. It marshals to JSON.
type Report struct {
	Bucket   string                `json:"bucket"`
	Prefix   string                `json:"prefix"`
	Files    int64                 `json:"files"` // those of Parquay's by their keys
	Rows     int64                 `json:"rows"`  // counted in them
	Bytes    int64                 `json:"bytes"`
	Tables   int                   `json:"tables"`
	Tenants  int                   `json:"tenants"`
	Windows  int                   `json:"windows"`
	Pending  int64                 `json:"pending"`            // rows in journals that are in no file
	Accounts []Account             `json:"accounts,omitempty"` // of every tenant, if there are journals
	Problems int64                 `json:"problems"`
	ByKind   map[ProblemKind]int64 `json:"by_kind"`
	Listed   []Problem             `json:"listed"` // the first of them, at most 1,000
}

// OK says that there is no problem.
func (r *Report) OK() bool { return r.Problems == 0 }

// Problem is one thing that is not as it should be.
type Problem struct {
	Kind   ProblemKind `json:"kind"`
	Key    string      `json:"key"`
	Detail string      `json:"detail"`
}

// ProblemKind is a kind of problem.
type ProblemKind string

// The kinds are a closed set.
const (
	ProblemForeign    ProblemKind = "foreign"    // an object that is no file of Parquay's
	ProblemUnreadable ProblemKind = "unreadable" // not a Parquet file, or not whole
	ProblemMetadata   ProblemKind = "metadata"   // it says something else than its key or its rows
	ProblemTime       ProblemKind = "time"       // rows of another hour, or in no order
	ProblemSchema     ProblemKind = "schema"     // columns that its schema does not have
	ProblemCut        ProblemKind = "cut"        // an earlier cut is missing
	ProblemDuplicate  ProblemKind = "duplicate"  // an id that the tenant has already
	ProblemJournal    ProblemKind = "journal"    // a file that is not what its window in the journal makes, or a damaged window
	ProblemLost       ProblemKind = "lost"       // events that a process had accepted are neither in files nor in its journal
	ProblemUnknown    ProblemKind = "unknown"    // rows that the process whose they are says it had not received
)

// maxListed bounds the problems that are described: a bucket in which everything
// is wrong is described well enough by a thousand. All of them are counted.
const maxListed = 1000

// reporter makes a report while it tells a person.
type reporter struct {
	Report
	w       io.Writer
	failed  error // the first failure to write
	tables  map[string]struct{}
	tenants map[string]struct{}
}

func newReporter(bucket, prefix string, w io.Writer) *reporter {
	return &reporter{
		Report:  Report{Bucket: bucket, Prefix: prefix, ByKind: map[ProblemKind]int64{}, Listed: []Problem{}},
		w:       w,
		tables:  map[string]struct{}{},
		tenants: map[string]struct{}{},
	}
}

// file counts a file and reports its problems.
func (r *reporter) file(f *fileCheck) {
	r.Files++
	r.Rows += f.rows
	r.Bytes += f.object.Size
	r.tables[f.id.Table] = struct{}{}
	r.tenants[f.id.Tenant] = struct{}{}
	r.Tables, r.Tenants = len(r.tables), len(r.tenants)
	for _, p := range f.problems {
		r.problem(p.Kind, p.Key, "%s", p.Detail)
	}
}

// lists says that the next problem will be described.
func (r *reporter) lists() bool { return len(r.Listed) < maxListed }

func (r *reporter) problem(kind ProblemKind, key, format string, args ...any) {
	r.Problems++
	r.ByKind[kind]++
	if !r.lists() {
		return
	}
	p := Problem{kind, key, fmt.Sprintf(format, args...)}
	r.Listed = append(r.Listed, p)
	r.print("%-10s  %s: %s\n", p.Kind, p.Key, p.Detail)
}

// summary tells the end of it, and returns the first failure to tell anything.
func (r *reporter) summary() error {
	if more := r.Problems - int64(len(r.Listed)); more > 0 {
		r.print("and %d more\n", more)
	}
	for _, a := range r.Accounts[:min(len(r.Accounts), maxListed)] {
		r.print("account     %s: %d in files + %d pending = %d\n", a.Tenant, a.Stored, a.Pending, a.Stored+a.Pending)
	}
	r.print("%s: files %d, rows %d, bytes %d, tables %d, tenants %d, windows %d, pending %d, problems %d",
		strings.TrimSuffix(r.Bucket+"/"+r.Prefix, "/"), r.Files, r.Rows, r.Bytes, r.Tables, r.Tenants, r.Windows, r.Pending, r.Problems)
	var kinds []string
	for kind, n := range r.ByKind {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, n))
	}
	if slices.Sort(kinds); len(kinds) > 0 {
		r.print(" (%s)", strings.Join(kinds, ", "))
	}
	r.print("\n")
	return r.failed
}

func (r *reporter) print(format string, args ...any) {
	if r.failed == nil {
		_, r.failed = fmt.Fprintf(r.w, format, args...)
	}
}
