package writer

// This file checks a bucket: that every file is where it belongs, holds what it
// says, and that no event is there twice (I3, I7, I8).

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"path"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"parquay/schema"
)

// Verify reads every object of a bucket whose key begins with prefix (a table, or
// a table's tenant, with a slash after it; empty for all) and reports what is not
// as it should be:
//
//   - a key that no file of Parquay's has;
//   - a file that can't be read to its last page, or that lacks metadata;
//   - metadata that differ from the key, or from the rows that were counted;
//   - a row whose time lies outside its folder's hour or the times of the metadata,
//     or before the row that precedes it in its row group;
//   - files of one schema whose columns differ;
//   - a cut that is missing before a later one of its window, table, tenant and
//     hour. A last one that is missing leaves no trace in the bucket, and without the
//     journals one that is on its way counts as missing: so a bucket that is being
//     written to is verified without its newest hours;
//   - an id that a tenant has twice in a table. That may be the client's doing: one
//     that sends an event again, since the answer was lost, has it twice.
//
// Problems are written to w as they are found, a line each, and a summary at the
// end; they are no error. The error is that of a check which could not be finished.
//
// Memory does not grow with the rows. An id may come again in any hour, so those of
// one table's tenant are held together: their hashes, of which a fixed number is in
// memory and the rest on disk, 24 bytes a row, in the folder of temporary files.
// Besides there are the keys of that tenant's files, and a bit for each window.
//
// With journals it also tells what is pending, and whether files and journals agree
// (I7), see [Verification].
func Verify(ctx context.Context, b Bucket, o Verification) (Report, error) {
	v := &verifier{
		bucket:  b,
		report:  newReporter(b.String(), o.Prefix, o.Lines),
		tables:  o.Tables,
		schemas: map[schemaID]schemaSeen{},
		windows: windowSet{},
		journal: newJournalCheck(&o),

		inJournal: o.InJournal,
	}
	err := v.run(ctx, o.Prefix)
	if err == nil {
		err = v.journal.end(ctx, v.report)
	}
	if err != nil {
		return Report{}, fmt.Errorf("verify %s: %w", b, err)
	}
	v.report.Windows = v.windows.count()
	if err := v.report.summary(); err != nil {
		return Report{}, fmt.Errorf("write report: %w", err)
	}
	return v.report.Report, nil
}

// verifier is a verification under way.
type verifier struct {
	bucket  Bucket
	report  *reporter
	tables  []*schema.Table
	schemas map[schemaID]schemaSeen
	windows windowSet
	journal *journalCheck

	inJournal func(incarnation string, window uint64) (bool, error) // nil for no journal

	table  string // whose tenant's ids are being gathered
	tenant string
	ids    *idSet // nil before the first file
}

// schemaID names a schema, and schemaSeen is the first file of it.
type (
	schemaID struct {
		table       string
		fingerprint uint64
	}
	schemaSeen struct{ key, columns string }
)

// windowID names a window.
type windowID struct {
	incarnation string
	number      uint64
}

func (id FileID) window() windowID { return windowID{id.Incarnation, id.Window} }

// run goes through the bucket, folder by folder: in the order of keys, the files of
// one stand together, and so do those of one tenant.
func (v *verifier) run(ctx context.Context, prefix string) (err error) {
	defer func() {
		if v.ids != nil {
			err = errors.Join(err, v.ids.close())
		}
	}()
	var folder []fileCheck
	for o, err := range v.bucket.List(ctx, prefix) {
		if err != nil {
			return err
		}
		if strings.HasPrefix(o.Key, ProbePrefix) {
			continue // what a start has tried the bucket with, and could not delete
		}
		id, err := ParseKey(o.Key)
		if err != nil {
			v.report.problem(ProblemForeign, o.Key, "%v", err)
			continue
		}
		if len(folder) > 0 && path.Dir(folder[0].object.Key) != path.Dir(o.Key) {
			if err := v.folder(ctx, folder); err != nil {
				return err
			}
			folder = folder[:0]
		}
		folder = append(folder, fileCheck{object: o, id: id})
	}
	if len(folder) > 0 {
		if err := v.folder(ctx, folder); err != nil {
			return err
		}
	}
	return v.duplicates(ctx)
}

// folder checks the files of one folder: of one table, tenant and hour.
func (v *verifier) folder(ctx context.Context, files []fileCheck) error {
	if id := files[0].id; v.ids == nil || v.table != id.Table || v.tenant != id.Tenant {
		if err := v.duplicates(ctx); err != nil { // of the tenant before
			return err
		}
		v.table, v.tenant, v.ids = id.Table, id.Tenant, newIDSet()
	}
	idColumn := v.idColumn()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range files {
		number := v.ids.file(files[i].object.Key)
		group.Go(func() error { return files[i].read(groupCtx, v.bucket, idColumn, v.ids, number) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	present := make(map[FileID]bool, len(files))
	for i := range files {
		present[files[i].id] = true
	}
	for i := range files {
		f := &files[i]
		v.windows.add(f.id.window())
		v.journal.file(f)
		v.report.file(f)
		v.checkSchema(f)
		if before := f.id; before.Cut > 0 {
			before.Cut--
			if present[before] {
				continue
			}
			lost, err := v.lost(ctx, before)
			if err != nil {
				return err
			}
			if lost {
				v.report.problem(ProblemCut, f.object.Key, "it is here, and cut %d is not", before.Cut)
			}
		}
	}
	return nil
}

// lost says that a cut which was not listed is nowhere. Puts run at the same time, and
// one may come in after its folder was listed, of a window that was begun after the
// journals were read. If its window is in no journal any more, it is there by now.
func (v *verifier) lost(ctx context.Context, id FileID) (bool, error) {
	if v.journal.has(id.window()) {
		return false, nil
	}
	if v.inJournal != nil {
		if in, err := v.inJournal(id.Incarnation, id.Window); in || err != nil {
			return false, err
		}
	}
	_, err := v.bucket.Head(ctx, id.Key())
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	return false, err
}

// checkSchema compares the file's columns with those of the first file that has
// the same fingerprint.
func (v *verifier) checkSchema(f *fileCheck) {
	if f.columns == "" {
		return // unreadable
	}
	id := schemaID{f.id.Table, f.schema}
	first, ok := v.schemas[id]
	if !ok {
		v.schemas[id] = schemaSeen{f.object.Key, f.columns}
	} else if first.columns != f.columns {
		v.report.problem(ProblemSchema, f.object.Key, "its schema is %016x like that of %s, its columns are others", f.schema, first.key)
	}
}

// idColumn is the name of the column with the ids of the table at hand; empty if it
// has none.
func (v *verifier) idColumn() string {
	for _, t := range v.tables {
		if t.Name() != v.table {
			continue
		}
		if i := t.IDColumn(); i >= 0 {
			return t.Columns()[i].Name
		}
		return ""
	}
	return "id"
}

// duplicates reports the ids that the tenant has more than once, and forgets them
// all.
func (v *verifier) duplicates(ctx context.Context) (err error) {
	if v.ids == nil {
		return nil
	}
	ids := v.ids
	v.ids = nil
	defer func() { err = errors.Join(err, ids.close()) }()
	for first, again := range ids.duplicates() {
		key, detail := ids.keys[again.file], ""
		if v.report.lists() {
			id, err := idOf(ctx, v.bucket, key, v.idColumn(), int64(again.row))
			if err != nil {
				return fmt.Errorf("read a duplicate id: %w", err)
			}
			detail = fmt.Sprintf("row %d has the id %q of row %d of %s", again.row, id, first.row, ids.keys[first.file])
		}
		v.report.problem(ProblemDuplicate, key, "%s", detail)
	}
	return ids.failed()
}

// windowSet is a set of windows. Those of an incarnation follow one another, so 64
// of them share an entry.
type windowSet map[windowID]uint64

func (s windowSet) add(w windowID) {
	s[windowID{w.incarnation, w.number / 64}] |= 1 << (w.number % 64)
}

func (s windowSet) count() (n int) {
	for _, set := range s {
		n += bits.OnesCount64(set)
	}
	return n
}
