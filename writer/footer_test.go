package writer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"parquay/schema"
)

func TestMetadataAndFooter(t *testing.T) {
	table := kindsTable(t)
	r := newRig(t, nil)
	rows := someRows(20)
	data := r.write(t, table, []*schema.Batch{batchOf(table, rows[:10]...)}, []*schema.Batch{batchOf(table, rows[10:]...)})
	info, err := ReadInfo(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := Info{
		FileID: testID("kinds"), Rows: 20, Schema: table.Fingerprint(), Version: "1.2.3",
		MinTime: time.UnixMicro(testTime(1)).UTC(), MaxTime: time.UnixMicro(testTime(20)).UTC(),
	}
	if diff := cmp.Diff(want, info); diff != "" {
		t.Errorf("metadata differs (-want +got):\n%s", diff)
	}
	// What the footer says itself: parquet-go numbers row groups anew when it opens.
	var footer format.FileMetaData
	length := int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data[len(data)-8-length:len(data)-8], &footer); err != nil {
		t.Fatal(err)
	}
	again, err := thrift.Marshal(new(thrift.CompactProtocol), footer)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, data[len(data)-8-length:len(data)-8]) {
		t.Error("parquet-go encodes what it has read of the footer in another way")
	}
	f := openParquet(t, data)
	if got := footer.CreatedBy; got != "parquay version 1.2.3" {
		t.Errorf("created by %q", got)
	}
	for i, g := range f.RowGroups() {
		got := g.SortingColumns()
		if len(got) != 1 || got[0].Path()[0] != "time" || got[0].Descending() {
			t.Errorf("row group %d is sorted by %v", i, got)
		}
		meta := footer.RowGroups[i]
		if int(meta.Ordinal) != i || meta.NumRows != 10 {
			t.Errorf("row group %d: ordinal %d, %d rows", i, meta.Ordinal, meta.NumRows)
		}
		total := int64(0)
		for _, c := range meta.Columns {
			total += c.MetaData.TotalCompressedSize
		}
		if total != meta.TotalCompressedSize {
			t.Errorf("row group %d: %d bytes, its columns have %d", i, meta.TotalCompressedSize, total)
		}
	}
	var names []string
	for _, field := range f.Schema().Fields() {
		names = append(names, field.Name())
	}
	var columns []string
	for _, c := range table.Columns() {
		columns = append(columns, c.Name)
	}
	if diff := cmp.Diff(columns, names); diff != "" {
		t.Errorf("columns are not in the table's order (-want +got):\n%s", diff)
	}
}

func TestDeclaredSchema(t *testing.T) {
	table := kindsTable(t)
	data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, someRows(1)...)})
	want := strings.TrimSpace(`
message kinds {
	required binary id (STRING);
	required int64 time (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	required binary word (STRING);
	optional binary text (STRING);
	optional binary plain (STRING);
	optional binary delta (STRING);
	optional int32 i32 (INT(32,true));
	optional int32 i32_delta (INT(32,true));
	optional int32 i32_plain (INT(32,true));
	required int64 amount (INT(64,true));
	optional int64 i64_dict (INT(64,true));
	optional int64 i64_delta (INT(64,true));
	optional int64 i64_plain (INT(64,true));
	optional double double;
	optional double double_plain;
	optional boolean flag;
	optional int64 at (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional int64 at_dict (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional int64 price (DECIMAL(18,6));
	optional int64 price_dict (DECIMAL(9,2));
	optional int64 price_delta (DECIMAL(18,0));
	optional group attrs (MAP) {
		repeated group key_value {
			required binary key (STRING);
			required binary value (STRING);
		}
	}
	required group attrs_given (MAP) {
		repeated group key_value {
			required binary key (STRING);
			required binary value (STRING);
		}
	}
	optional group tags (LIST) {
		repeated group list {
			required binary element (STRING);
		}
	}
	required group tags_given (LIST) {
		repeated group list {
			required binary element (STRING);
		}
	}
	required int64 received_at (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional binary _extra (STRING);
}`)
	if diff := cmp.Diff(want, openParquet(t, data).Schema().String()); diff != "" {
		t.Errorf("schema differs (-want +got):\n%s", diff)
	}
}

// A Go program reads the file with the types that it would write itself.
func TestReadAsGoStructs(t *testing.T) {
	type event struct {
		ID    string            `parquet:"id"`
		Time  time.Time         `parquet:"time,timestamp(microsecond)"`
		Text  *string           `parquet:"text,optional"`
		Flag  *bool             `parquet:"flag,optional"`
		Attrs map[string]string `parquet:"attrs,optional"`
		Tags  []string          `parquet:"tags,optional,list"`
	}
	table := kindsTable(t)
	text, flag := "hello", true
	data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table,
		fill(row{"text": text, "flag": int64(1), "attrs": []string{"a", "b", "c", "d"}, "tags": []string{"x", "y"}}, 0),
		fill(row{}, 1),
	)})
	got, err := parquet.Read[event](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	want := []event{
		{ID: "id-000000", Time: micros(testTime(0)), Text: &text, Flag: &flag, Attrs: map[string]string{"a": "b", "c": "d"}, Tags: []string{"x", "y"}},
		{ID: "id-000001", Time: micros(testTime(1))},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
}

func TestReadInfoRefuses(t *testing.T) {
	table := kindsTable(t)
	data := newRig(t, nil).write(t, table, []*schema.Batch{batchOf(table, someRows(20)...)})
	damage := func(from, to string) []byte {
		if !bytes.Contains(data, []byte(from)) || len(from) != len(to) {
			t.Fatalf("the file has no %q", from)
		}
		return bytes.Replace(data, []byte(from), []byte(to), 1)
	}
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"truncated", data[:len(data)-9]},
		{"another's", damage("parquay.cut", "nobodys.cut")},
		{"no number", damage("parquay.rows\x18\x0220", "parquay.rows\x18\x02xx")},
		{"another number of rows", damage("parquay.rows\x18\x0220", "parquay.rows\x18\x0221")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if info, err := ReadInfo(bytes.NewReader(c.data), int64(len(c.data))); !errors.Is(err, ErrInfo) {
				t.Errorf("ReadInfo() = %+v, %v; want ErrInfo", info, err)
			}
		})
	}
}
