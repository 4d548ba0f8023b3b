package writer

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"parquay/schema"
)

// edgeRows has, for every kind, what is easy to get wrong.
func edgeRows() []row {
	long := strings.Repeat("日本語", 1_000)
	return []row{
		fill(row{}, 0),
		fill(row{
			"word": "", "text": "", "plain": "", "delta": "", "i32": int64(0), "i32_delta": int64(0), "i32_plain": int64(0),
			"i64_dict": int64(0), "i64_delta": int64(0), "i64_plain": int64(0), "double": 0.0, "double_plain": 0.0,
			"flag": int64(0), "at": int64(0), "at_dict": int64(0), "price": int64(0), "price_dict": int64(0), "price_delta": int64(0),
			"attrs": []string{}, "attrs_given": []string{}, "tags": []string{}, "tags_given": []string{}, "_extra": "{}",
		}, 1),
		fill(row{
			"word": "ünï", "text": "😀", "plain": long, "delta": "a\x00b", "i32": int64(math.MinInt32), "i32_delta": int64(math.MaxInt32), "i32_plain": int64(math.MinInt32),
			"i64_dict": int64(math.MinInt64), "i64_delta": int64(math.MaxInt64), "i64_plain": int64(math.MinInt64), "double": -math.MaxFloat64, "double_plain": math.SmallestNonzeroFloat64,
			"flag": int64(1), "at": int64(-1), "at_dict": int64(1), "price": int64(-999_999_999_999_999_999), "price_dict": int64(-1), "price_delta": int64(-5),
			"attrs": []string{"k", ""}, "attrs_given": []string{"", "v", "k", "w"}, "tags": []string{""}, "tags_given": []string{"a", "", "a"}, "_extra": `{"x":1}`,
		}, 2),
		fill(row{
			"word": "", "text": "😀", "plain": "x", "delta": long, "i32": int64(math.MaxInt32), "i32_delta": int64(math.MinInt32), "i32_plain": int64(math.MaxInt32),
			"i64_dict": int64(math.MaxInt64), "i64_delta": int64(math.MinInt64), "i64_plain": int64(math.MaxInt64), "double": math.Inf(1), "double_plain": math.Copysign(0, -1),
			"flag": int64(0), "at": int64(1), "at_dict": int64(1), "price": int64(999_999_999_999_999_999), "price_dict": int64(-1), "price_delta": int64(5),
			"attrs": []string{"k", "v", "l", "w"}, "tags": []string{"a", "b", "c"},
		}, 3),
	}
}

func TestRoundTripOfEveryKind(t *testing.T) {
	table := kindsTable(t)
	rows := edgeRows()
	for _, c := range []struct {
		name string
		rows []row
	}{
		{"all", rows},
		{"one, nearly empty", rows[:1]},
		{"one, zero values", rows[1:2]},
		{"one, extremes", rows[2:3]},
		{"many, so that dictionaries pay", repeat(rows, 300)},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, c.rows...)})
			if diff := cmp.Diff(inOrder(c.rows), readRows(t, data), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("rows differ (-want +got):\n%s", diff)
			}
			checkBounds(t, data)
		})
	}
}

func repeat(rows []row, n int) []row {
	var all []row
	for i := range n {
		for _, r := range rows {
			again := make(row)
			for name, v := range r {
				again[name] = v
			}
			again["time"] = testTime(int64(len(all)*7919) % 1000)
			again["amount"] = int64(i)
			all = append(all, again)
		}
	}
	return all
}
