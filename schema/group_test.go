package schema

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// groupCells reads all columns of a group in their order.
func groupCells(g *Group) ([][]cell, error) {
	rows := make([][]cell, g.Rows())
	for i, column := range g.table.columns {
		var v Vector
		if err := g.Read(i, &v); err != nil {
			return nil, err
		}
		for r := range rows {
			rows[r] = append(rows[r], readCell(&v, column.Kind, r))
		}
	}
	return rows, nil
}

// TestGroup draws batches, small and large ones by turns, and expects every column to
// be that of all rows, in whatever order columns are asked for; and the same of the
// batches that come after a Reset, or when columns were read already.
func TestGroup(t *testing.T) {
	table := wide(t)
	g, one, v := NewGroup(table), NewColumns(table), new(Vector)
	rapid.Check(t, func(t *rapid.T) {
		g.Reset()
		want := [][]cell{}
		for range rapid.IntRange(1, 2).Draw(t, "times") {
			want = append(want, addBatches(t, g, one)...)
			if g.Rows() != len(want) {
				t.Fatalf("%d rows, want %d", g.Rows(), len(want))
			}
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(table.columns)-1), 1, 20).Draw(t, "columns") {
				if err := g.Read(i, v); err != nil {
					t.Fatal(err)
				}
				checkColumn(t, want, v, i)
			}
		}
	})
}

// addBatches adds drawn batches to the group, and returns their rows.
func addBatches(t *rapid.T, g *Group, one *Columns) (want [][]cell) {
	columns := g.table.columns
	var pool [][]cell // of rows, or drawing them would take most of the time
	for range 6 {
		absent := rapid.SliceOfN(rapid.Bool(), len(columns), len(columns)).Draw(t, "absent columns")
		pool = append(pool, drawRow(t, columns, absent))
	}
	sizes := rapid.SampledFrom([]int{1, 2, 7, minWhole - 1, minWhole, minWhole + 1, 200})
	for range rapid.IntRange(0, 12).Draw(t, "batches") {
		one.Reset()
		from, to := rapid.IntRange(0, 2).Draw(t, "from"), rapid.IntRange(3, 6).Draw(t, "to")
		for range sizes.Draw(t, "rows") {
			row := pool[from+len(want)%(to-from)]
			want = append(want, row)
			addRow(one, row)
		}
		if err := g.Add(one.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

func checkColumn(t *rapid.T, want [][]cell, v *Vector, column int) {
	t.Helper()
	present := 0
	for r, row := range want {
		if d := cmp.Diff(row[column], readCell(v, v.Kind(), r)); d != "" {
			t.Fatalf("column %d, row %d (-want +got):\n%s", column, r, d)
		}
		if row[column] != nil {
			present++
		}
	}
	if v.AllPresent() != (present == len(want)) || v.NonePresent() != (present == 0) {
		t.Fatalf("column %d: %d of %d present, AllPresent %v, NonePresent %v", column, present, len(want), v.AllPresent(), v.NonePresent())
	}
}

// TestGroupOfSmallBatches: batches of a few rows become forms of some hundred, so that
// a column takes no more steps than for large ones, and keep their place among these.
func TestGroupOfSmallBatches(t *testing.T) {
	table := Events()
	g := NewGroup(table)
	d := NewDecoder(table, sampleLimits)
	all := NewColumns(table)
	small, large := 5*packedRows+3, 0
	add := func(events int) {
		if err := d.Decode(sampleEvents(events), receipt, noLimit); err != nil {
			t.Fatal(err)
		}
		for _, b := range d.Batches("acme") {
			if err := errors.Join(g.Add(b.Bytes), all.AppendBatch(b.Bytes)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range small {
		if i%1000 == 999 {
			add(500)
			large++
		}
		add(1)
	}
	got, err := groupCells(g)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(cells(all), got); d != "" {
		t.Errorf("rows differ (-want +got):\n%s", d)
	}
	// Each large one ends the form before it.
	if most := small/packedRows + 1 + 2*large; len(g.forms) > most {
		t.Errorf("%d forms of %d batches, want %d at most", len(g.forms), small+large, most)
	}
}

// TestGroupDamaged: a group refuses what Columns refuses, at the latest with the last
// column, and takes what it takes.
func TestGroupDamaged(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	table := wide(t)
	refused, accepted := 0, 0
	for _, rows := range []int{3, minWhole + 8} {
		one := NewColumns(table)
		for i := range rows {
			addRow(one, []cell{
				"s", []cell{nil, "é"}[i%2], int64(7), int64(i), 1.5, nil, int64(i & 1), int64(1), nil,
				[]string{"k", "v"},
				nil, []string{"a", ""}[:i%3], int64(9), nil,
			}[:len(table.columns)])
		}
		whole := one.AppendTo(nil)
		bare := NewColumns(table).AppendTo(nil)
		bare[4] = byte(rows) // none of which has what the table requires
		if sameVerdict(t, table, bare) {
			t.Fatal("rows without a value in any column are accepted")
		}
		for i := range 3000 {
			form := slices.Clone(whole)
			switch i % 8 {
			case 0:
				form = form[:random.IntN(len(form))]
			case 1:
				form = append(form, 0)
			default: // the head's and the first ends, or anything
				at := random.IntN([]int{60, len(form)}[i%2])
				form[at] ^= byte(1) << random.IntN(8)
			}
			if sameVerdict(t, table, form) {
				accepted++
			} else {
				refused++
			}
		}
	}
	if refused < 500 || accepted < 150 {
		t.Errorf("%d forms refused and %d accepted: too few of one kind to tell", refused, accepted)
	}
}

// sameVerdict compares what a group makes of a form with what Columns makes of it, and
// says whether it is accepted.
func sameVerdict(t *testing.T, table *Table, form []byte) bool {
	t.Helper()
	all, g := NewColumns(table), NewGroup(table)
	want := all.AppendBatch(form)
	err := g.Add(form)
	var got [][]cell
	if err == nil && (want != nil || all.Rows() <= 1000) { // cells of more would take longer than the test is worth
		if _, err = readAll(g); err == nil && want == nil {
			got, err = groupCells(g)
		}
	}
	switch {
	case !errors.Is(err, want) || (want == nil) != (err == nil):
		t.Fatalf("%x: %v, Columns: %v", form, err, want)
	case want == nil && all.Rows() <= 1000:
		if d := cmp.Diff(cells(all), got, cmpopts.EquateNaNs()); d != "" {
			t.Fatalf("%x: rows differ (-want +got):\n%s", form, d)
		}
	}
	return want == nil
}

// readAll reads every column, which is when the last of the checks is made.
func readAll(g *Group) (text int, err error) {
	var v Vector
	for i := range g.table.columns {
		if err := g.Read(i, &v); err != nil {
			return 0, err
		}
		text += len(v.Text())
	}
	return text, nil
}

// TestGroupAllocations: a group that is used again allocates nothing, whatever the size
// of its batches.
func TestGroupAllocations(t *testing.T) {
	g, v := NewGroup(Events()), new(Vector)
	d := NewDecoder(Events(), sampleLimits)
	var forms [][]byte
	for _, n := range []int{1, 10, 500, 3, 600} {
		if err := d.Decode(sampleEvents(n), receipt, noLimit); err != nil {
			t.Fatal(err)
		}
		for _, b := range d.Batches("acme") {
			forms = append(forms, b.Bytes)
		}
	}
	if got := testing.AllocsPerRun(20, func() {
		g.Reset()
		for _, form := range forms {
			if err := g.Add(form); err != nil {
				t.Fatal(err)
			}
		}
		for i := range g.table.columns {
			if err := g.Read(i, v); err != nil {
				t.Fatal(err)
			}
		}
	}); got != 0 {
		t.Errorf("%v allocations, want none", got)
	}
}

// TestGroupLetsGo: after a Reset nothing holds the batches.
func TestGroupLetsGo(t *testing.T) {
	g := NewGroup(Events())
	d := NewDecoder(Events(), sampleLimits)
	if err := d.Decode(sampleEvents(100), receipt, noLimit); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(d.Batches("acme")[0].Bytes); err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(g); err != nil {
		t.Fatal(err)
	}
	g.Reset()
	for _, f := range g.forms[:cap(g.forms)] {
		if f.bytes != nil || f.rest != nil {
			t.Fatal("a batch is referred to")
		}
	}
	if g.Rows() != 0 || g.Size() != 0 {
		t.Errorf("%d rows, %d bytes are left", g.Rows(), g.Size())
	}
}
