package writer

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"parquay/schema"
)

// BenchmarkRival makes files of the same batches with parquet-go's own writer, by
// its fastest public way: a column at a time, from boxed values. It is told the
// encodings that ours finds, reuses its memory, sorts nothing and reads nothing
// back.
func BenchmarkRival(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, maxGroupRows} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			batches := eventBatches(n)
			columns := schema.NewColumns(schema.Events())
			var out bytes.Buffer
			w := parquet.NewGenericWriter[any](&out, rivalSchema(schema.Events()),
				parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}), parquet.PageBufferSize(pageBytes),
				parquet.DataPageStatistics(false), parquet.DataPageVersion(1), parquet.DictionaryMaxBytes(maxDictionaryBytes))
			leaves := make(map[string][]*parquet.ColumnWriter)
			for i, path := range w.Schema().Columns() {
				leaves[path[0]] = append(leaves[path[0]], w.ColumnWriters()[i])
			}
			var values []parquet.Value
			file := func() {
				out.Reset()
				w.Reset(&out)
				columns.Reset()
				for _, batch := range batches {
					if err := columns.AppendBatch(batch.Bytes); err != nil {
						b.Fatal(err)
					}
				}
				for i, c := range columns.Table().Columns() {
					for part, leaf := range leaves[c.Name] {
						values = rivalColumn(b, leaf, columns.Vector(i), &c, part, n, values)
					}
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
			file()
			b.ReportAllocs()
			begin := cpuTime()
			for b.Loop() {
				file()
			}
			cpu := cpuTime() - begin
			b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "cpu-µs/op")
			b.ReportMetric(float64(n)*float64(b.N)/cpu.Seconds(), "events/cpu-s")
			b.ReportMetric(float64(out.Len())/float64(n), "B/event")
		})
	}
}

func rivalSchema(t *schema.Table) *parquet.Schema {
	text := parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	group := parquet.Group{}
	for i, c := range t.Columns() {
		var n parquet.Node
		switch {
		case c.Kind == schema.StringMap:
			n = parquet.Map(text, parquet.Encoded(parquet.String(), &parquet.DeltaByteArray))
		case c.Kind == schema.String && (c.Encoding == schema.EncodingPlain || c.Name == "conversation_id" || c.Name == "recipient" || i == t.IDColumn()):
			n = parquet.Encoded(parquet.String(), &parquet.DeltaByteArray)
		case c.Kind == schema.String:
			n = text
		case c.Kind == schema.Timestamp:
			n = parquet.Encoded(parquet.Timestamp(parquet.Microsecond), &parquet.DeltaBinaryPacked)
		case c.Kind == schema.Decimal:
			n = parquet.Encoded(parquet.Decimal(c.Scale, c.Precision, parquet.Int64Type), &parquet.RLEDictionary)
		case c.Kind == schema.Int32:
			n = parquet.Encoded(parquet.Int(32), &parquet.RLEDictionary)
		}
		if !c.Required {
			n = parquet.Optional(n)
		}
		group[c.Name] = n
	}
	return parquet.NewSchema(t.Name(), group)
}

// rivalColumn writes a column a thousand rows at a time.
func rivalColumn(b *testing.B, w *parquet.ColumnWriter, v *schema.Vector, c *schema.Column, part, rows int, values []parquet.Value) []parquet.Value {
	defined := 1
	if c.Required {
		defined = 0
	}
	for from := 0; from < rows; from += 1000 {
		values = values[:0]
		for row := from; row < min(from+1000, rows); row++ {
			switch {
			case !v.Present(row):
				values = append(values, parquet.Value{}.Level(0, 0, 0))
			case c.Kind == schema.StringMap:
				first, end := v.Elements(row)
				for i := first; i < end; i++ {
					text := v.Key
					if part == 1 {
						text = v.Element
					}
					values = append(values, parquet.ByteArrayValue(text(i)).Level(min(i-first, 1), defined+1, 0))
				}
			case c.Kind == schema.String:
				values = append(values, parquet.ByteArrayValue(v.Bytes(row)).Level(0, defined, 0))
			case c.Kind == schema.Int32:
				values = append(values, parquet.Int32Value(int32(v.Int64(row))).Level(0, defined, 0))
			default:
				values = append(values, parquet.Int64Value(v.Int64(row)).Level(0, defined, 0))
			}
		}
		if _, err := w.WriteRowValues(values); err != nil {
			b.Fatal(err)
		}
	}
	return values
}
