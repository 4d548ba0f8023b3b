package rows

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"parquay/loadtest/scenario"
)

var plan = scenario.Plan{Seed: 1, Table: "events", Tenants: []string{"default"}}

// ids makes the ids of two workers' events of a plan, so many of each.
func ids(p *scenario.Plan, each int) (list []string) {
	const before = len(`{"id":"`)
	m := scenario.NewMaker(p)
	for worker := range 2 {
		for i := range int64(each) {
			text, _ := m.Append(nil, worker, i, 0, 1_800_000_000_000)
			list = append(list, string(text[before:before+scenario.IDLength]))
		}
	}
	return list
}

// write makes a file with a column, in row groups of 100; an empty text is null.
func write(t *testing.T, path, column string, texts ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "before", Type: arrow.BinaryTypes.String}, {Name: column, Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, text := range texts {
		b.Field(0).(*array.StringBuilder).Append("something")
		if id := b.Field(1).(*array.StringBuilder); text == "" {
			id.AppendNull()
		} else {
			id.Append(text)
		}
	}
	record := b.NewRecordBatch()
	defer record.Release()
	w, err := pqarrow.NewFileWriter(schema, f,
		parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithMaxRowGroupLength(100)),
		pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(record), w.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestCount(t *testing.T) {
	const each = 150
	all := ids(&plan, each)
	other := plan
	other.Seed++
	strangers := ids(&other, 1)
	beyond := ids(&plan, each+1)[each] // the first worker's next
	spoilt := "x" + all[0][1:]
	tests := []struct {
		name  string
		files map[string][]string
		want  Tally
	}{
		{"all once", map[string][]string{"a": all}, Tally{Files: 1, Rows: 300}},
		{"in several files and folders", map[string][]string{"a": all[:10], "dt=2026-11-23/hour=07/b.parquet": all[10:]}, Tally{Files: 2, Rows: 300}},
		{"lost", map[string][]string{"a": all[2:]}, Tally{Files: 1, Rows: 298, Lost: 2}},
		{"a whole worker's lost", map[string][]string{"a": all[:each]}, Tally{Files: 1, Rows: each, Lost: each}},
		{"doubled", map[string][]string{"a": all, "b": {all[7], all[7], all[299]}}, Tally{Files: 2, Rows: 303, Doubled: 3}},
		{"of another plan", map[string][]string{"a": append(strangers, all...)}, Tally{Files: 1, Rows: 302, Foreign: 2}},
		{"never sent", map[string][]string{"a": append([]string{beyond}, all...)}, Tally{Files: 1, Rows: 301, Foreign: 1}},
		{"spoilt, and so lost", map[string][]string{"a": append([]string{spoilt}, all[1:]...)}, Tally{Files: 1, Rows: 300, Lost: 1, Foreign: 1}},
		{"without an id", map[string][]string{"a": append([]string{"", "nonsense"}, all...)}, Tally{Files: 1, Rows: 302, Foreign: 2}},
		{"hidden", map[string][]string{"a": all, "_staging/b": all, ".c.inprogress": all}, Tally{Files: 1, Rows: 300}},
		{"none", nil, Tally{Lost: 300}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, texts := range test.files {
				write(t, filepath.Join(dir, name), "id", texts...)
			}
			got, err := Count(dir, &plan, Sent{each, each})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(Tally{}, "Bytes")); diff != "" {
				t.Errorf("the tally differs (-want +got):\n%s", diff)
			}
			if right := test.want.Lost+test.want.Doubled+test.want.Foreign == 0; got.Right() != right {
				t.Errorf("it is right: %v", got.Right())
			}
			if (got.Bytes > 0) != (got.Files > 0) {
				t.Errorf("%d files have %d bytes", got.Files, got.Bytes)
			}
		})
	}
}

func TestCountRefuses(t *testing.T) {
	all := ids(&plan, 150)
	whole := filepath.Join(t.TempDir(), "whole")
	write(t, whole, "id", all...)
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(path string){
		"not Parquet":  func(path string) { _ = os.WriteFile(path, []byte(`{"id":"1"}`+"\n"), 0o600) },
		"cut off":      func(path string) { _ = os.WriteFile(path, text[:len(text)-9], 0o600) },
		"empty":        func(path string) { _ = os.WriteFile(path, nil, 0o600) },
		"without ids":  func(path string) { write(t, path, "key", all...) },
		"a damaged id": func(path string) { _ = os.WriteFile(path, []byte(strings.Repeat("PAR1", len(text)/4)), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			spoil(filepath.Join(dir, "file"))
			if tally, err := Count(dir, &plan, Sent{150, 150}); err == nil {
				t.Errorf("there is no error, but %+v", tally)
			}
		})
	}
	if _, err := Count(filepath.Join(t.TempDir(), "none"), &plan, Sent{1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a folder that is not there the error is %v", err)
	}
}
