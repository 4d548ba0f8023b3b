package writer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"parquay/schema"
)

func catFile(t testing.TB, data []byte) string {
	t.Helper()
	var out strings.Builder
	if err := Cat(&out, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCat(t *testing.T) {
	table := kindsTable(t)
	data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table,
		fill(row{}, 0),
		fill(row{
			"word": "a\"b\\c\nd\te\x01 <ü>", "i32": int64(-3), "amount": int64(math.MinInt64), "double": 0.1, "double_plain": -1e300, "flag": int64(1),
			"at": int64(-1), "price": int64(-45_000), "price_dict": int64(1200), "price_delta": int64(7),
			"attrs": []string{"a", "b", "c", ""}, "attrs_given": []string{"k", "v"}, "tags": []string{"x", ""},
			"_extra": `{"big":123456789012345678901234567890,"deep":{"a":[1,null]}}`,
		}, 1),
		fill(row{"text": "", "flag": int64(0), "double": math.Inf(-1), "price": int64(999_999_999_999_999_999), "tags": []string{}, "attrs": []string{}, "_extra": "no JSON"}, 2),
	)})
	want := strings.TrimPrefix(`
{"id":"id-000000","time":"2027-01-15T08:00:00.000000Z","word":"w","amount":0,"attrs_given":{},"tags_given":[],"received_at":"2027-01-15T08:00:00.000005Z"}
{"id":"id-000001","time":"2027-01-15T08:00:00.000001Z","word":"a\"b\\c\nd\te\u0001 <ü>","i32":-3,"amount":-9223372036854775808,"double":0.1,"double_plain":-1e+300,"flag":true,"at":"1969-12-31T23:59:59.999999Z","price":-0.045,"price_dict":12,"price_delta":7,"attrs":{"a":"b","c":""},"attrs_given":{"k":"v"},"tags":["x",""],"tags_given":[],"received_at":"2027-01-15T08:00:00.000006Z","_extra":{"big":123456789012345678901234567890,"deep":{"a":[1,null]}}}
{"id":"id-000002","time":"2027-01-15T08:00:00.000002Z","word":"w","text":"","amount":2,"double":"-Inf","flag":false,"price":999999999999.999999,"attrs":{},"attrs_given":{},"tags":[],"tags_given":[],"received_at":"2027-01-15T08:00:00.000007Z","_extra":"no JSON"}
`, "\n")
	if diff := cmp.Diff(want, catFile(t, data)); diff != "" {
		t.Errorf("output differs (-want +got):\n%s", diff)
	}
}

func TestDecimalText(t *testing.T) {
	for _, c := range []struct {
		unscaled int64
		scale    int
		want     string
	}{
		{0, 0, "0"},
		{0, 6, "0"},
		{1, 6, "0.000001"},
		{-1, 6, "-0.000001"},
		{1_000_000, 6, "1"},
		{-1_500_000, 6, "-1.5"},
		{12, 1, "1.2"},
		{120, 1, "12"},
		{120, 0, "120"},
		{math.MaxInt64, 18, "9.223372036854775807"},
		{math.MinInt64, 18, "-9.223372036854775808"},
		{100, 18, "0.0000000000000001"},
	} {
		if got := string(appendDecimal(nil, c.unscaled, c.scale)); got != c.want {
			t.Errorf("%d with scale %d is %q, want %q", c.unscaled, c.scale, got, c.want)
		}
	}
}

// Whatever is in a file comes out as valid JSON.
func TestCatIsJSON(t *testing.T) {
	table := kindsTable(t)
	rows := repeat(edgeRows(), 50)
	data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, rows...)})
	lines := strings.Split(strings.TrimSuffix(catFile(t, data), "\n"), "\n")
	if len(lines) != len(rows) {
		t.Fatalf("%d lines, want %d", len(lines), len(rows))
	}
	for i, want := range inOrder(rows) {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatalf("line %d: %v\n%s", i, err, lines[i])
		}
		for name, v := range want {
			if s, ok := v.(string); ok && name != "_extra" && got[name] != s {
				t.Errorf("line %d: %s is %q, want %q", i, name, got[name], s)
			}
		}
		for name := range got {
			if want[name] == nil {
				t.Errorf("line %d: %s has a value and should not", i, name)
			}
		}
	}
}

// readWatch notes how far the first half of a file has been read.
type readWatch struct {
	*bytes.Reader
	highest int64
}

func (r *readWatch) ReadAt(p []byte, off int64) (int, error) {
	if end := off + int64(len(p)); end < r.Size()/2 {
		r.highest = max(r.highest, end)
	}
	return r.Reader.ReadAt(p, off)
}

// The first rows are written before the last are read.
func TestCatStreams(t *testing.T) {
	table := kindsTable(t)
	var groups [][]*schema.Batch
	for g := range 20 {
		var rows []row
		for i := range 20 {
			rows = append(rows, incompressible(20*g+i, 10_000))
		}
		groups = append(groups, []*schema.Batch{batchOf(table, rows...)})
	}
	data := newRig(t, func(c *Config) { c.MemoryFile = 64 << 20 }).write(t, table, groups...)
	r := &readWatch{Reader: bytes.NewReader(data)}
	first := int64(0)
	w := writerFunc(func(p []byte) (int, error) {
		if first == 0 {
			first = r.highest
		}
		return len(p), nil
	})
	if err := Cat(w, r, r.Size()); err != nil {
		t.Fatal(err)
	}
	if first == 0 || first > r.Size()/5 {
		t.Errorf("%d of %d bytes were read before the first was written", first, r.Size())
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestCatRefuses(t *testing.T) {
	table := kindsTable(t)
	data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, someRows(50)...)})
	if err := Cat(io.Discard, bytes.NewReader(data[:len(data)-1]), int64(len(data)-1)); err == nil {
		t.Error("Cat() of a truncated file succeeded")
	}
	full := fmt.Errorf("full")
	if err := Cat(writerFunc(func([]byte) (int, error) { return 0, full }), bytes.NewReader(data), int64(len(data))); err == nil {
		t.Error("Cat() to a writer that fails succeeded")
	}
	type foreign struct {
		Nested struct{ A, B int64 }
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []foreign{{}}); err != nil {
		t.Fatal(err)
	}
	if err := Cat(io.Discard, bytes.NewReader(b.Bytes()), int64(b.Len())); err == nil {
		t.Error("Cat() of a file with a nested column succeeded")
	}
	// A flipped bit in a page fails its checksum. One in a header may mean nothing, or
	// anything: it is no panic.
	refused := 0
	for i := 4; i < len(data); i += 7 {
		damaged := bytes.Clone(data)
		damaged[i] ^= 0x10
		if err := Cat(io.Discard, bytes.NewReader(damaged), int64(len(damaged))); err != nil {
			refused++
		}
	}
	if all := len(data) / 7; refused < all/2 {
		t.Errorf("%d of %d damaged files are refused", refused, all)
	}
}
