package journal_test

// This file compares the bytes that are written with those that FORMAT.md draws.

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parquay/buffer/journal"
	"parquay/buffer/journal/mediumtest"
	"parquay/buffer/journal/vfs/crashfs"
)

// example is the segment that FORMAT.md shows.
func example(t *testing.T) (file string, content []byte, frames []journal.Frame) {
	t.Helper()
	inc, err := journal.ParseIncarnation("000102030405060708090a0b0c0d0e0f")
	if err != nil {
		t.Fatal(err)
	}
	h := &journal.Header{
		Incarnation: inc,
		Window:      7,
		Opened:      time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC),
		FileRows:    2_000_000,
		Tables:      []journal.Table{{Name: "events", Document: []byte(`{"type":"object"}`)}},
	}
	frames = []journal.Frame{
		{Sequence: 41, Batches: []journal.Batch{
			{Tenant: "acme", Hour: 498_775, Rows: 3, Bytes: []byte("ABCDEFGH")},
			{Tenant: "zenith", Hour: 498_774, Rows: 1, Bytes: []byte("xyz")},
		}},
		{Sequence: 42, Batches: []journal.Batch{}},
	}
	fsys := crashfs.New(1)
	d, err := journal.OpenDisk(fsys, "journal", inc, journal.Options{Ahead: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		frame := journal.AppendFrame(nil, inc, f.Sequence, f.Batches)
		if len(frame) != journal.FrameSize(f.Batches) {
			t.Errorf("frame of %d bytes, said to be %d", len(frame), journal.FrameSize(f.Batches))
		}
		if _, err := d.Append(h, f.Sequence, frame, true); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := fsys.ReadDir("journal")
	if err != nil || len(entries) != 2 {
		t.Fatal(entries, err)
	}
	file = entries[0].Name()
	content, err = fsys.ReadFile("journal/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return file, content, frames
}

// A change of a single byte breaks every journal in the field: it needs a new
// version, and a reader for both.
func TestFormat(t *testing.T) {
	file, content, _ := example(t)
	name, drawn := readFormat(t)
	if name != file {
		t.Errorf("the segment is %s, FORMAT.md says %s", file, name)
	}
	if diff := cmp.Diff(hex.Dump(drawn), hex.Dump(content)); diff != "" {
		t.Errorf("(-FORMAT.md +written):\n%s", diff)
	}
}

// The bytes that FORMAT.md draws are read.
func TestReadFormat(t *testing.T) {
	_, _, want := example(t)
	_, drawn := readFormat(t)
	fsys := crashfs.New(1)
	if err := fsys.WriteFile("segment", drawn); err != nil {
		t.Fatal(err)
	}
	r, err := journal.ReadSegment(fsys, "segment")
	if err != nil {
		t.Fatal(err)
	}
	got, err := mediumtest.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// readFormat returns the example of FORMAT.md: a block of lines, the first with the
// segment's name, the others with bytes, two spaces, and what they are.
func readFormat(t *testing.T) (name string, content []byte) {
	t.Helper()
	document, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := bytes.Cut(document, []byte("```hex\n"))
	block, _, _ = bytes.Cut(block, []byte("```"))
	lines := bufio.NewScanner(bytes.NewReader(block))
	lines.Scan()
	name = lines.Text()
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "  ")
		b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		content = append(content, b...)
	}
	return name, content
}
