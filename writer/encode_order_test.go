package writer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"

	"parquay/schema"
)

// scatteredRows are rows of the kinds table whose times are all over the hour. Values
// come back in some columns and not in others, and most columns lack some.
func scatteredRows(n int, seed uint64) []row {
	random := rand.New(rand.NewPCG(seed, 1))
	rows := make([]row, n)
	for i := range rows {
		r := row{"time": testTime(random.Int64N(3600_000_000)), "amount": int64(i)}
		for _, name := range []string{"word", "text", "plain", "delta", "_extra"} {
			switch random.IntN(4) {
			case 0:
				r[name] = fmt.Sprintf("%s, whose %d values come back", name, random.IntN(9))
			case 1:
				r[name] = fmt.Sprint("short ", random.IntN(9))
			case 2:
				r[name] = fmt.Sprintf("row %d of %s alone", i, name)
			}
		}
		for _, name := range []string{"i32", "i64_dict", "at_dict"} {
			if random.IntN(2) == 0 {
				r[name] = random.Int64N(5)
			}
		}
		if random.IntN(2) == 0 {
			r["attrs"] = []string{"a", fmt.Sprint(i), "b", "always"}
		}
		rows[i] = fill(r, i)
	}
	return rows
}

// TestScatteredRows: rows that are all over the memory in the order of their time are
// read back in that order, each with its own values.
func TestScatteredRows(t *testing.T) {
	table := kindsTable(t)
	for _, n := range []int{66, 500, minFilterValues + 500} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			rows := scatteredRows(n, uint64(n))
			data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, rows[:n/3]...), batchOf(table, rows[n/3:]...)})
			checkRows(t, inOrder(rows), readRows(t, data))
			checkBounds(t, data)
			filter := openParquet(t, data).RowGroups()[0].ColumnChunks()[table.IDColumn()].BloomFilter()
			if (filter != nil) != (n >= minFilterValues) {
				t.Fatalf("bloom filter: %v", filter)
			}
			for i := range n {
				if filter == nil {
					break
				}
				if ok, err := filter.Check(parquet.ValueOf(fmt.Sprintf("id-%06d", i))); err != nil || !ok {
					t.Fatalf("id %d is not in the filter (%v)", i, err)
				}
			}
		})
	}
}

// TestScatteredGroups: so are those of a batch that is cut into several row groups,
// where values are not at the places of their rows.
func TestScatteredGroups(t *testing.T) {
	table := kindsTable(t)
	e, err := newEncoder()
	if err != nil {
		t.Fatal(err)
	}
	rows := scatteredRows(1000, 7)
	l, err := newLayout(table)
	if err != nil {
		t.Fatal(err)
	}
	e.use(l)
	if err := e.take([]*schema.Batch{batchOf(table, rows...)}); err != nil {
		t.Fatal(err)
	}
	order := inOrder(rows)
	column := table.Columns()
	for from := 0; from < len(rows); from += 250 {
		part := e.rows[from : from+250]
		if !scattered(part) {
			t.Fatal("the rows are in order")
		}
		e.scatter(part)
		for i := range e.layout.leaves {
			l := &e.layout.leaves[i]
			if l.kind != schema.String || l.part != whole {
				continue
			}
			var c chunk
			if err := e.encodeChunk(&c, l, part); err != nil {
				t.Fatal(err)
			}
			e.checkOrder(t, &c, column[l.column].Name, order[from:from+250])
		}
	}
}

// checkOrder compares the strings that were encoded last with those of rows.
func (e *encoder) checkOrder(t *testing.T, c *chunk, name string, rows []row) {
	t.Helper()
	n := 0
	for i, r := range rows {
		want, present := r[name].(string)
		if len(e.values.defs) > 0 && (e.values.defs[i] == 1) != present {
			t.Fatalf("row %d of %s: present is %v", i, name, present)
		}
		if !present {
			continue
		}
		got := ""
		if c.encoding.String() == "RLE_DICTIONARY" {
			got = string(e.dict.distinct.string(int(e.dict.indexes[n])))
		} else {
			got = string(e.values.string(n))
		}
		if got != want {
			t.Fatalf("row %d of %s is %q, want %q", i, name, got, want)
		}
		n++
	}
	if n != e.values.n {
		t.Fatalf("%d values of %s, want %d", e.values.n, name, n)
	}
}
