// parquay cat: what Parquet files and journal segments hold, as NDJSON.

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"parquay/buffer/journal"
	"parquay/buffer/journal/vfs"
	"parquay/writer"
)

func catCommand() command {
	return command{
		name:    "cat",
		args:    "FILE…",
		summary: "print Parquet files or journal segments as NDJSON",
		details: `
Prints each row of Parquet files as a JSON object, or each frame of journal
segments with its window, its sequence and what its batches hold. Files are told
apart by their first bytes. It changes nothing: a segment may be read while its
journal is in use.

Exit codes: 0 all was read, 1 a file can't be read or a segment is damaged.`,
		run: runCat,
	}
}

func runCat(_ context.Context, cmd command, args []string, c console) error {
	set := cmd.flags(c)
	if err := cmd.parse(set, args, 1, -1); err != nil {
		return err
	}
	out := bufio.NewWriter(c.out)
	var problems []error
	for _, name := range set.Args() {
		if err := catFile(name, out, c.err); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(append(problems, out.Flush())...)
}

// parquetMagic begins every Parquet file.
const parquetMagic = "PAR1"

func catFile(name string, out, notes io.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	magic := make([]byte, len(parquetMagic))
	if _, err := f.ReadAt(magic, 0); err == nil && string(magic) == parquetMagic {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return writer.Cat(out, f, info.Size())
	}
	return catSegment(name, out, notes)
}

// frameLine is a frame as cat prints it.
type frameLine struct {
	Window   string      `json:"window"`
	Sequence uint64      `json:"sequence"`
	Batches  []batchLine `json:"batches"`
}

type batchLine struct {
	Table  string `json:"table"`
	Tenant string `json:"tenant"`
	Hour   string `json:"hour"`
	Rows   int    `json:"rows"`
	Bytes  int    `json:"bytes"`
}

// catSegment prints a segment's frames. What a crash left behind the last one is a
// note, since it was never acknowledged; damage is an error.
func catSegment(name string, out, notes io.Writer) error {
	r, err := journal.ReadSegment(vfs.OS{}, name)
	if err != nil {
		return fmt.Errorf("not a Parquet file, and as a journal segment: %w", err)
	}
	defer r.Close()
	lines := json.NewEncoder(out)
	for {
		frame, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = lines.Encode(describe(r.Header(), frame))
		}
		if err != nil {
			return err
		}
	}
	if torn, ok := r.Torn(); ok {
		fmt.Fprintf(notes, "%s: an unfinished frame was left behind, which nobody was answered for\n", torn)
	}
	var damage []error
	for _, d := range r.Damage() {
		damage = append(damage, fmt.Errorf("at %d: %d frames lost in %d bytes: %s", d.Offset, d.Frames, d.Bytes, d.Reason))
	}
	return errors.Join(damage...)
}

func describe(h *journal.Header, frame journal.Frame) frameLine {
	line := frameLine{Window: h.ID().String(), Sequence: frame.Sequence, Batches: make([]batchLine, len(frame.Batches))}
	for i, b := range frame.Batches {
		line.Batches[i] = batchLine{
			Table:  h.Tables[b.Table].Name,
			Tenant: b.Tenant,
			Hour:   time.Unix(b.Hour*3600, 0).UTC().Format("2006-01-02T15"),
			Rows:   b.Rows,
			Bytes:  len(b.Bytes),
		}
	}
	return line
}
