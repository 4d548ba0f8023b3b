package writer

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"

	"parquay/schema"
)

// dice turns the fuzzer's bytes into choices; after the last one all are 0.
type dice struct{ b []byte }

func (d *dice) roll(n int) int {
	if len(d.b) == 0 {
		return 0
	}
	v := int(d.b[0]) % n
	d.b = d.b[1:]
	return v
}

func (d *dice) number() int64 {
	var b [8]byte
	d.b = d.b[copy(b[:d.roll(9)], d.b):]
	return int64(binary.LittleEndian.Uint64(b[:]))
}

func (d *dice) text() string {
	n := min(d.roll(40), len(d.b))
	s := string(d.b[:n])
	d.b = d.b[n:]
	return strings.ToValidUTF8(s, "?")
}

func (d *dice) texts(n int) []string {
	s := []string{}
	for range n {
		s = append(s, d.text())
	}
	return s
}

// value rolls a value of a column, nil for none.
func (d *dice) value(c *schema.Column) any {
	if !c.Required && d.roll(3) == 0 {
		return nil
	}
	switch c.Kind {
	case schema.String:
		return d.text()
	case schema.Int32:
		return int64(int32(d.number()))
	case schema.Bool:
		return int64(d.roll(2))
	case schema.Double:
		return math.Float64frombits(uint64(d.number()))
	case schema.StringMap:
		return d.texts(2 * d.roll(4))
	case schema.StringList:
		return d.texts(d.roll(4))
	case schema.Decimal:
		return d.number() % int64(math.Pow10(c.Precision))
	}
	return d.number()
}

// FuzzParquetRoundTrip writes rows that the bytes decide on, some of them many
// times, and reads them back with another implementation.
func FuzzParquetRoundTrip(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 100))
	f.Add(bytes.Repeat([]byte("the quick brown fox \xff\x00"), 60))
	table := kindsTable(f)
	r := newRig(f, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &dice{b}
		out, err := r.Create(testID("kinds"), table)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Discard()
		var want []row
		for groups := 1 + d.roll(3); groups > 0; groups-- {
			var rows []row
			for n := 1 + d.roll(5); n > 0; n-- {
				next := row{}
				for i, c := range table.Columns() {
					if v := d.value(&c); v != nil {
						next[c.Name] = v
					}
					if i == table.TimeColumn() {
						next[c.Name] = testTime(int64(d.roll(50)))
					}
				}
				for range 1 + d.roll(2)*d.roll(30) {
					rows = append(rows, next)
				}
			}
			cut := d.roll(len(rows))
			group := []*schema.Batch{batchOf(table, rows[cut:]...)}
			rows = rows[cut:]
			if err := out.Append(context.Background(), group); err != nil {
				t.Fatal(err)
			}
			want = append(want, inOrder(rows)...)
		}
		if n, err := out.Close(context.Background()); err != nil || int(n) != len(want) {
			t.Fatalf("Close() = %d, %v; want %d rows", n, err, len(want))
		}
		r.bucket.objects = nil
		if err := out.Put(context.Background()); err != nil {
			t.Fatal(err)
		}
		data := r.bucket.objects[out.id.Key()]
		checkRows(t, want, readRows(t, data))
		checkBounds(t, data)
		if err := Cat(io.Discard, bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzCat reads files that nobody wrote: errors are fine, panics are not.
func FuzzCat(f *testing.F) {
	table := kindsTable(f)
	f.Add(newRig(f, nil).write(f, table, []*schema.Batch{batchOf(table, edgeRows()[:2]...)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = Cat(io.Discard, bytes.NewReader(b), int64(len(b)))
		_, _ = ReadInfo(bytes.NewReader(b), int64(len(b)))
	})
}
