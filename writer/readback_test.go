package writer

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"parquay/schema"
)

// Close finds a file that has not the rows it should have, whether its pages, its
// footer or its end are to blame (I4).
func TestCloseReadsTheFile(t *testing.T) {
	table := kindsTable(t)
	b := batchOf(table, repeat(edgeRows(), 50)...)
	w := newRig(t, nil)
	times := func(f *Output, group int) (placedGroup, *chunk) {
		g := f.groups[group]
		return g, &g.chunks[f.layout.time]
	}
	for _, c := range []struct {
		name string
		harm func(f *Output)
	}{
		{"", func(*Output) {}},
		{"the last byte of the times' last page", func(f *Output) {
			g, c := times(f, 0)
			f.body.memory[g.offset+c.data+c.size-1] ^= 1
		}},
		{"a bit of the second row group's times", func(f *Output) {
			g, c := times(f, 1)
			f.body.memory[g.offset+c.data+c.size/2] ^= 0x10
		}},
		{"a row group is not in the footer", func(f *Output) { f.groups = f.groups[:1] }},
		{"a row group is there twice", func(f *Output) { f.groups[1] = f.groups[0] }},
		{"a row group of one row less", func(f *Output) { f.groups[0].rows--; f.groups[1].rows++ }},
		{"a row that nobody wrote", func(f *Output) { f.rows++ }},
		{"an entry more", func(f *Output) { _, c := times(f, 0); c.entries++ }},
		{"an earlier time", func(f *Output) { f.groups[0].minTime-- }},
		{"a later time", func(f *Output) { f.groups[1].maxTime++ }},
		{"times somewhere else", func(f *Output) { _, c := times(f, 1); c.data++ }},
		{"times beyond the end", func(f *Output) { _, c := times(f, 1); c.size = 1 << 40 }},
		{"another column in their place", func(f *Output) {
			f.groups[0].chunks[f.layout.time] = f.groups[0].chunks[f.layout.time-1]
		}},
		{"a leaf less", func(f *Output) { f.groups[0].chunks = f.groups[0].chunks[:5] }},
		{"it begins otherwise", func(f *Output) { f.body.memory[0] = 'p' }},
	} {
		f, err := w.Create(testID(table.Name()), table)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := f.Append(t.Context(), []*schema.Batch{b}); err != nil {
				t.Fatal(err)
			}
		}
		c.harm(f)
		rows, err := f.Close(t.Context())
		if (err == nil) != (c.name == "") {
			t.Errorf("%s: Close() = %d, %v", c.name, rows, err)
		}
		if c.name == "" && rows != 2*int64(b.Rows) {
			t.Errorf("Close() = %d rows of %d", rows, 2*b.Rows)
		}
		f.body.memory = nil
		f.Discard()
	}
}

// Any byte of the times that is not what was written is found, and so is a footer that
// declares another number of rows than there are.
func TestReadBackRefusesEveryChange(t *testing.T) {
	table := kindsTable(t)
	w := newRig(t, nil)
	f, err := w.Create(testID(table.Name()), table)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Discard()
	if err := f.Append(t.Context(), []*schema.Batch{batchOf(table, repeat(edgeRows(), 50)...)}); err != nil {
		t.Fatal(err)
	}
	r, err := newReadback()
	if err != nil {
		t.Fatal(err)
	}
	read := func(info Info) error {
		data := append(bytes.Clone(f.body.memory), new(footer).encode(f.layout, &info, info.metadata(), f.groups)...)
		_, err := r.read(bytes.NewReader(data), int64(len(data)), f.layout, info.metadata())
		return err
	}
	info := f.infoLocked()
	if err := read(info); err != nil {
		t.Fatal(err)
	}
	c := f.groups[0].chunks[f.layout.time]
	times := f.body.memory[f.groups[0].offset+c.data:][:c.size]
	h, page, err := cutPage(times)
	if err != nil {
		t.Fatal(err)
	}
	for i := h.length - len(page); i < h.length; i++ {
		times[i] ^= 1
		if err := read(info); err == nil {
			t.Errorf("byte %d of %d of the times is another, and nobody sees it", i, len(times))
		}
		times[i] ^= 1
	}
	info.Rows++
	if err := read(info); err == nil {
		t.Error("a footer that declares a row more was read")
	}
}

// What a table says of its times is how they are read back.
func TestCloseReadsTimesOfEveryEncoding(t *testing.T) {
	for _, encoding := range []string{"delta", "plain", "dictionary"} {
		document := fmt.Sprintf(`{"type":"object","properties":{"at":{"type":"string","format":"date-time","x-role":"time","x-encoding":%q}}}`, encoding)
		table, err := schema.Compile("t", []byte(document))
		if err != nil {
			t.Fatal(err)
		}
		for _, distinct := range []int{1, 3, 150, 300} { // of which a dictionary takes the first three
			columns := schema.NewColumns(table)
			const n = 301 // no multiple of 8
			for i := range n {
				for c, column := range table.Columns() {
					switch {
					case c == table.TimeColumn():
						columns.SetInt64(c, testTime(int64(i%distinct)))
					case column.Required && column.Kind == schema.String:
						columns.SetString(c, fmt.Sprint(i))
					case column.Required:
						columns.SetInt64(c, testTime(int64(i)))
					}
				}
				columns.EndRow()
			}
			w := newRig(t, nil)
			data := w.write(t, table, []*schema.Batch{{Table: table, Tenant: "acme", Hour: testHour, Rows: n, Bytes: columns.AppendTo(nil)}})
			l, err := newLayout(table)
			if err != nil {
				t.Fatal(err)
			}
			info, err := ReadInfo(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			r, err := newReadback()
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.read(bytes.NewReader(data), int64(len(data)), l, info.metadata())
			want := found{rows: n, low: testTime(0), high: testTime(int64(distinct - 1))}
			if err != nil || got != want {
				t.Errorf("%s, %d distinct times: read %+v, %v; want %+v", encoding, distinct, got, err, want)
			}
			info.Window++
			if _, err := r.read(bytes.NewReader(data), int64(len(data)), l, info.metadata()); err == nil || !strings.Contains(err.Error(), "metadata") {
				t.Errorf("%s: a file of another window was read: %v", encoding, err)
			}
		}
	}
}

// Lists tell their length in one byte or in more.
func TestListsOfEveryLength(t *testing.T) {
	for _, n := range []int{0, 1, 14, 15, 16, 200} {
		var w compact
		w.list(1, n, thriftI32)
		for i := range n {
			w.zigzag(int64(-i))
		}
		w.stop(0)
		r := compactReader{b: w.b}
		var got []int64
		r.structure(func(_, kind int) {
			r.list(kind, func(_, kind int) { got = append(got, r.int(kind)) })
		})
		if len(got) != n || n > 0 && got[n-1] != int64(1-n) || r.err != nil || len(r.rest()) > 0 {
			t.Errorf("a list of %d is read as %d, %v; %d bytes are left", n, got, r.err, len(r.rest()))
		}
	}
}

// What nobody asks for is skipped to its last byte, whatever it is, and refused where it
// is deeper than any structure of the format.
func TestSkip(t *testing.T) {
	nested := func(depth int) []byte {
		var w compact
		for range depth {
			w.open(1)
		}
		w.bool(1, true)
		w.i64(2, -1<<40)
		w.binary(3, []byte("text"))
		w.list(4, 2, thriftStruct)
		for range 2 {
			w.element()
			w.i16(1, 7)
			w.stop(4)
		}
		w.list(5, 20, thriftBinary)
		for range 20 {
			w.string("a")
		}
		w.b = append(w.b, thriftI32) // of a field whose number is written out,
		w.zigzag(400)
		w.zigzag(-3)
		for range depth {
			w.stop(1)
		}
		return w.b
	}
	for depth := 1; depth < maxDepth+3; depth++ {
		r := compactReader{b: append(nested(depth)[1:], "what follows"...)}
		r.skip(thriftStruct)
		switch want := depth+1 <= maxDepth; { // the list has structures, too
		case want && (r.err != nil || string(r.rest()) != "what follows"):
			t.Errorf("%d deep: %v, and %q is left", depth, r.err, r.rest())
		case !want && r.err == nil:
			t.Errorf("%d deep: it is skipped", depth)
		}
	}
}

// FuzzReadBack reads files that nobody wrote: errors are fine; panics, rows without
// bytes and endless reading are not.
func FuzzReadBack(f *testing.F) {
	table := kindsTable(f)
	data := newRig(f, nil).write(f, table, []*schema.Batch{batchOf(table, edgeRows()[:2]...)})
	l, err := newLayout(table)
	if err != nil {
		f.Fatal(err)
	}
	info, err := ReadInfo(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		f.Fatal(err)
	}
	r, err := newReadback()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := r.readFooter(bytes.NewReader(b), int64(len(b))); err == nil {
			_, _ = r.parseFooter(l, info.metadata())
		}
		if h, body, err := cutPage(b); err == nil && (h.length > len(b) || len(body) > h.length) {
			t.Errorf("a page of %d bytes in %d", h.length, len(b))
		}
		if got, err := r.read(bytes.NewReader(b), int64(len(b)), l, info.metadata()); err == nil && got.rows > int64(len(b)) {
			t.Errorf("%d rows in %d bytes", got.rows, len(b))
		}
	})
}
