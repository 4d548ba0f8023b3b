// The survey of a journal from outside: which rows are in it, and the files that
// they become.

package buffer

import (
	"errors"
	"fmt"
	"io/fs"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
)

// Surveyed is a window of a journal that somebody else may be using.
type Surveyed struct {
	ID     journal.WindowID
	Header *journal.Header // nil if it can't be read
	Open   bool            // it is the last of its incarnation: rows may join it
	Files  map[FileID]int64
	Rows   int64
	Damage []journal.Damage
	Unread error // why it can't be read at all: ErrCorrupt, or ErrVersion of a newer binary
}

// Survey reads all windows in dir, without the journal's lock and without changing
// anything. Files are those that a flush of the window makes of the rows that it has
// so far (I3), and their rows, whether they are in the bucket already or not.
//
// A window that is deleted during the survey is left out: all its files are in the
// bucket. Memory is for a frame at a time, and some hundred bytes a file.
func Survey(fsys vfs.FS, dir string) ([]Surveyed, error) {
	snapshot, err := journal.Look(fsys, dir)
	if err != nil {
		return nil, err
	}
	ids := snapshot.Windows()
	var list []Surveyed
	for i, id := range ids {
		s := Surveyed{ID: id, Files: map[FileID]int64{}}
		s.Open = i+1 == len(ids) || ids[i+1].Incarnation != id.Incarnation
		err := s.read(snapshot)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, journal.ErrCorrupt), errors.Is(err, journal.ErrVersion):
			s.Unread = err
		case err != nil:
			return nil, fmt.Errorf("survey the journal: %w", err)
		}
		list = append(list, s)
	}
	return list, nil
}

// read counts the window's rows by file.
func (s *Surveyed) read(snapshot *journal.Snapshot) (err error) {
	r, err := snapshot.Open(s.ID)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s.Header = r.Header()
	type current struct {
		cut, rows int
	}
	cuts := map[part]*current{}
	err = eachBatch(r, func(_ uint64, b journal.Batch) error {
		key := part{b.Table, b.Tenant, b.Hour}
		c := cuts[key]
		if c == nil {
			c = new(current)
			cuts[key] = c
		}
		if cutsBefore(c.rows, b.Rows, int(s.Header.FileRows)) {
			c.cut, c.rows = c.cut+1, 0
		}
		c.rows += b.Rows
		s.Rows += int64(b.Rows)
		s.Files[FileID{
			Incarnation: s.ID.Incarnation.String(), Window: s.ID.Window,
			Table: s.Header.Tables[b.Table].Name, Tenant: b.Tenant, Hour: b.Hour, Cut: c.cut,
		}] += int64(b.Rows)
		return nil
	})
	s.Damage = r.Damage()
	return err
}

// cutsBefore says whether a batch begins the next file of its partition, whose
// current one has rows already.
func cutsBefore(rows, more, fileRows int) bool { return rows > 0 && rows+more > fileRows }
