package writer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"parquay/buffer/journal/vfs/crashfs"
	"parquay/schema"
)

// A spool file that does not give back what was written, though it did when it was
// finished, is never put: nobody syncs it, so a disk may have lost it without a word
// (I4). The Put ends, for the rows are in the journal.
func TestSpoolLosesBytes(t *testing.T) {
	table := kindsTable(t)
	zero := func(data []byte, from, to int) []byte { clear(data[from:to]); return data }
	for _, test := range []struct {
		name string
		lose func(data []byte) []byte // nil for the whole file
		want error
	}{
		{"the first page", func(d []byte) []byte { return zero(d, 0, 4096) }, errOtherBytes},
		{"a page", func(d []byte) []byte { return zero(d, 40<<10, 44<<10) }, errOtherBytes},
		{"the end", func(d []byte) []byte { return zero(d, len(d)-100, len(d)) }, errOtherBytes},
		{"a bit", func(d []byte) []byte { d[70_000] ^= 4; return d }, errOtherBytes},
		{"cut off", func(d []byte) []byte { return d[:len(d)-1] }, errOtherBytes},
		{"empty", func(d []byte) []byte { return d[:0] }, errOtherBytes},
		{"gone", nil, fs.ErrNotExist},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bucket := newDir(crashfs.New(2), "/bucket")
				metrics := prometheus.NewRegistry()
				r := newRig(t, func(c *Config) {
					c.MemoryFile, c.Putter = 0, NewPutter(bucket, 4, slog.New(slog.DiscardHandler), NewPutMetrics(metrics))
				})
				f, err := r.Create(testID("kinds"), table)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Discard()
				for i := range 20 {
					if err := f.Append(t.Context(), []*schema.Batch{batchOf(table, incompressible(i, 8000))}); err != nil {
						t.Fatal(err)
					}
				}
				if rows, err := f.Close(t.Context()); err != nil || rows != 20 {
					t.Fatalf("Close() = %d, %v", rows, err)
				}
				data, err := r.fs.ReadFile(f.body.name)
				if err != nil || len(data) < 100_000 {
					t.Fatalf("%d bytes, %v", len(data), err)
				}
				if test.lose == nil {
					err = r.fs.Remove(f.body.name)
				} else {
					err = r.fs.WriteFile(f.body.name, test.lose(data))
				}
				if err != nil {
					t.Fatal(err)
				}

				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				err = f.Put(ctx)
				if !errors.Is(err, test.want) || ctx.Err() != nil || KindOf(err) != KindDisk {
					t.Errorf("Put() = %v (%s), want %v at once", err, KindOf(err), test.want)
				}
				if _, err := bucket.Head(t.Context(), testID("kinds").Key()); !errors.Is(err, ErrNotFound) {
					t.Errorf("the bucket has it: %v", err)
				}
				if r.open.count() != 0 {
					t.Errorf("%d descriptors are open", r.open.count())
				}
				if got := metricValue(t, metrics, "parquay_bucket_puts_failing"); got != 0 {
					t.Errorf("%v puts are said to fail", got)
				}
			})
		})
	}
}

// A body that can't be read is the end of its Put, also after the bucket's errors.
func TestPutterUnreadableBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		p, metrics, _ := newTestPutter(1, func(context.Context, string, Body) error {
			switch attempts++; {
			case attempts < 3:
				return statusError(500)
			case attempts == 3:
				return fmt.Errorf("sent: %w", &bodyError{io.ErrUnexpectedEOF})
			}
			return nil
		})
		if err := p.Put(t.Context(), "key", strings.NewReader("x")); !errors.Is(err, io.ErrUnexpectedEOF) || attempts != 3 {
			t.Errorf("Put = %v after %d attempts", err, attempts)
		}
		if puts, _ := p.Failing(); puts != 0 || metricValue(t, metrics, "parquay_bucket_puts_failing") != 0 {
			t.Errorf("%d puts are failing", puts)
		}
	})
}

// Whatever is read of a spool file, in whatever portions it was written, is what was.
func TestBlockSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(0, 3*sumBlock+10).Draw(t, "size")
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * 7 >> 3)
		}
		var sums blockSums
		for rest := data; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "portion")
			sums.add(rest[:n])
			rest = rest[n:]
		}
		off := rapid.IntRange(0, size+5).Draw(t, "off")
		p := make([]byte, rapid.IntRange(0, size+5).Draw(t, "length"))
		want := make([]byte, len(p))
		wantN, wantErr := bytes.NewReader(data).ReadAt(want, int64(off))
		if len(p) == 0 {
			wantErr = nil
		}
		n, err := sums.readAt(bytes.NewReader(data), p, int64(off))
		if n != wantN || err != wantErr || !bytes.Equal(p[:n], want[:n]) {
			t.Fatalf("ReadAt(%d bytes, %d) = %d, %v, want %d, %v", len(p), off, n, err, wantN, wantErr)
		}
		if size == 0 {
			return
		}
		data[rapid.IntRange(0, size-1).Draw(t, "flip")] ^= 1
		if n, err := sums.readAt(bytes.NewReader(data), make([]byte, size), 0); err != errOtherBytes {
			t.Fatalf("of a file that has changed: %d, %v", n, err)
		}
	})
}
