package journal_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
)

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir() + "/a/journal"
	inc := journal.NewIncarnation()
	d, err := journal.OpenDisk(vfs.OS{}, dir, inc, journal.Options{SegmentBytes: 400})
	if err != nil {
		t.Fatal(err)
	}
	h := &journal.Header{Incarnation: inc, Window: 1, Opened: time.Now().UTC().Truncate(time.Microsecond), FileRows: 5, Tables: []journal.Table{{Name: "events", Document: []byte("{}")}}}
	var want []journal.Frame
	for seq := uint64(1); seq <= 20; seq++ {
		b := []journal.Batch{{Tenant: "acme", Hour: int64(seq), Rows: 3, Bytes: []byte(fmt.Sprint("bytes of ", seq))}}
		want = append(want, journal.Frame{Sequence: seq, Batches: b})
		if err := d.Append(h, seq, journal.AppendFrame(nil, inc, seq, b), true); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, err = journal.OpenDisk(vfs.OS{}, dir, journal.NewIncarnation(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := d.Windows()
	if err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	r, err := d.Open(ids[0])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(h, r.Header()); diff != "" {
		t.Error(diff)
	}
	var got []journal.Frame
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c := journal.Frame{Sequence: f.Sequence}
		for _, b := range f.Batches {
			b.Bytes = append([]byte(nil), b.Bytes...)
			c.Batches = append(c.Batches, b)
		}
		got = append(got, c)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if d := r.Damage(); d != nil {
		t.Error(d)
	}
	if torn, ok := r.Torn(); ok {
		t.Error(torn)
	}
	if err := d.Delete(ids[0]); err != nil {
		t.Fatal(err)
	}
	if d.Usage() != 0 {
		t.Error(d.Usage())
	}
}
