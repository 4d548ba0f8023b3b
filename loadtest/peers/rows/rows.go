// Counting the rows of a folder's files.

package rows

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"parquay/loadtest/scenario"
)

// Tally is what the files of a folder hold.
type Tally struct {
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"` // of the files
	Rows    int64 `json:"rows"`
	Lost    int64 `json:"lost"`    // events that are in no row
	Doubled int64 `json:"doubled"` // rows of an event that has one already
	Foreign int64 `json:"foreign"` // rows of no event that was sent
}

// Right is whether each event has one row and there is no other.
func (t Tally) Right() bool { return t.Lost+t.Doubled+t.Foreign == 0 }

// Sent is how many events of a plan each of its workers has sent: those with the
// sequence numbers from 0 on.
type Sent []int64

// Count reads the column id of every file below dir. Files whose names begin with a
// dot or an underscore are not data, as everywhere where Hive's rules hold.
func Count(dir string, plan *scenario.Plan, sent Sent) (Tally, error) {
	c := counter{plan: plan, seen: make([][]bool, len(sent))}
	for i, n := range sent {
		c.seen[i] = make([]bool, n)
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := path != dir && strings.ContainsAny(entry.Name()[:1], "._")
		switch {
		case hidden && entry.IsDir():
			return fs.SkipDir
		case hidden || entry.IsDir():
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		c.Files++
		c.Bytes += info.Size()
		if err := c.add(path); err != nil {
			return fmt.Errorf("read %s: %w", filepath.Base(path), err)
		}
		return nil
	})
	for _, worker := range c.seen {
		for _, seen := range worker {
			if !seen {
				c.Lost++
			}
		}
	}
	return c.Tally, err
}

// counter counts events as they are found.
type counter struct {
	Tally
	plan *scenario.Plan
	seen [][]bool // by worker and sequence number
}

// idColumn is what everybody's files call it.
const idColumn = "id"

func (c *counter) add(path string) error {
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		return err
	}
	defer f.Close()
	column := f.MetaData().Schema.ColumnIndexByName(idColumn)
	if column < 0 {
		return fmt.Errorf("it has no column %s", idColumn)
	}
	for i := range f.NumRowGroups() {
		group := f.RowGroup(i)
		reader, err := group.Column(column)
		if err != nil {
			return fmt.Errorf("row group %d: %w", i, err)
		}
		texts, ok := reader.(*file.ByteArrayColumnChunkReader)
		if !ok {
			return fmt.Errorf("row group %d: column %s is not text", i, idColumn)
		}
		rows, err := c.addColumn(texts)
		if err != nil {
			return fmt.Errorf("row group %d: %w", i, err)
		}
		if rows != group.NumRows() {
			return fmt.Errorf("row group %d: the footer declares %d rows and there are %d", i, group.NumRows(), rows)
		}
	}
	return nil
}

// batch is how many ids are read at a time.
const batch = 8 << 10

func (c *counter) addColumn(texts *file.ByteArrayColumnChunkReader) (rows int64, err error) {
	values, levels := make([]parquet.ByteArray, batch), make([]int16, batch)
	for texts.HasNext() {
		n, found, err := texts.ReadBatch(batch, values, levels, nil)
		if err != nil {
			return rows, err
		}
		if n == 0 {
			break
		}
		rows += n
		c.Rows += n
		c.Foreign += n - int64(found) // rows without an id
		for _, text := range values[:found] {
			c.see(text)
		}
	}
	return rows, texts.Err()
}

func (c *counter) see(text []byte) {
	id, ok := c.plan.ParseID(text)
	switch {
	case !ok || !c.plan.Genuine(id) || id.Worker >= len(c.seen) || id.Sequence >= int64(len(c.seen[id.Worker])):
		c.Foreign++
	case c.seen[id.Worker][id.Sequence]:
		c.Doubled++
	default:
		c.seen[id.Worker][id.Sequence] = true
	}
}
